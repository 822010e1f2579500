"""`python -m benchmarks`: every case against every server, round by round, in one run.

The rounds are interleaved, so that what else the machine does hits all servers alike, and
ratios are taken inside a round. It measures and reports; it never judges.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import counts, goals, picture, report
from benchmarks.measure import Case, detect, measure, start
from benchmarks.servers import NAMES, Answer, Tools, compiled, pin
from benchmarks.truth import leave_at_random, never_read

HERE = Path(__file__).parent
RATE = 50.0  # tokens per second: what a reader sees of a fast model
KINDS = ("paced", "at once", "unlimited", "plain", "start", "detection", "leaving", "stalled")
OURS = ("detection", "leaving", "stalled")  # what no other server can be asked
OF_PEERS = ("paced", "at once")  # a peer plays the one answer that its own files script


def cases(*, quick: bool) -> Iterator[Case]:
    """Yield the cases of a run."""
    paced = Answer(tokens=50 if quick else 200, rate=RATE)
    for streams in (1, 100, 1000) if quick else (1, 100, 1000, 1500):
        ramp = 0.0 if streams == 1 else 0.4 if quick else 1.0
        load = ("paced", "--streams", str(streams), "--ramp", str(ramp), "--rate", str(RATE))
        yield Case(f"{streams} × {RATE:g}/s", "paced", paced, streams, load)
    crowd, few = (200, Answer(tokens=20, rate=RATE)) if quick else (2_000, Answer(20, RATE))
    burst = ("paced", "--streams", str(crowd), "--ramp", "0", "--rate", str(RATE))
    yield Case(f"{crowd} opened at once", "at once", few, crowd, burst)
    yield Case("to the ready line", "start", few, 1, (), 1 if quick else 5)
    at_once = Answer(tokens=200, rate=0)
    loop = ("loop", "--streams", "50", "--seconds", "0.4" if quick else "1")
    yield Case("200 tokens each", "unlimited", at_once, 50, loop)
    yield Case("4000 tokens each", "unlimited", Answer(tokens=4_000, rate=0), 50, loop)
    one_by_one = Answer(tokens=4_000, rate=0, single=True)
    yield Case("4000 tokens, one by one", "unlimited", one_by_one, 50, loop)
    yield Case("50 connections", "plain", at_once, 50, (*loop, "--plain", "1"))
    yield from (_detection(100, every=2),) if quick else _detections()
    flow = Answer(tokens=60, rate=1_000, ttft=0.01)
    yield Case("at random, anyhow", "leaving", flow, 200 if quick else 1_000, ())
    flood = Answer(tokens=40_000, rate=0)
    yield Case("clients that never read", "stalled", flood, 20 if quick else 200, ())


def _detections() -> Iterator[Case]:
    yield _detection(1, every=1, token=3, runs=20)
    yield _detection(100, every=2)
    yield _detection(1000, every=10)


def _detection(streams: int, *, every: int, token: int = 80, runs: int = 1) -> Case:
    """Each `every`-th stream is broken off at a token by which all of them have begun."""
    options = {"--streams": streams, "--every": every, "--token": token}
    load = ("cancel", *(str(word) for pair in options.items() for word in pair))
    ramp = ("--ramp", "0" if streams == 1 else "1")
    answer = Answer(tokens=token + 40, rate=RATE)
    name = f"{streams} open × {RATE:g}/s"
    return Case(name, "detection", answer, streams, (*load, *ramp), runs)


def run(options: argparse.Namespace) -> list[report.Row]:
    """Measure; the order of the servers turns with the round."""
    rows: list[report.Row] = []
    chosen = [case for case in cases(quick=options.quick) if case.kind in options.only]
    peers = dict(options.peer)
    with compiled(peers) as tools:
        for number in range(options.rounds):
            for case in chosen:
                asked = [*options.servers, *(peers if case.kind in OF_PEERS else ())]
                for name in _servers_of(case, asked, number):
                    found = _found(name, case, tools, number)
                    rows.append(_row(case, name, number, found))
                    _say(f"round {number + 1}: {case.kind} {case.name}: {name}: {_short(found)}")
    order = [*NAMES, *peers]
    return sorted(rows, key=lambda row: order.index(row["server"]))


def _servers_of(case: Case, chosen: list[str], number: int) -> list[str]:
    if case.kind in OURS:  # the others keep no record
        return ["mockai"] if "mockai" in chosen else []
    return _turned(chosen, number)


def _found(name: str, case: Case, tools: Tools, number: int) -> dict[str, float]:
    match case.kind:
        case "detection":
            return detect(case, tools)
        case "leaving":
            return leave_at_random(case, tools, seed=number)
        case "stalled":
            return never_read(case, tools)
        case "start":
            return start(name, case, tools)
        case _:
            return measure(name, case, tools)


def _row(case: Case, server: str, number: int, figures: dict[str, float]) -> report.Row:
    rounded = {name: round(value, 4) for name, value in figures.items()}
    facts = {"kind": case.kind, "case": case.name, "server": server, "round": number + 1}
    return {**facts, "figures": rounded}


def _turned(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def _short(figures: dict[str, float]) -> str:
    shown = (
        "drift_ms_p50",
        "error_ms_p50",
        "per_second",
        "cpu_us",
        "waited_share",
        "detect_ms_p50",
    )
    return ", ".join(f"{name} {figures[name]:.2f}" for name in shown if name in figures)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: does it work?")
    parser.add_argument("--rounds", type=int, help="default 3, with --quick 1")
    parser.add_argument("--only", type=_list_of(KINDS), default=list(KINDS), help="a,b of these")
    parser.add_argument("--servers", type=_list_of(NAMES), default=list(NAMES), help="likewise")
    parser.add_argument(
        "--peer",
        type=_peer,
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another server, which listens on {port} and plays a paced answer of its own",
    )
    parser.add_argument("--counts", action="store_true", help="count calls and bytes; 1 if grown")
    parser.add_argument("--update", action="store_true", help="with --counts: commit to these")
    parser.add_argument("--no-write", action="store_true", help="leave results and README alone")
    options = parser.parse_args(argv)
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def _list_of(allowed: tuple[str, ...]) -> Any:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if not set(chosen) <= set(allowed):
            raise argparse.ArgumentTypeError(f"choose from {','.join(allowed)}")
        return chosen

    return names


def _peer(text: str) -> tuple[str, str]:
    name, _, command = text.partition("=")
    if not name or "{port}" not in command:
        raise argparse.ArgumentTypeError("is NAME=COMMAND, and the command has a {port}")
    return name, command


def main(argv: list[str] | None = None) -> None:
    """Measure, print the table, and keep it unless told otherwise."""
    options = _options(argv)
    if options.counts:
        raise SystemExit(counts.main(update=options.update))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # children inherit it
    pin(0, first=False)
    rows = run(options)
    short = goals.table(rows)
    table = f"{short}\n\n{report.table(rows)}"
    sys.stdout.write(f"{table}\n")
    if not (options.no_write or options.quick):
        facts = {"environment": report.environment(), "rounds": options.rounds, "rows": rows}
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        (results / "latest.json").write_text(json.dumps(facts, indent=1) + "\n")
        (results / "pacing.svg").write_text(picture.drawn(rows))
        report.paste(HERE / "README.md", table)
        report.paste(HERE.parent / "README.md", short)


if __name__ == "__main__":
    main()
