"""The ledger of a session: the sum of its bills, and when the provider's pages show each part.

It adds up tokens; money follows from them by the prices, exactly. Sums are kept by minute of
receipt, model, policy, key and the second of settlement, so it grows with labels and time, not
with requests, and loses nothing when the journal evicts. Times are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

from mockai.core.billing import accepted
from mockai.core.exchange import Bill, Exchange
from mockai.core.prices import Prices, dollars

NO_KEY = "none"


class Line(NamedTuple):
    """What a sum is about. `minute` and `settles` are seconds: of Unix time, of the settlement.

    A correction is a line of its own, which the provider's pages show and the totals do not.
    """

    minute: int
    settles: int
    model: str
    policy: str
    key: str
    correction: bool = False


@dataclass(slots=True)
class Sums:
    """Added-up bills; `cached` are among `prompt`, `wasted` among `completion`."""

    requests: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    wasted: int = 0

    def add(self, other: Sums) -> None:
        """Add another sum."""
        self.requests += other.requests
        self.prompt += other.prompt
        self.cached += other.cached
        self.completion += other.completion
        self.wasted += other.wasted


@dataclass(frozen=True, slots=True)
class Totals:
    """A sum and its price. Money is `None` when none of it has a price, else of what has one."""

    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    wasted_tokens: int
    cost_usd: str | None
    wasted_usd: str | None


class Ledger:
    """The bills of one generation of a session, added up as exchanges end."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self.lines: dict[Line, Sums] = {}

    def add(self, exchange: Exchange, *, clock_s: float) -> None:
        """Book an exchange that has ended, at `clock_s` of the settlement clock."""
        bill, settle = exchange.bill, exchange.policy.settle
        if bill is None or exchange.completion_id is None or not accepted(exchange):
            return  # no model was asked: the provider's pages know nothing of it
        delay_s = settle.delay
        sums = self._sums(exchange, bill, _second(clock_s, delay_s))
        sums.requests += 1
        sums.prompt += bill.prompt_tokens
        sums.cached += bill.cached_tokens
        sums.completion += bill.completion_tokens
        sums.wasted += bill.wasted_tokens
        if settle.correct is not None:
            later = _second(clock_s, max(delay_s, settle.correct.after))
            more = max(settle.correct.tokens, -bill.completion_tokens)
            self._sums(exchange, bill, later, correction=True).completion += more

    def _sums(
        self, exchange: Exchange, bill: Bill, settles: int, *, correction: bool = False
    ) -> Sums:
        request = exchange.request
        minute = _minute(exchange.timing.received_at[: len("2026-11-23T05:00")])
        model, key = request.model or "", request.key_id or NO_KEY
        line = Line(minute, settles, model, bill.policy, key, correction)
        sums = self.lines.get(line)
        if sums is None:
            sums = self.lines[line] = Sums()
        return sums

    # ── adding up ────────────────────────────────────────────────────────────────────────────

    def totals(self) -> Totals:
        """Return the sum of all bills."""
        return self._total(self._billed())

    def by(self, label: Callable[[Line], str]) -> dict[str, Totals]:
        """Return the sums of all bills by a label of theirs, sorted."""
        groups: dict[str, list[tuple[Line, Sums]]] = {}
        for line, sums in self._billed():
            groups.setdefault(label(line), []).append((line, sums))
        return {name: self._total(groups[name]) for name in sorted(groups)}

    def unpriced(self) -> list[str]:
        """Return the models that were billed and have no price."""
        return sorted(
            {
                line.model
                for line, sums in self._billed()
                if sums.prompt + sums.completion and self.prices.of(line.model) is None
            }
        )

    def corrections(self) -> int:
        """Return the completion tokens by which the provider's pages are corrected in the end."""
        return sum(sums.completion for line, sums in self.lines.items() if line.correction)

    def to_json(self, exchanges: Iterable[Exchange] = ()) -> dict[str, Any]:
        """Return the JSON form; `exchanges` (those that the journal still has) become entries."""
        return {
            "totals": asdict(self.totals()),
            "by_model": _shown(self.by(lambda line: line.model)),
            "by_policy": _shown(self.by(lambda line: line.policy)),
            "by_key": _shown(self.by(lambda line: line.key)),
            "unpriced": self.unpriced(),
            "corrections": self.corrections(),
            "entries": [entry_of(item, item.bill) for item in exchanges if item.bill is not None],
        }

    def _billed(self) -> list[tuple[Line, Sums]]:
        return [pair for pair in self.lines.items() if not pair[0].correction]

    def _total(self, lines: Iterable[tuple[Line, Sums]]) -> Totals:
        whole, cost, wasted, priced = Sums(), Decimal(0), Decimal(0), False
        for line, sums in lines:
            whole.add(sums)
            price = self.prices.of(line.model)
            if price is not None:
                priced = True
                cost += price.cost(
                    prompt=sums.prompt, cached=sums.cached, completion=sums.completion
                )
                wasted += price.cost(prompt=0, completion=sums.wasted)
        known = priced or not whole.prompt + whole.completion
        return Totals(
            requests=whole.requests,
            prompt_tokens=whole.prompt,
            cached_tokens=whole.cached,
            completion_tokens=whole.completion,
            wasted_tokens=whole.wasted,
            cost_usd=dollars(cost) if known else None,
            wasted_usd=dollars(wasted) if known else None,
        )


@lru_cache(64)
def _minute(text: str) -> int:
    """Return the Unix time of a minute of UTC, such as 2026-11-23T05:00."""
    return round(datetime.fromisoformat(f"{text}+00:00").timestamp())


def _second(clock_s: float, delay_s: float) -> int:
    """Return the second of settlement, never later than the delay; 0 is at once."""
    return floor(clock_s + delay_s) if delay_s else 0


def _shown(groups: Mapping[str, Totals]) -> dict[str, Any]:
    return {name: asdict(totals) for name, totals in groups.items()}


def entry_of(exchange: Exchange, bill: Bill) -> dict[str, Any]:
    """Return the entry of one exchange."""
    return {
        "seq": exchange.seq,
        "exchange": exchange.id,
        "scenario": exchange.scenario,
        "model": exchange.request.model,
        "key_id": exchange.request.key_id,
        "outcome": exchange.outcome,
        **{name: getattr(bill, name) for name in _OF_BILL},
    }


_OF_BILL = [each.name for each in fields(Bill)]  # asdict() would copy each of them deeply
