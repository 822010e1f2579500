"""The command line: thin, and slow modules are imported only by the command that needs them.

Exit codes: 0 good, 1 a verdict or an invalid scenario, 2 usage or start-up.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module, metadata

from mockai.cli.options import OptionError

COMMANDS = {
    "serve": "start a server and run it until it is stopped",
    "run": "run a command against a server of its own, and judge what it did",
    "report": "report what a server saw, or what a journal file says",
    "validate": "read scenario files, and say what is wrong at which line",
    "play": "play a scenario in the terminal, as a client would see it",
    "health": "ask a running server whether it is up",
    "demo": "watch a Stop button that does not stop, and one that does",
}

_SERVING = ("serve", "run")
"""They load most of what they need later, and then let the collector work again themselves."""

_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EPIPE, errno.EIO)
"""How writing to stdout fails: a full disk, or a reader that has left."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    gc.disable()  # what is loaded now stays: looking through it is a tenth of a start, in vain
    try:
        _refuse_namesake()
        own, command_line = _cut(sys.argv[1:] if arguments is None else arguments)
        asked = _parser().parse_args(own, argparse.Namespace(argv=command_line))
        command = import_module(f"mockai.cli.{asked.command}")
        if asked.command not in _SERVING:
            gc.enable()
        code: int = command.run(asked)
        sys.stdout.flush()  # here, where it can still be said that it does not work
    except OSError as error:
        if error.errno not in _UNWRITTEN or error.filename is not None:
            raise
        _give_up_stdout()
        print(f"mockai: cannot write to stdout: {error.strerror}", file=sys.stderr)
        return 2
    except Exception as error:
        from mockai.core.errors import MockaiError

        if not isinstance(error, MockaiError | OptionError):
            raise
        print(f"mockai: {error}", file=sys.stderr)
        return 2
    finally:
        gc.enable()
    return code


def _give_up_stdout() -> None:
    """Let what is still in its buffer go nowhere: writing it at exit would fail once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _cut(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our arguments and those after `--`, which belong to the command that `run` runs."""
    given = list(arguments)
    if given[:1] != ["run"] or "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mockai",
        description="The fake OpenAI server that proves whether your cancel really cancels.",
        epilog="Every option is also an environment variable: --ready-file is MOCKAI_READY_FILE.",
    )
    parser.add_argument("--version", action="version", version=f"mockai {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        import_module(f"mockai.cli.{name}").add_options(command)
    return parser


def _version() -> str:
    try:
        return metadata.version("mockai-server")
    except metadata.PackageNotFoundError:
        return "(not installed: run from a source tree)"


def _refuse_namesake() -> None:
    """Another distribution, `mockai`, installs a package of the same name over ours."""
    try:
        metadata.distribution("mockai")
    except metadata.PackageNotFoundError:
        return
    raise OptionError(
        "the distribution 'mockai' (another project) is installed too and overwrites this "
        "package: pip uninstall mockai mockai-server, then pip install mockai-server"
    )
