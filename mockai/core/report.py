"""Text for people: an exchange compared with what was expected, with its timeline and finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import indent

from mockai.core.checks.base import Judgement, Row, fate
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding
from mockai.core.timeline import draw

_POINTER = "<<<<<"
_SHOWN = 5


def block(exchange: Exchange, judgement: Judgement, found: Sequence[Finding]) -> str:
    """Return the part of a failure text that is about one exchange."""
    lines = [f"  {title(exchange)}", *_table(judgement.rows), f"  timeline  {draw(exchange)}"]
    remarks = [judgement.hint] if judgement.hint else [finding.text for finding in found]
    return "\n".join([*lines, *_remarks(remarks)])


def summary(judgement: Judgement, found: Sequence[Finding]) -> str:
    """Return the part of a failure text that is about several exchanges together."""
    lines = _table(judgement.rows)
    for exchange in judgement.blamed[:_SHOWN]:
        lines += ["", f"  {title(exchange)}  {fate(exchange)}", f"  timeline  {draw(exchange)}"]
    more = len(judgement.blamed) - _SHOWN
    if more > 0:
        lines += ["", f"  … and {more} more"]
    return "\n".join([*lines, *_remarks(finding.text for finding in found)])


def _remarks(texts: Iterable[str]) -> list[str]:
    return [line for text in dict.fromkeys(texts) for line in ("", indent(text, "  "))]


def title(exchange: Exchange) -> str:
    """Return one line that names an exchange."""
    request = exchange.request
    scenario = f"scenario '{exchange.scenario}'" if exchange.scenario else "no scenario"
    return f"exchange #{exchange.seq}  {request.method} {request.path}  {scenario}"


def overview(exchange: Exchange) -> str:
    """Return one line that names an exchange and how it ended."""
    why = f": {exchange.error.splitlines()[0]}" if exchange.error else ""
    return f"  {title(exchange)}  {fate(exchange)}{why}"


def _table(rows: tuple[Row, ...]) -> list[str]:
    field = max(len(row.field) for row in rows)
    expected = max(len("expected"), *(len(row.expected) for row in rows))
    actual = max(len("actual"), *(len(row.actual) for row in rows))
    lines = [f"    {'':{field}}  {'expected':{expected}}  actual"]
    for row in rows:
        line = f"    {row.field:{field}}  {row.expected:{expected}}  {row.actual:{actual}}"
        lines.append(line.rstrip() if row.ok else f"{line}  {_POINTER}")
    return lines
