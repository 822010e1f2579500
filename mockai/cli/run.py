"""`mockai run -- COMMAND`: start a server, run the command against it, and judge what it did.

The command's own output is left alone; what mockai says is on stderr.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.judging import add_judging_options, demands_of, tell
from mockai.cli.options import (
    OptionError,
    add_list,
    add_option,
    add_switch,
    choice,
    policy,
    speed,
)
from mockai.cli.outputs import say
from mockai.cli.serving import add_record_options

if TYPE_CHECKING:
    from mockai.client.reports import Demand
    from mockai.core.exit_code import Ending
    from mockai.core.run_report import RunReport
    from mockai.core.scenario import Scenario
    from mockai.http.state import ServerOptions

SESSION = "run"
_NO_PROXY = ("NO_PROXY", "no_proxy")
_DIRECT = "127.0.0.1,localhost"
_WAIT_S = 1.0
_INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; what follows `--` is cut off before."""
    parser.usage = "mockai run [options] -- COMMAND [ARGUMENT ...]"
    add_list(
        parser,
        "--scenario",
        kind=Path,
        help="a scenario file, or a folder of them: what to answer, and what to expect",
    )
    add_judging_options(parser, wait_s=_WAIT_S)
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
    add_record_options(parser)


def run(asked: argparse.Namespace) -> int:
    """Run the command, judge, report; return the exit code."""
    from mockai.core.errors import ScenarioError

    if not asked.argv:
        raise OptionError("say what to run: mockai run [options] -- COMMAND [ARGUMENT ...]")
    try:
        return _gate(asked)
    except ScenarioError as error:
        say(f"mockai: {error}")
        return 1
    except KeyboardInterrupt:
        say("mockai: interrupted")
        return _INTERRUPTED


def _gate(asked: argparse.Namespace) -> int:
    import gc

    from mockai.core.exit_code import exit_code
    from mockai.core.loading import read_scenarios
    from mockai.http.loading import load_without_certificates

    load_without_certificates()
    from mockai.http.server import ServerThread

    scenarios = read_scenarios(asked.scenario) if asked.scenario else []
    demands = demands_of(scenarios, asked.checks)
    server = ServerThread(_options(asked, scenarios)).start()
    gc.enable()
    try:
        ending, report = _play(server.url, asked, demands)
    finally:
        server.stop()
    if report is not None:
        tell(asked, report)
    code, whose = exit_code(ending, passed=report is None or report.passed)
    if code:
        say(f"mockai: exit code {code}: {whose}")
    return code


def _play(
    url: str, asked: argparse.Namespace, demands: list[Demand]
) -> tuple[Ending, RunReport | None]:
    """Run the command in a session; return how it ended, and what there is to report, if it ran."""
    from mockai.cli.child import run_child
    from mockai.client.flows import open_session
    from mockai.client.reports import command_ended, run_report
    from mockai.client.transport import run as drive

    made, _ = drive(url, open_session(SESSION, {}))
    ending = run_child(asked.argv, _environment(url, made))
    if ending.never_began is not None:
        return ending, None
    drive(url, command_ended(SESSION))
    title = f"mockai run -- {' '.join(asked.argv)}"
    return ending, drive(url, run_report(SESSION, demands, title=title, wait=asked.wait))


def _environment(url: str, session: dict[str, str]) -> dict[str, str]:
    """Return the environment that leads an OpenAI client to the session, past any proxy."""
    direct = {name: ",".join(filter(None, [os.environ.get(name), _DIRECT])) for name in _NO_PROXY}
    return {
        **os.environ,
        **direct,
        "OPENAI_BASE_URL": session["base_url"],
        "OPENAI_API_KEY": session["api_key"],
        "MOCKAI_URL": url,
        "MOCKAI_SESSION": session["id"],
    }


def _options(asked: argparse.Namespace, scenarios: list[Scenario]) -> ServerOptions:
    from mockai.core.keeping import Keeping
    from mockai.core.policy import preset
    from mockai.core.prices import read_prices, shipped_prices
    from mockai.http.state import ServerOptions

    own = [read_prices(asked.prices)] if asked.prices else []
    return ServerOptions(
        scenarios=tuple(scenarios),
        strict_match=asked.strict_match,
        speed=asked.speed,
        seed=asked.seed,
        policy=preset(asked.policy),
        half_close=asked.half_close,
        prices=shipped_prices().with_own(own[0]) if own else shipped_prices(),
        keeping=Keeping(bodies=not asked.no_bodies, redact=tuple(asked.redact)),
        journal=asked.journal,
        tell_processes=True,
    )
