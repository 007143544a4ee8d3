"""A report as text: finding, evidence, repair, what to read."""

from typing import Any

from scratchdae.doctor.report import Report


def table(report: Report) -> str:
    """Return the report for a terminal."""
    return "\n".join(
        [
            report.verdict,
            report.sentence,
            str(report.causes),
            *map(str, report.prescription[:4]),
            *map(str, report.facts),
            *map(str, report.floors),
            *(f"{t.name} {t.scores} {t.why_not}" for t in report.trials),
            str(report.about),
        ]
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for JSON."""
    return {"verdict": report.verdict}
