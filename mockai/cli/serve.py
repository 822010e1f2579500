"""`mockai serve`: start a server, say where it is, and run it until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mockai.cli.judging import add_gate_options, demands_at_the_end, tell_the_end
from mockai.cli.logs import add_log_options
from mockai.cli.options import OptionError, add_option, add_switch, choice, policy, port, speed
from mockai.cli.serving import add_door_options, add_limit_options, add_record_options


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_option(parser, "--host", default="127.0.0.1", help="address to listen on")
    add_option(parser, "--port", kind=port, default=8080, help="port to listen on; 0: a free one")
    parser.add_argument(
        "--scenarios",
        nargs="*",
        type=Path,
        metavar="PATH",
        default=_paths(os.environ.get("MOCKAI_SCENARIOS", "")),
        help="scenario files, or folders of them [MOCKAI_SCENARIOS, separated by ':']",
    )
    add_switch(parser, "--watch", help="read the scenarios anew whenever one of the files changes")
    add_switch(parser, "--strict-match", help="no default scenario: a miss is 404")
    add_option(
        parser,
        "--speed",
        kind=speed,
        default=1.0,
        help="scales ttft, rate and pauses of scenarios; inf: no waiting",
    )
    add_option(parser, "--seed", kind=int, help="seed of every scenario, in place of its own")
    add_option(
        parser, "--policy", kind=policy, default="stop-now", help="how a cancel is billed, a preset"
    )
    add_option(
        parser,
        "--half-close",
        kind=choice(("cancel", "continue")),
        default="cancel",
        help="what a FIN means while an answer is under way: cancel or continue",
    )
    add_option(
        parser, "--prices", kind=Path, help="own prices, TOML or YAML, in US dollars per 1M tokens"
    )
    add_option(
        parser,
        "--ready-file",
        kind=Path,
        help="file to write the URL to once requests are accepted",
    )
    add_switch(
        parser,
        "--stop-with-stdin",
        help="stop when standard input ends, as it does when whoever started this has ended",
    )
    add_door_options(parser)
    add_record_options(parser)
    add_gate_options(parser)
    add_limit_options(parser)
    add_log_options(parser)


def run(asked: argparse.Namespace) -> int:
    """Serve until told to stop."""
    import asyncio

    from mockai.cli.logs import configure
    from mockai.http.loading import load_without_certificates

    configure(asked)
    load_without_certificates()
    return asyncio.run(_serve(asked))


async def _serve(asked: argparse.Namespace) -> int:
    from mockai.cli.serving import server_options
    from mockai.cli.stopping import stop_events
    from mockai.cli.watching import Watch
    from mockai.core.loading import read_scenarios
    from mockai.core.policy import preset
    from mockai.core.prices import read_prices, shipped_prices
    from mockai.http.server import Server, serve
    from mockai.http.state import ServerOptions

    if asked.watch and not asked.scenarios:
        raise OptionError("--watch looks at the files that --scenarios names: name some")
    stop, hurry = stop_events(with_stdin=asked.stop_with_stdin)
    # Before they are read, so that no change is missed.
    watch = Watch(asked.scenarios, say=_say) if asked.watch else None
    options = ServerOptions(
        host=asked.host,
        port=asked.port,
        scenarios=tuple(read_scenarios(asked.scenarios)),
        strict_match=asked.strict_match,
        speed=asked.speed,
        seed=asked.seed,
        policy=preset(asked.policy),
        half_close=asked.half_close,
        prices=shipped_prices().with_own(read_prices(asked.prices))
        if asked.prices
        else shipped_prices(),
        **server_options(asked),
    )

    def ready(url: str) -> None:
        if asked.ready_file is not None:
            _write_ready(asked.ready_file, url)
        print(f"mockai ready {url}/v1", flush=True)

    async def beside(server: Server) -> None:
        if watch is not None:
            await watch.run(server.reload)

    demands = demands_at_the_end(asked, options.scenarios)
    seen = await serve(options, ready, stop, hurry, beside)
    return tell_the_end(asked, seen, demands)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write_ready(path: Path, url: str) -> None:
    from mockai.core.errors import MockaiError

    try:
        path.write_text(f"{url}/v1\n", encoding="utf-8")
    except OSError as error:
        raise MockaiError(f"cannot write the ready file {path}: {error.strerror}") from None


def _paths(text: str) -> list[Path]:
    return [Path(part) for part in text.split(os.pathsep) if part]
