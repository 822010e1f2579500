"""A text or its bytes as documents, be it YAML or JSON.

JSON that is good is read by `json` alone, which is fast; YAML's walk is asked for lines and
columns only once something is wrong. Must not know what a scenario is.
"""

from __future__ import annotations

import codecs
import json
from functools import partial
from typing import Any, Literal

from mockai.core.mistakes import Mistake, shown
from mockai.core.yaml_marks import Document, Marks, finite, read_yaml

ContentType = Literal["yaml", "json"]
MAX_BYTES = 5_000_000

_Read = tuple[list[Document], list[Mistake]]


def read_documents(text: str | bytes, content_type: ContentType | None = None) -> _Read:
    """Return the documents that can be read, and everything that is wrong with the text.

    Without a content type, what begins as JSON and is JSON is JSON; all else is YAML.
    """
    if len(text) > MAX_BYTES:
        return [], [_too_large(text)]
    decoded = _decoded(text)
    if isinstance(decoded, Mistake):
        return [], [decoded]
    if content_type == "json":
        return _read_json(decoded)
    if content_type is None and decoded.lstrip()[:1] in {"{", "["}:
        documents, _ = _read_json(decoded)
        if documents:
            return documents, []
    return read_yaml(decoded)


def _too_large(text: str | bytes) -> Mistake:
    """Return the mistake, marked with the place from where on it is too much."""
    kept = text[:MAX_BYTES]
    lines = kept.split(b"\n") if isinstance(kept, bytes) else kept.split("\n")
    mark = (len(lines), len(lines[-1]) + 1)
    return Mistake(f"larger than {MAX_BYTES // 1_000_000} MB", mark=mark)


def _decoded(text: str | bytes) -> str | Mistake:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    raw = text.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        mark = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Mistake(f"not UTF-8: byte 0x{raw[error.start]:02x}", mark=mark)


def _read_json(text: str) -> _Read:
    try:
        data = json.loads(
            text, object_pairs_hook=_unique, parse_constant=finite, parse_float=finite
        )
    except json.JSONDecodeError as error:
        return [], [Mistake(f"not JSON: {error.msg}", mark=(error.lineno, error.colno))]
    except RecursionError:
        _, mistakes = _read_as_yaml(text)  # which knows the place
        return [], mistakes[:1] or [Mistake("not JSON: nested too deeply")]
    except ValueError as error:  # a duplicate key, NaN, a number of more than 4,300 digits
        documents, mistakes = _read_as_yaml(text)
        return [], mistakes if documents and mistakes else [Mistake(f"not JSON: {error}")]
    return [Document(data, partial(_json_marks, text))], []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"duplicate key {shown(key)}")
        data[key] = value
    return data


def _json_marks(text: str) -> Marks:
    """Return the places in a JSON text, or none where YAML does not read it alike."""
    documents, mistakes = _read_as_yaml(text)
    return documents[0].marks() if documents and not mistakes else {}


def _read_as_yaml(text: str) -> _Read:
    # JSON may indent with tabs, YAML may not; within JSON's strings there are none.
    return read_yaml(text.replace("\t", " "))
