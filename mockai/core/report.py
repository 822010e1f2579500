"""Text for people: an exchange compared with what was expected, with its timeline and finding."""

from __future__ import annotations

from textwrap import indent

from mockai.core.checks.base import Evidence, Judgement, Row, fate
from mockai.core.exchange import Exchange
from mockai.core.findings import diagnose
from mockai.core.timeline import draw

_POINTER = "<<<<<"


def block(exchange: Exchange, judgement: Judgement, evidence: Evidence) -> str:
    """Return the part of a failure text that is about one exchange."""
    lines = [f"  {title(exchange)}", *_table(judgement.rows), f"  timeline  {draw(exchange)}"]
    found = [finding.explanation for finding in diagnose(exchange, evidence)]
    remarks = [judgement.hint] if judgement.hint else found
    for remark in remarks:
        lines += ["", indent(remark, "  ")]
    return "\n".join(lines)


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
