"""Seeded text of a Faker locale that is exactly n tokens of o200k_base.

Knows: Faker's word lists and how to make a text come out at a given length. Must not know:
scenarios, models, other encodings. Faker promises the same text only for the same version of
itself; text that must never change is `filler`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from mockai.core.errors import ScenarioError
from mockai.core.tokens import Encoding, get_encoding

if TYPE_CHECKING:
    from faker.providers.lorem import Provider

ENCODING = "o200k_base"
PAD = " the"


def prose(n: int, seed: int, *, locale: str) -> str:
    """`n` tokens of o200k_base in the language of `locale`; "" for 0.

    The last words may be " the": a text that is cut inside a character or a word is filled up.

    The same arguments give the same text, for one version of Faker. Raises ScenarioError for a
    locale that Faker has no words for, and ValueError when `n` is negative.

    >>> get_encoding("o200k_base").count(prose(40, 7, locale="ja_JP"))
    40
    """
    if n < 0:
        raise ValueError(f"n must be at least 0 (got {n})")
    provider = _provider(locale.replace("-", "_"))
    encoding = get_encoding(ENCODING)
    return _cut(_tokens(n, seed, provider, encoding), n, encoding)


def _tokens(n: int, seed: int, provider: type[Provider], encoding: Encoding) -> list[int]:
    """At least about `n` tokens of paragraphs: joined, they may come to a few less."""
    from faker import Generator  # noqa: PLC0415 - 0.2 s, which only who wants prose should pay

    generator = Generator()  # one for each call: nothing is shared, so no other call can disturb it
    generator.seed_instance(seed)
    source = provider(generator)
    text, count = "", 0
    while count < n:
        paragraph = source.paragraph(nb_sentences=8)
        text += f" {paragraph}" if text else paragraph
        count += encoding.count(f" {paragraph}")
    return encoding.encode(text)


def _cut(tokens: list[int], n: int, encoding: Encoding) -> str:
    """The longest beginning of `tokens` that is whole characters and can be padded to `n`.

    The text of a beginning can encode to more tokens than it had, or to fewer, so each is counted
    again. It always ends: nothing at all, padded, is `n` times " the".
    """
    pieces = encoding.token_bytes_of(tokens[:n])
    for kept in range(len(pieces), 0, -1):
        try:
            text = b"".join(pieces[:kept]).decode()
        except UnicodeDecodeError:
            continue
        text += PAD * (n - encoding.count(text))
        if encoding.count(text) == n:
            return text
    return PAD * n


@cache
def _provider(locale: str) -> type[Provider]:
    """Faker's words of that locale; it would give Latin, silently, where it has none."""
    locales = _locales()
    if locale not in locales:
        raise ScenarioError(
            f"locale: no text for {locale!r} in Faker; there is {', '.join(locales)}"
        )
    found: type[Provider] = import_module(f"faker.providers.lorem.{locale}").Provider
    return found


@cache
def _locales() -> tuple[str, ...]:
    from pkgutil import iter_modules  # noqa: PLC0415

    from faker.providers import lorem  # noqa: PLC0415

    return tuple(sorted(module.name for module in iter_modules(lorem.__path__)))
