"""What a project shows in its own README: a badge, and a table of its results by group."""

from xml.sax.saxutils import escape

from scratchdae.conformance.report import AGREES, UNSUPPORTED, Report, in_words

_CHARACTER = 6.6  # pixels of width that a character of 11 px has, on average


def badge(report: Report) -> str:
    """Draw a badge as SVG: how many of the supported cases agree."""
    supported = len(report.results) - report.count(UNSUPPORTED)
    left, right = f"scratchdae cases v{in_words(report.specs)}", f"{report.count(AGREES)} of {supported} agree"
    if report.passed and any(result.widened for result in report.results):
        right += ", own tolerances"
    colour = "#2e7d32" if report.passed and "own" not in right else "#b26a00" if report.passed else "#b71c1c"
    widths = [round(_CHARACTER * len(text) + 12) for text in (left, right)]
    texts = [(left, widths[0] / 2), (right, widths[0] + widths[1] / 2)]
    drawn = "".join(f'<text x="{x:g}" y="14">{escape(text)}</text>' for text, x in texts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sum(widths)}" height="20" role="img">'
        f"<title>{escape(left)}: {escape(right)}</title>"
        f'<rect width="{widths[0]}" height="20" fill="#444"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">{drawn}</g></svg>\n'
    )


def table(report: Report) -> str:
    """Write a Markdown table of the groups, with what adapters widened below it."""
    lines = ["| group | agree | of | unsupported |", "| --- | ---: | ---: | ---: |"]
    for group, results in report.by_group().items():
        unsupported = sum(not result.supported for result in results)
        agree = sum(result.status == AGREES for result in results)
        lines.append(f"| {group} | {agree} | {len(results) - unsupported} | {unsupported} |")
    if any(result.widened for result in report.results):
        wide = ", ".join(f"{result.case.name}" for result in report.results if result.widened)
        lines += ["", f"By tolerances of its own: {wide}."]
    return "\n".join([*lines, ""])
