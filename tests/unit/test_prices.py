"""Prices: exact decimals, aliases of snapshots, own files, and what is refused where."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mockai.core.dialects.models import SNAPSHOTS
from mockai.core.prices import (
    NO_PRICES,
    SHIPPED,
    Price,
    PriceError,
    PriceTable,
    dollars,
    parse_prices,
    read_prices,
    shipped_prices,
)

OWN = 'models:\n  my-model: {input: 0.1, output: "0.3"}\n'


def cost(model: str, *, prompt: int = 0, completion: int = 0, cached: int = 0) -> str:
    """Return what tokens cost at the shipped prices, as text."""
    price = shipped_prices().of(model)
    assert price is not None
    return dollars(price.cost(prompt=prompt, completion=completion, cached=cached))


def test_a_cost_is_exact_to_the_last_digit() -> None:
    """21 x $0.15 and 12 x $0.60 per million: nothing is rounded."""
    assert cost("gpt-4o-mini", prompt=21, completion=12) == "0.00001035"


def test_a_sum_of_many_has_no_rounding_error() -> None:
    """A thousand million tokens at an awkward price are still exact, where floats are not."""
    price = Price(input=Decimal("0.000001"), output=Decimal("123456.789"))
    amount = price.cost(prompt=1, completion=10**9)
    assert dollars(amount) == "123456789.000000000001"


@pytest.mark.parametrize(
    "amount, text",
    [("0", "0"), ("0E-8", "0"), ("1E+3", "1000"), ("0.500", "0.5"), ("1E-12", "0.000000000001")],
)
def test_money_is_written_without_exponent_or_idle_zeros(amount: str, text: str) -> None:
    """The text of an amount is one that people and decimal types read alike."""
    assert dollars(Decimal(amount)) == text


def test_cached_prompt_tokens_have_their_own_price() -> None:
    """100 of 120 prompt tokens at half the price."""
    assert cost("gpt-4o", prompt=120, cached=100) == "0.000175"


def test_without_a_cached_price_all_prompt_tokens_cost_the_same() -> None:
    """gpt-4 never had a discount."""
    assert cost("gpt-4", prompt=120, cached=100) == cost("gpt-4", prompt=120)


@pytest.mark.parametrize("alias", sorted(SNAPSHOTS))
def test_every_model_of_the_list_has_a_price_by_alias_and_by_snapshot(alias: str) -> None:
    """What `GET /v1/models` lists can be billed, whichever of its names is used."""
    price = shipped_prices().of(alias)
    assert price is not None
    assert shipped_prices().of(SNAPSHOTS[alias]) is price


def test_a_dated_snapshot_costs_what_its_alias_costs() -> None:
    """A date at the end does not make another model."""
    assert shipped_prices().of("gpt-5.1-2025-11-13") is shipped_prices().of("gpt-5.1")


@pytest.mark.parametrize("model", [None, "", "my-model", "ft:gpt-4o:me", "gpt-4o-mini-tts"])
def test_a_model_that_nobody_priced_has_no_price(model: str | None) -> None:
    """No price is guessed from a name that only looks alike."""
    assert shipped_prices().of(model) is None


def test_the_shipped_table_is_dated_and_sourced() -> None:
    """Who relies on a price can see how old it is."""
    import tomllib

    table = PriceTable.model_validate(
        tomllib.loads(SHIPPED.read_text(encoding="utf-8"), parse_float=Decimal)
    )
    assert table.date is not None
    assert table.source is not None
    assert "https://" in table.source


def test_own_prices_are_added_and_replace() -> None:
    """An own file need name only what differs."""
    own = parse_prices(OWN + "  gpt-4o: {input: 1, output: 2}\n", source="p.yaml")
    prices = shipped_prices().with_own(own)
    assert prices.of("my-model") == Price(input=Decimal("0.1"), output=Decimal("0.3"))
    assert prices.of("gpt-4o") == Price(input=Decimal(1), output=Decimal(2))
    assert prices.of("gpt-4o-mini") == shipped_prices().of("gpt-4o-mini")


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    """Both forms are read, digits as they stand."""
    for name, text in {
        "p.yaml": OWN,
        "p.toml": '[models."my-model"]\ninput=0.1\noutput=0.3',
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert dict(read_prices(tmp_path / name).models) == {
            "my-model": Price(input=Decimal("0.1"), output=Decimal("0.3"))
        }


@pytest.mark.parametrize(
    "text, source, said",
    [
        ("models:\n  a: {inptu: 1, output: 2}", "p.yaml", "p.yaml: models.a.inptu: Extra inputs"),
        ("models:\n  a: {output: 2}", "p.yaml", "p.yaml: models.a.input: Field required; allowed"),
        ("models:\n  a: {input: -1, output: 2}", "p.yaml", "models.a.input: Input should be great"),
        ("models:\n  a: {input: x, output: 2}", "p.yaml", "a price is US dollars per 1M tokens (g"),
        ("models:\n  a: 3", "p.yaml", "p.yaml: models.a: Input should be a valid dictionary"),
        ("models:\n\ta: 1", "p.yaml", "p.yaml:2: not YAML: "),
        ("[models\n", "p.toml", "p.toml:1: not TOML: "),
        ("[models.a]\ninput=nan\noutput=1", "p.toml", "p.toml: models.a.input: Input should be a"),
        ("[models.a]\ninput=1e400\noutput=1", "p.toml", "p.toml: models.a.input: "),
        ("", "p.yaml", "p.yaml: the file: "),
        ("model: {}", "p.yaml", "allowed are date, source and models: {NAME: {input, cached, out"),
    ],
)
def test_a_typo_is_refused_with_its_place_and_what_is_allowed(
    text: str, source: str, said: str
) -> None:
    """File and line of what cannot be read, file and field of what makes no sense."""
    with pytest.raises(PriceError) as caught:
        parse_prices(text, source=source)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A wrong path or a binary file is told as such."""
    with pytest.raises(PriceError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PriceError, match="cannot be read"):
        read_prices(tmp_path / "b.toml")


def test_no_prices_price_nothing() -> None:
    """An empty table is a table."""
    assert NO_PRICES.of("gpt-4o") is None
