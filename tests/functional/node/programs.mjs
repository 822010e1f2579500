// Programs with the official Node client, driven by lines of JSON.
// In: {id, program, baseURL, tokens} starts one, {id} tells it to cancel.
// Out: {id, reached} when it has read as many tokens (0: the headers), {id, seen, error} at its end.
// A program that is a relay is left by its own client instead: what cancels is its server's affair.
// Nothing here waits for time to pass: whoever drives it knows when the server holds the answer.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import OpenAI from "openai";

const asked = {
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Tell me a story" }],
};
const forgotten = []; // kept from the collector, which might close what a program has left open

function say(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function open(client, run, options) {
  const stream = await client.chat.completions.create({ ...asked, stream: true }, options);
  if (run.tokens === 0) say({ id: run.id, reached: 0 });
  return stream;
}

// Counts a token; true when it is the one after which the program has seen enough.
function see(chunk, run) {
  if (!chunk.choices[0]?.delta.content) return false;
  run.seen += 1;
  if (run.seen !== run.tokens) return false;
  say({ id: run.id, reached: run.seen });
  return true;
}

async function readAll(stream, run) {
  for await (const chunk of stream) see(chunk, run);
}

// A server that asks the model for its own client; `listen` says which event is the client's leaving.
async function relay(client, run, listen) {
  const controller = new AbortController();
  const server = createServer(async (request, response) => {
    const leaving = () => controller.abort();
    if (listen === "request, at once") request.on("close", leaving);
    for await (const _ of request); // what a parser of bodies does: now the request has closed
    await new Promise(setImmediate);
    if (listen === "request, late") request.on("close", leaving);
    if (listen === "response") response.on("close", leaving);
    try {
      await readAll(await open(client, run, { signal: controller.signal }), run);
    } catch {} // nobody is there to be told
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = new AbortController();
  run.told.then(() => browser.abort());
  const address = `http://127.0.0.1:${server.address().port}`;
  await fetch(address, { method: "POST", body: "Hi", signal: browser.signal }).catch(() => {});
  server.close();
}

const programs = {
  // ── right ways ──
  async break(client, run) {
    for await (const chunk of await open(client, run)) {
      if (see(chunk, run)) {
        await run.told;
        break;
      }
    }
  },
  async throw(client, run) {
    for await (const chunk of await open(client, run)) {
      if (see(chunk, run)) {
        await run.told;
        throw new RangeError("enough");
      }
    }
  },
  async controller(client, run) {
    const stream = await open(client, run);
    run.told.then(() => stream.controller.abort());
    await readAll(stream, run);
  },
  async signal(client, run) {
    const controller = new AbortController();
    run.told.then(() => controller.abort());
    await readAll(await open(client, run, { signal: controller.signal }), run);
  },
  async signalWhole(client, run) {
    const controller = new AbortController();
    run.told.then(() => controller.abort());
    await client.chat.completions.create(asked, { signal: controller.signal });
  },
  async helper(client, run) {
    const stream = client.chat.completions.stream(asked);
    run.told.then(() => stream.abort());
    await readAll(stream, run);
  },

  // ── wrong ways ──
  async flag(client, run) {
    let stopped = false;
    for await (const chunk of await open(client, run)) {
      if (!stopped && see(chunk, run)) {
        await run.told;
        stopped = true;
      }
    }
  },
  async forget(client, run) {
    const stream = await open(client, run);
    const chunks = stream[Symbol.asyncIterator]();
    forgotten.push(stream, chunks);
    while (!see((await chunks.next()).value, run));
    await run.told;
  },
  async race(client, run) {
    const reading = open(client, run).then((stream) => readAll(stream, run));
    forgotten.push(reading.catch(() => {}));
    await Promise.race([reading, run.told]);
  },

  relayRequestAtOnce: (client, run) => relay(client, run, "request, at once"),
  relayRequestLate: (client, run) => relay(client, run, "request, late"),
  relayResponse: (client, run) => relay(client, run, "response"), // the right one

  // ── reading to the end ──
  async read(client, run) {
    await readAll(await open(client, run), run);
  },
  async whole(client, run) {
    const answer = await client.chat.completions.create(asked);
    run.seen = answer.usage.completion_tokens;
  },
};

const running = new Map();

async function start({ id, program, baseURL, tokens }) {
  const run = { id, tokens, seen: 0 };
  run.told = new Promise((tell) => running.set(id, tell));
  let error = null;
  try {
    await programs[program](new OpenAI({ baseURL, apiKey: "sk-any", maxRetries: 0 }), run);
  } catch (raised) {
    error = raised.constructor.name;
  }
  say({ id, seen: run.seen, error });
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.program) start(command);
  else running.get(command.id)();
}
process.exit();
