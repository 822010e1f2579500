"""Log probabilities as the chat surface shows them: made up, seeded, and of the right shape."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from mockai.core.tokens import Encoding

# fmt: off
_OTHERS = (
    " the", " a", " and", " of", " to", " in", " is", " it", " that", " for",
    " with", " as", " was", " on", " are", " be", " at", " by", " not", " or",
)
# fmt: on


_LEAST = 1e-6  # nothing is quite certain


class Logprobs:
    """Draws the `logprobs` items of a text; `top` alternatives each (0 to 20)."""

    def __init__(self, encoding: Encoding, seed: int, top: int) -> None:
        self._encoding, self._seed, self._top = encoding, seed, top

    def of(self, text: str, index: int, told: Sequence[float] = ()) -> list[dict[str, Any]]:
        """Return one item for each token of the text; the same for the same place.

        The first have the log probabilities that are `told`.
        """
        draw = random.Random(f"{self._seed}:{index}")
        tokens = self._encoding.token_bytes_of(self._encoding.encode(text))
        drawn = [-max(_LEAST, draw.expovariate(4.0)) for _ in tokens]
        figures = [*told, *drawn[len(told) :]]
        return list(map(self._item, tokens, figures))

    def _item(self, token: bytes, likely: float) -> dict[str, Any]:
        own = _entry(token, likely)
        # The alternatives share what is left, each half as likely as the one before.
        most = min(likely, math.log(-math.expm1(min(-_LEAST, likely))))
        words = [word for word in _OTHERS if word != own["token"]][: max(0, self._top - 1)]
        others = [_entry(word.encode(), most - 0.7 * rank) for rank, word in enumerate(words, 1)]
        return {**own, "top_logprobs": [own, *others] if self._top else []}


def _entry(token: bytes, logprob: float) -> dict[str, Any]:
    try:
        shown = token.decode()
    except UnicodeDecodeError:  # part of a character: the API shows its bytes
        shown = "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
    return {"token": shown, "logprob": round(logprob, 8), "bytes": list(token)}
