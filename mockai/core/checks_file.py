"""A file of checks: a list in their single-key form, or `checks:` with that list; YAML or JSON.

What is wrong is told as for scenarios: `checks.yaml:2:16: 0.cancelled.within: why`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from mockai.core.checks import CheckEntry, check_of
from mockai.core.checks.base import Check
from mockai.core.documents import MAX_BYTES, read_documents
from mockai.core.errors import ScenarioError
from mockai.core.explaining import validated
from mockai.core.mistakes import Mistake
from mockai.core.model import Model
from mockai.core.units import Duration
from mockai.core.yaml_marks import Document


class _ChecksFile(Model):
    """What stands in a document; `wait` is for the control API, which takes the same."""

    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    wait: Duration | None = None


def read_checks(path: Path) -> tuple[Check, ...]:
    """Return the checks of a file. Raises `ScenarioError` with all that is wrong."""
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_checks(content, source=str(path), is_json=path.suffix.lower() == ".json")


def parse_checks(text: str | bytes, *, source: str, is_json: bool = False) -> tuple[Check, ...]:
    """Return the checks of a text. Raises `ScenarioError`; `source` stands before each line."""
    documents, mistakes = read_documents(text, "json" if is_json else None)
    if not documents and not mistakes:
        mistakes = [Mistake("no check in it")]
    checks: list[Check] = []
    for document in documents:
        found = _checks(document)
        mistakes += [item for item in found if isinstance(item, Mistake)]
        checks += [item for item in found if isinstance(item, Check)]
    if mistakes:
        raise ScenarioError("\n".join(mistake.line(source) for mistake in mistakes))
    return tuple(checks)


def _checks(document: Document) -> list[Check] | list[Mistake]:
    """Return the checks of one document, or what is wrong with it."""
    is_list = not isinstance(document.data, dict)
    read = validated(_ChecksFile, {"checks": document.data} if is_list else document.data)
    if isinstance(read, _ChecksFile):
        return [check_of(entry) for entry in read.checks]
    return list(_marked(read, document, 1 if is_list else 0))


def _marked(mistakes: Iterable[Mistake], document: Document, skipped: int) -> Iterable[Mistake]:
    """Yield the mistakes with the nearest place in the text, without what we put around it."""
    marks = document.marks()
    for mistake in mistakes:
        loc = mistake.loc[skipped:]
        known = (marks[loc[:size]] for size in range(len(loc), -1, -1) if loc[:size] in marks)
        yield replace(mistake, loc=loc, mark=next(known, None))
