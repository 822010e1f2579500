"""A run as JUnit XML, which every CI system reads: a test case for each check."""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mockai.core.markup import xml_text
from mockai.core.run_report import Judged, RunReport
from mockai.core.text_report import render_text


def render_junit(report: RunReport) -> str:
    """Return the document. Without a check it has one case, which was skipped."""
    states = Counter(item.state for item in report.judged)
    counts = {
        "tests": len(report.judged) or 1,
        "failures": states["failed"] + states["inconclusive"],
        "errors": 0,
        "skipped": 0 if report.judged else 1,
    }
    shown = {name: str(count) for name, count in counts.items()}
    root = Element("testsuites", {"name": "mockai", **shown})
    suite = SubElement(root, "testsuite", {"name": xml_text(report.title), "time": "0", **shown})
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", name="headline", value=xml_text(report.headline()))
    for number, item in enumerate(report.judged, 1):
        _case(suite, item, number)
    if not report.judged:
        case = SubElement(suite, "testcase", classname="mockai", name="checks", time="0")
        SubElement(case, "skipped", message=report.of_checks())
    SubElement(suite, "system-out").text = xml_text(render_text(report))
    indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{tostring(root, encoding='unicode')}\n"


def _case(suite: Element, judged: Judged, number: int) -> None:
    """Add a case; its name has a number, for two checks may read alike."""
    verdict = judged.verdict
    sentence = judged.check.sentence() if judged.check is not None else verdict.message
    name = f"{number}. {verdict.check}: {sentence}"
    case = SubElement(
        suite, "testcase", classname=xml_text(judged.origin), name=xml_text(name), time="0"
    )
    if not verdict.passed:
        failure = SubElement(case, "failure", type=judged.state, message=xml_text(verdict.message))
        failure.text = xml_text(verdict.report or verdict.message)
