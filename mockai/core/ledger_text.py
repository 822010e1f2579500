"""A ledger as a table for people, from its JSON form: server and `report` draw it alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SUM_HEAD = ("", "requests", "prompt", "completion", "wasted", "cost", "wasted cost")
_ENTRY_HEAD = ("#", "outcome", "prompt", "completion", "wasted", "cost", "wasted cost")
_MOST_ENTRIES = 20


def draw_ledger(ledger: Mapping[str, Any], *, most_entries: int = _MOST_ENTRIES) -> str:
    """Return the newest entries, the sums by model, policy and key, and the whole."""
    entries = ledger["entries"]
    shown = entries[-most_entries:]
    parts = [_table(_ENTRY_HEAD, [_entry(item) for item in shown])] if shown else []
    if len(shown) < len(entries):
        parts.append(f"({len(entries) - len(shown)} earlier ones are in the sums only)")
    rows: list[Sequence[str]] = []
    for label in ("model", "policy", "key"):
        rows += [sum_row(f"{label} {name}", item) for name, item in ledger[f"by_{label}"].items()]
    parts.append(_table(SUM_HEAD, [*rows, sum_row("in all", ledger["totals"])]))
    return "\n\n".join([*parts, *_remarks(ledger)])


def _entry(entry: Mapping[str, Any]) -> Sequence[str]:
    what = entry["scenario"] or "-"
    return (f"#{entry['seq']} {what} ({entry['policy']})", entry["outcome"], *_figures(entry))


def sum_row(name: str, totals: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of a sum, under `SUM_HEAD`."""
    return (name, str(totals["requests"]), *_figures(totals))


def _figures(bill: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (str(bill[f"{kind}_tokens"]) for kind in ("prompt", "completion", "wasted"))
    return (*counts, _money(bill["cost_usd"]), _money(bill["wasted_usd"]))


def _money(amount: str | None) -> str:
    return "no price" if amount is None else f"${amount}"


def _remarks(ledger: Mapping[str, Any]) -> Iterable[str]:
    if ledger["unpriced"]:
        names = ", ".join(ledger["unpriced"])
        yield f"no price for {names}: give one with --prices FILE; the sums of money are without it"
    if ledger["corrections"]:
        yield f"the provider's pages are corrected by {ledger['corrections']:+} tokens in the end"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with its first column to the left and the figures to the right."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = []
    for name, *figures in (head, *rows):
        cells = [f"{figure:>{width}}" for figure, width in zip(figures, widths[1:], strict=True)]
        lines.append("  ".join([f"{name:{widths[0]}}", *cells]))
    return "\n".join(lines)
