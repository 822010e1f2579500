"""What an exchange costs under a policy: arithmetic on its facts and its plan, nothing else.

Nothing is played for a client that has gone: how far the model ran on is read off the schedule.
So a bill is final when the exchange ends, and judging by another policy is to compute it again.
"""

from __future__ import annotations

from decimal import Decimal

from mockai.core.exchange import Bill, Exchange
from mockai.core.policy import STOP_NOW, Policy, TokenNotice
from mockai.core.prices import NO_PRICES, Price, Prices, dollars

_FIRST_ERROR = 400
_MOST_KEPT = 1_024
_NOTHING = dollars(Decimal(0))
_Billed = tuple[int, int, int, int]
"""Tokens of the prompt, cached ones of these, tokens of the completion, wasted ones of these."""


def bill(exchange: Exchange, policy: Policy = STOP_NOW, prices: Prices = NO_PRICES) -> Bill:
    """Return the bill of an exchange that has ended.

    The prompt is billed for each attempt that was accepted, in full, whatever became of it.
    """
    model, tokens = exchange.request.model, (0, 0, 0, 0)
    completion = _charged(exchange, policy) if accepted(exchange) else None
    if completion is not None:
        prompt = exchange.tokens.prompt
        wasted = max(0, completion - _generated_at_stop(exchange))
        tokens = (prompt, min(prompt, exchange.cached_tokens), completion, wasted)
    key = (policy.name, model, tokens)
    made: Bill | None = prices.bills.get(key)
    if made is not None:
        return made
    price = prices.of(model)
    if price is None:  # nor is it kept: clients name whatever they like
        return _unpriced(policy.name, model, tokens)
    if len(prices.bills) >= _MOST_KEPT:
        prices.bills.clear()
    prices.bills[key] = made = _priced(policy.name, price, tokens)
    return made


def accepted(exchange: Exchange) -> bool:
    """True unless the request was answered with an error: nobody charges for those."""
    refused = exchange.status is not None and exchange.status >= _FIRST_ERROR
    return exchange.cause != "refused" and not refused


def generated(exchange: Exchange, policy: Policy) -> int:
    """Return the tokens that the model had generated when it stopped."""
    tokens, left = exchange.tokens, exchange.disconnect
    if left is None or left.how == "api_cancel":  # an explicit cancel need not be noticed
        return tokens.generated
    match policy.notice_for(stream=exchange.request.stream):
        case "now":
            return tokens.generated
        case "never":
            return tokens.planned
        case "next_token":
            return min(tokens.planned, tokens.generated + 1)
        case TokenNotice(tokens=more):
            return min(tokens.planned, tokens.generated + more)
        case float(seconds):
            return _generated_within(exchange, left.at_s, seconds)


def _generated_within(exchange: Exchange, at_s: float, notice_s: float) -> int:
    """Return the tokens at the end of a notice; a gate at which the stream stands freezes it."""
    tokens, schedule, left = exchange.tokens, exchange.schedule, exchange.disconnect
    held = left is not None and left.while_held is not None
    if held or schedule is None or not notice_s:
        return tokens.generated
    return schedule.tokens_after(tokens.generated, at_s, notice_s)


def _charged(exchange: Exchange, policy: Policy) -> int | None:
    """Return the completion tokens charged; `None`: nothing at all, not even the prompt."""
    match policy.charge:
        case "generated":
            return generated(exchange, policy)
        case "delivered":
            return exchange.tokens.written
        case "full":
            return exchange.tokens.planned
        case "prompt":
            return 0
        case "reported":
            return _reported(exchange, policy)
        case "none":
            return None


def _reported(exchange: Exchange, policy: Policy) -> int | None:
    """Return the completion tokens of the last usage report that went out, if one did."""
    written = exchange.tokens.written
    match policy.settle.usage:
        case "none":
            return None
        case "continuous" if exchange.request.stream and written:
            return written
        case _:
            return written if exchange.outcome == "completed" else None


def _generated_at_stop(exchange: Exchange) -> int:
    """Return the tokens generated at the newest mark while it was open, else at its end."""
    return exchange.marks[-1].generated if exchange.marks else exchange.tokens.generated


def _unpriced(policy: str, model: str | None, tokens: _Billed) -> Bill:
    """Return the bill of a model without a price: for nothing it is nothing."""
    prompt, cached, completion, wasted = tokens
    if not (prompt or completion):
        return Bill(policy, prompt, completion, wasted, _NOTHING, _NOTHING, cached)
    note = f"no price for model '{model}': give one with --prices FILE"
    return Bill(policy, prompt, completion, wasted, cached_tokens=cached, note=note)


def _priced(policy: str, price: Price, tokens: _Billed) -> Bill:
    prompt, cached, completion, wasted = tokens
    cost = price.cost(prompt=prompt, cached=cached, completion=completion)
    wasted_usd = price.cost(prompt=0, completion=wasted)
    return Bill(
        policy, prompt, completion, wasted, dollars(cost), dollars(wasted_usd), cached_tokens=cached
    )
