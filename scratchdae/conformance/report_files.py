"""A report as files: JUnit XML for build servers, Markdown for people, JSON for programs."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as xml

from scratchdae import atomic
from scratchdae.conformance.badge import badge, table
from scratchdae.conformance.report import (
    AGREES,
    DISAGREES,
    ERROR,
    UNSUPPORTED,
    Report,
    Result,
    explained_together,
    in_words,
    plain,
    verdict,
)

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&-])")  # whatever could begin markup
_ELEMENTS = {DISAGREES: "failure", ERROR: "error", UNSUPPORTED: "skipped"}


def write(path: Path, report: Report, form: str) -> None:
    """Write a report in one of its forms, whole or not at all."""
    forms = {"junit": junit, "json": as_json, "markdown": markdown, "badge": badge, "table": table}
    content = forms[form](report)
    atomic.write(path, content.encode())


def as_json(report: Report) -> str:
    """Write a report for a program."""
    return json.dumps(report.as_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def junit(report: Report) -> str:
    """Write a report as JUnit XML, with a suite for each group."""
    root = xml.Element("testsuites", {"name": "scratchdae conformance", **_counts(report.results)})
    for group, results in report.by_group().items():
        suite = xml.SubElement(root, "testsuite", {"name": group, **_counts(results)})
        properties = xml.SubElement(suite, "properties")
        about = {"adapter": report.name, "dtype": report.dtype, "spec": in_words(report.specs)}
        about |= {f"tolerance of {name}": f"{value:.3g}" for name, value in report.tolerances.items()}
        for name, value in about.items():
            xml.SubElement(properties, "property", name=plain(name), value=plain(value))
        for result in results:
            one = xml.SubElement(
                suite, "testcase", classname=f"conformance.{group}", name=result.case.name, time=f"{result.seconds:.3f}"
            )
            if result.status in _ELEMENTS:
                element = xml.SubElement(one, _ELEMENTS[result.status], message=result.sentence())
                element.text = "\n".join([*result.explained(), *map(plain, result.said.splitlines())]) or None
    xml.indent(root, " ")
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def markdown(report: Report) -> str:
    """Write a report as Markdown, with a table of all cases and the explanations below it."""
    lines = [f"# Conformance of {_escaped(plain(report.name))}", ""]
    lines += [f"{report.dtype}, cases of spec {in_words(report.specs)}. **{verdict(report)}.**", ""]
    for name, value in report.tolerances.items():
        lines += [f"- tolerance of {_escaped(plain(name))}: {value:.3g}, set by the adapter"]
    lines += [""] if report.tolerances else []
    lines += ["| case | result | |", "| --- | --- | --- |"]
    for result in report.results:
        word = result.status if result.status in (AGREES, UNSUPPORTED) else f"**{result.status}**"
        lines.append(f"| {_escaped(result.case.id)} | {word} | {_escaped(result.sentence())} |")
    for explained, cases in explained_together(report):
        lines += ["", f"## {_escaped(', '.join(cases))}", "", *(f"{_escaped(line.strip())}  " for line in explained)]
    return "\n".join(lines) + "\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    counts = {"failures": DISAGREES, "errors": ERROR, "skipped": UNSUPPORTED}
    return {
        "tests": str(len(results)),
        **{name: str(sum(result.status == status for result in results)) for name, status in counts.items()},
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
