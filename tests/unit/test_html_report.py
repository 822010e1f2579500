"""The page stands alone, is well-formed, and shows what clients said without acting on it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.core.exchange import Exchange
from mockai.core.html_report import MOST_OPEN, render_html
from mockai.core.run_report import RunReport
from mockai.core.svg_timeline import Scale, exchange_svg, run_svg
from tests.support.facts import cancelled_exchange, completed_exchange, hold_at, mark_at
from tests.support.reports import HOSTILE, empty_report, exchanges, sample_report, xml_of

SVG = "{http://www.w3.org/2000/svg}"


def page_of(report: RunReport) -> ET.Element:
    """Return the page as XML; it is written so that it is that too."""
    return xml_of(render_html(report).removeprefix("<!DOCTYPE html>"))


def texts(page: ET.Element) -> str:
    """Return all that can be read."""
    return " ".join(page.itertext())


def test_the_page_shows_checks_exchanges_findings_and_costs() -> None:
    """A card for each exchange, with its facts and its timeline."""
    page = page_of(sample_report())
    shown = texts(page)
    for words in (
        "1 of 2 cancels did not cancel",
        "2 of 3 checks failed",
        "388",
        "refused",
        "$0.0",
    ):
        assert words in shown
    cards = [item.get("id") for item in page.iter("details") if item.get("id")]
    assert cards == [f"exchange-ex_{seq}" for seq in (1, 2, 3, 4)]
    links = {link.get("href") for link in page.iter("a")}
    assert links == {f"#{card}" for card in cards}


def test_nothing_comes_from_outside_and_nothing_runs() -> None:
    """No script, no link to a style, no picture; the page's own policy forbids them."""
    html = render_html(sample_report())
    page = page_of(sample_report())
    used = {element.tag for element in page.iter()}
    assert not used & {"script", "link", "img", "iframe", "object", "form"}
    assert "default-src 'none'" in html
    assert "://" not in html.replace("http://127.0.0.1", "")


def test_what_a_client_said_is_shown_not_acted_on() -> None:
    """The hostile text stands there letter by letter, less what cannot be said."""
    shown = texts(page_of(sample_report()))
    assert HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd") in shown


def test_every_colour_is_explained() -> None:
    """Of the bars of a run, and of the parts of a timeline."""
    page = page_of(sample_report())
    explained = {item.get("class") for item in page.iter("i")}
    drawn = {kind for box in page.iter(f"{SVG}rect") for kind in (box.get("class") or "").split()}
    assert drawn - {"bar", "phase"} <= explained
    assert {"cancelled", "completed", "failed", "open"} <= explained


def test_what_is_long_does_not_widen_the_page() -> None:
    """Timelines and tables scroll in a box of their own; words break wherever they must."""
    page = page_of(sample_report())
    boxed = {id(inner) for box in page.iter("div") if "wide" in (box.get("class") or "").split()
             for inner in box}  # fmt: skip
    wide = [*page.iter(f"{SVG}svg"), *page.iter("table")]
    assert wide
    assert all(id(item) in boxed for item in wide)
    assert "overflow-wrap: anywhere" in render_html(sample_report())


def test_an_empty_run_has_a_page_too() -> None:
    """It says that nothing came."""
    assert "no request reached mockai" in texts(page_of(empty_report()))


def test_a_long_run_is_folded() -> None:
    """Of many exchanges only those with a finding are unfolded."""
    one = exchanges()[0]
    many = [replace(one, id=f"ex_{n}", seq=n) for n in range(MOST_OPEN + 1)]
    report = replace(sample_report(), exchanges=tuple(many), findings=())
    unfolded = [item for item in page_of(report).iter("details") if item.get("id")]
    assert {item.get("open") for item in unfolded} == {None}


@given(st.text())
def test_no_text_breaks_the_page(text: str) -> None:
    """Whatever a scenario is called and a client says."""
    one = replace(exchanges()[3], scenario=text, error=text, id=text)
    page_of(replace(sample_report(text), exchanges=(one,), remarks=(text,)))


# ── timelines ────────────────────────────────────────────────────────────────────────────────


def parts(exchange: Exchange) -> dict[str, list[str]]:
    """Return the titles and labels of a timeline, by the class of what is drawn."""
    found: dict[str, list[str]] = {}
    for element in xml_of(exchange_svg(exchange)).iter():
        words = " ".join(element.itertext())
        for kind in (element.get("class") or "").split():
            found.setdefault(kind, []).append(words)
    return found


def test_a_timeline_shows_phases_holds_marks_and_the_end() -> None:
    """Each with its words, for those who point at it."""
    shown = parts(cancelled_exchange(0.5, marks=(mark_at(0.4),), holds=(hold_at(0.3, for_s=0.2),)))
    assert shown["waiting"] == ["until the first token: 0.2 s"]
    assert shown["streaming"] == ["streaming: 0.3 s"]
    assert shown["hold"] == ["held at 'hold-1', token 12: 0.2 s"]
    assert shown["mark"] == ["mark 'stop' 0.4 s"]
    assert shown["disconnected"] == ["client left (fin, 12 tokens) 0.5 s"]
    assert "after-stop" not in shown


def test_what_came_after_the_stop_is_underlined() -> None:
    """The waste can be seen."""
    shown = parts(completed_exchange(2.2, marks=(mark_at(0.4),)))
    assert shown["after-stop"] == ["388 tokens after mark 'stop'"]


def test_the_end_of_what_failed_is_no_good_end() -> None:
    """Its line has the colour of failures."""
    assert parts(exchanges()[3])["failed"] == ["failed: refused 1 ms"]
    assert parts(completed_exchange(2.2))["completed"] == ["done (400 tokens) 2.2 s"]


def test_labels_that_would_overlap_stand_in_lanes() -> None:
    """Two marks within a pixel of each other can both be read."""
    marks = (mark_at(0.4), mark_at(0.4001, name="again", seq=2))
    drawn = xml_of(exchange_svg(cancelled_exchange(0.5, marks=marks)))
    places = [
        (group.find("text").get("y"))  # type: ignore[union-attr]
        for group in drawn.iter("g")
        if (group.get("class") or "").startswith("point")
    ]
    assert len(places) == len(set(places)) == 3


@pytest.mark.parametrize("span_s", [1e-3, 0.02, 0.52, 1.0, 3.7, 61.0, 86_400.0])
def test_the_axis_has_round_instants_and_not_too_many(span_s: float) -> None:
    """From a millisecond to a day; the first is 0, all lie within."""
    ticks = list(Scale(span_s).ticks())
    assert ticks[0] == 0
    assert 3 <= len(ticks) <= 9
    assert ticks[-1] <= span_s * 1.000001


def test_the_run_shows_each_exchange_where_it_stood() -> None:
    """The second began a quarter of a second later, so its bar begins further to the right."""
    drawn = xml_of(run_svg(exchanges()))
    bars = [float(box.get("x", "")) for box in drawn.iter("rect")]
    assert bars == sorted(bars)
    assert len(set(bars)) == 4
