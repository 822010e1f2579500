// Asks the official Node client as a plain program does, and says what came of it. Driven by
// lines of JSON, {id, baseURL, stream, timeout}; all run side by side.
import { createInterface } from "node:readline";
import OpenAI from "openai";

const asked = {
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Tell me a story" }],
};

async function ask({ id, baseURL, stream, timeout }) {
  const over = { id, said: "", reason: null, error: null };
  const note = (choice, message) => {
    over.said += message?.content ?? "";
    over.reason = choice?.finish_reason ?? over.reason;
  };
  try {
    const client = new OpenAI({ baseURL, apiKey: "sk-any", timeout });
    const answer = await client.chat.completions.create({ ...asked, stream });
    if (stream) for await (const { choices } of answer) note(choices?.[0], choices?.[0]?.delta);
    else note(answer.choices[0], answer.choices[0].message);
  } catch (error) {
    over.error = error.constructor.name;
  }
  process.stdout.write(`${JSON.stringify(over)}\n`);
}

const all = [];
for await (const line of createInterface({ input: process.stdin })) all.push(ask(JSON.parse(line)));
await Promise.all(all);
process.exit();
