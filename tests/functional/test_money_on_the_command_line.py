"""What the command line says about money: refusals at start, and the demo's last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockai.cli import main


def test_an_unknown_policy_is_refused_at_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and all that are allowed."""
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "--port", "0", "--policy", "free"])
    assert stopped.value.code == 2
    assert "unknown policy 'free'; allowed are stop-now, stop-lag, bill" in capsys.readouterr().err


def test_an_unknown_policy_in_the_environment_is_refused_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named."""
    monkeypatch.setenv("MOCKAI_POLICY", "free")
    assert main(["serve", "--port", "0"]) == 2
    assert "MOCKAI_POLICY: unknown policy 'free'" in capsys.readouterr().err


def test_a_price_file_with_a_typo_is_refused_at_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 2, with file, field and what is allowed."""
    own = tmp_path / "own.yaml"
    own.write_text("models:\n  gpt-4o: {inptu: 1, output: 2}\n", encoding="utf-8")
    assert main(["serve", "--port", "0", "--prices", str(own)]) == 2
    said = capsys.readouterr().err
    assert f"{own}: models.gpt-4o.inptu: Extra inputs are not permitted; allowed are date" in said


def test_the_demo_ends_with_what_the_bug_costs(capsys: pytest.CaptureFixture[str]) -> None:
    """388 tokens of gpt-4o for nothing, a thousand times."""
    assert main(["demo"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "A thousand users who press Stop once cost $3.88 for nothing: 388 tokens each, gpt-4o."
    )
