"""Take back a verdict that rests on a stream which only the end of its command may have closed.

Where nobody has said that a command ended there is nothing to take back: see `sign_of_life`.
"""

from __future__ import annotations

from dataclasses import replace

from mockai.core.checks.base import Check, Evidence, Verdict
from mockai.core.exchange import Exchange
from mockai.core.report import title
from mockai.core.sign_of_life import CURE, Heard, closed_by_exit
from mockai.core.timeline import draw

TAKEN_BACK = ("cancelled", "open")
"""The checks that a process passes by exiting."""


def confirmed(check: Check, verdict: Verdict, evidence: Evidence) -> Verdict:
    """Return the verdict, or that it is inconclusive: which fails, and says what to do."""
    if evidence.heard is None or not verdict.passed or check.name not in TAKEN_BACK:
        return verdict
    selected = check.where.select(evidence.exchanges)
    blocks = [text for item in selected if (text := _block(item, evidence.heard_of(item)))]
    if not blocks:
        return verdict
    whole = f"in {len(blocks)} of {len(selected)} exchanges " if len(selected) > 1 else ""
    message = (
        f"expected the client to {check.sentence()}; inconclusive: {whole}nothing but the end of "
        "the command may have closed the stream."
    )
    report = "\n\n".join([message, *blocks, CURE])
    return replace(verdict, passed=False, inconclusive=True, message=message, report=report)


def _block(exchange: Exchange, heard: Heard | None) -> str:
    """Return what is doubtful about an exchange; nothing when it is beyond doubt."""
    doubt = closed_by_exit(exchange, heard)
    if doubt is None:
        return ""
    return f"  {title(exchange)}\n  timeline  {draw(exchange)}\n\n  {doubt}"
