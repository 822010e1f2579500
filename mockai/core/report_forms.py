"""The forms of a report, by name: each is a function of `RunReport`, imported when it is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockai.core.run_report import RunReport

MEDIA_TYPES = {
    "text": "text/plain",
    "json": "application/json",
    "junit": "application/xml",
    "markdown": "text/markdown",
    "html": "text/html",
}
FORMS = tuple(MEDIA_TYPES)
_DRAWN = {
    "text": ("text_report", "render_text"),
    "junit": ("junit", "render_junit"),
    "markdown": ("markdown_report", "render_markdown"),
    "html": ("html_report", "render_html"),
}


def draw(report: RunReport, form: str) -> str:
    """Return the report in one of `FORMS`."""
    if form == "json":
        return json.dumps(report.to_json(), indent=2) + "\n"
    module, function = _DRAWN[form]
    drawn: Callable[[RunReport], str] = getattr(import_module(f"mockai.core.{module}"), function)
    return drawn(report)
