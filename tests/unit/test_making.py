"""What a maker makes is what the class makes, and as frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, fields

import pytest

from mockai.core.exchange import RequestFacts
from mockai.core.making import maker_from, maker_of


@dataclass(frozen=True, slots=True)
class Noun:
    """All that a field may be."""

    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)
    double: int = field(init=False)
    kind: str = "noun"
    memo: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.size)


make = maker_of(Noun)


def test_it_makes_what_the_class_makes() -> None:
    """Defaults, factories and what is computed at the end included."""
    assert make("a") == Noun("a")
    assert make(name="a", size=4, tags=["x"]) == Noun("a", 4, ["x"])
    assert (make("a").double, repr(make("a"))) == (6, repr(Noun("a")))
    assert make("a").tags is not make("b").tags
    assert (make("a", kind="other").kind, make("a").memo) == ("other", {})
    assert type(make("a")) is Noun


def test_what_it_makes_is_frozen() -> None:
    """It could be filled only while it was not yet of its class."""
    made = make("a")
    with pytest.raises(FrozenInstanceError):
        made.size = 5  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.size
    assert made == Noun("a")


@pytest.mark.parametrize("given", [{}, {"name": "a", "length": 3}, {"name": "a", "double": 3}])
def test_it_wants_the_same_parameters(given: dict[str, str]) -> None:
    """A field that is misspelt is no field."""
    with pytest.raises(TypeError):
        make(**given)  # type: ignore[arg-type]


def test_what_is_the_same_comes_from_another_object() -> None:
    """Of whatever class: it needs to have these attributes only."""
    facts = RequestFacts(path="/v1", model="m", headers={"a": "b"})
    known = {each.name for each in fields(RequestFacts)} - {"model"}
    assert maker_from(RequestFacts, known)(facts, model="n") == RequestFacts(
        path="/v1", model="n", headers={"a": "b"}
    )
    with pytest.raises(TypeError):
        maker_from(RequestFacts, known)(facts, path="/v2")


def test_what_is_to_be_the_same_has_to_be_a_field() -> None:
    """Or one that was renamed would be left at its default without a word."""
    with pytest.raises(TypeError, match="Noun has no field length"):
        maker_from(Noun, ["name", "length"])
