"""The exit code of a gated command says whose fault it is."""

from __future__ import annotations

import pytest

from mockai.core.exit_code import Ending, exit_code

TABLE = [
    # how it ended, did all checks pass, the code, whose it is
    (Ending.of(0), True, 0, "all is good"),
    (Ending.of(0), False, 1, "not every check passed"),
    (Ending.of(3), True, 3, "the command's own"),
    (Ending.of(1), True, 1, "the command's own"),
    (Ending.of(3), False, 1, "not every check passed; the command itself exited with 3"),
    (Ending.of(-15), True, 143, "the command was ended by SIGTERM"),
    (Ending.of(-2), False, 130, "the command was ended by SIGINT"),
    (Ending.of(-9), True, 137, "the command was ended by SIGKILL"),
    (Ending.of(-40), True, 168, "the command was ended by signal 40"),
    (Ending(127, never_began="'x' was not found"), False, 127, "'x' was not found"),
]


@pytest.mark.parametrize("ending,passed,code,whose", TABLE, ids=[row[3] for row in TABLE])
def test_the_code_says_whose_it_is(ending: Ending, passed: bool, code: int, whose: str) -> None:  # noqa: FBT001
    """A check's failure is 1, whatever the command said; an end by force is its own."""
    assert exit_code(ending, passed=passed) == (code, whose)
