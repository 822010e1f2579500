"""Text that others wrote, made harmless for XML, HTML and Markdown: it is shown, never acted on."""

from __future__ import annotations

import re
from html import escape

_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&@$])")
_LEAST_FENCE = 3


def xml_text(text: str) -> str:
    """Return the text without what XML 1.0 has no way to say: most control characters.

    ElementTree writes them all the same, in texts and attributes, and then no reader takes the
    file.
    """
    return _UNSPEAKABLE.sub(_REPLACEMENT, text)


def html_text(text: str) -> str:
    """Return the text for HTML and SVG, for attributes too."""
    return escape(xml_text(text))


def markdown_text(text: str) -> str:
    """Return the text on one line, with nothing in it that Markdown or HTML would act on."""
    one_line = " ".join(xml_text(text).split())
    return _MARKDOWN.sub(r"\\\1", one_line).replace(r"\<", "&lt;")


def fenced(text: str) -> str:
    """Return the text as a Markdown block of code, which it cannot end itself."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(_LEAST_FENCE, longest + 1)
    return f"{fence}text\n{xml_text(text)}\n{fence}"
