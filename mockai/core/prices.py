"""Prices: US dollars per 1,000,000 tokens, by model, in exact decimals.

Knows the table that ships with mockai (`data/prices.toml`, dated and sourced) and files of the
same form, as TOML or YAML. A model that no table has costs nothing that we could name: `None`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812 - the field is called date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from mockai.core.dialects.models import SNAPSHOTS
from mockai.core.errors import MockaiError
from mockai.core.model import Model

SHIPPED = Path(__file__).parents[1] / "data" / "prices.toml"
_FORM = "allowed are date, source and models: {NAME: {input, cached, output}}"
_MILLION = 6  # prices are per 10 to the power of this many tokens
_ALIASES = {snapshot: alias for alias, snapshot in SNAPSHOTS.items()}
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class PriceError(MockaiError):
    """A price file is not valid; the text has one line per fault, with its place."""


Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=12)]


class Price(Model):
    """US dollars per 1,000,000 tokens; without `cached`, cached prompt tokens cost as others."""

    input: Dollars
    output: Dollars
    cached: Dollars | None = None

    def cost(self, *, prompt: int, completion: int, cached: int = 0) -> Decimal:
        """Return what so many tokens cost, exactly; `cached` are among those of the prompt."""
        again = self.input if self.cached is None else self.cached
        sum_ = self.input * (prompt - cached) + again * cached + self.output * completion
        return sum_.scaleb(-_MILLION)


class PriceTable(Model):
    """A price file: who says so, when, and the prices."""

    models: dict[str, Price]
    date: Date | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a server, by model name."""

    models: Mapping[str, Price] = field(default_factory=dict)
    bills: dict[object, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What `billing` made of them: scripted answers are of few sizes, and share their bills."""

    def of(self, model: str | None) -> Price | None:
        """Return the price of a model: by its name, else by the alias of a dated snapshot."""
        if model is None or model in self.models:
            return self.models.get(model or "")
        return self.models.get(_ALIASES.get(model) or _DATED.sub("", model))

    def with_own(self, own: Prices) -> Prices:
        """Return these prices with those of `own` added or put in their place."""
        return Prices({**self.models, **own.models})


NO_PRICES = Prices()


@cache
def shipped_prices() -> Prices:
    """Return the prices that ship with mockai."""
    return read_prices(SHIPPED)


def read_prices(path: Path) -> Prices:
    """Return the prices in a TOML or YAML file. Raises `PriceError`, one line per fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PriceError(f"{path}: cannot be read: {error}") from None
    return parse_prices(text, source=str(path))


def parse_prices(text: str, *, source: str) -> Prices:
    """Return the prices in a text: TOML if `source` ends so, else YAML. Raises `PriceError`."""
    data = _toml(text, source) if source.endswith(".toml") else _yaml(text, source)
    try:
        return Prices(PriceTable.model_validate(data).models)
    except ValidationError as error:
        lines = [_fault(source, dict(fault)) for fault in error.errors()]
        raise PriceError("\n".join(lines)) from None


def dollars(amount: Decimal) -> str:
    """Return an amount as exact text without an exponent: `0.00001035`."""
    return f"{amount.normalize():f}" if amount else "0"


def _toml(text: str, source: str) -> Any:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        found = re.search(r"at line (\d+)", str(error))
        raise PriceError(f"{source}:{found[1] if found else 1}: not TOML: {error}") from None


def _yaml(text: str, source: str) -> Any:
    try:
        # The base loader leaves every number as text, so that 0.15 stays 0.15.
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes text only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error)
        raise PriceError(f"{source}:{mark.line + 1 if mark else 1}: not YAML: {why}") from None


def _fault(source: str, fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "the file"
    of_form = fault["type"] in ("extra_forbidden", "missing", "model_type", "dict_type")
    hint = _FORM if of_form else f"a price is US dollars per 1M tokens (got {fault['input']!r})"
    return f"{source}: {place}: {fault['msg']}; {hint}"
