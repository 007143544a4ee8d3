"""``scratchdae conform``: hold another implementation to the reference cases, in any language."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scratchdae.arguments import number
from scratchdae.cli.results import writable_file

if TYPE_CHECKING:
    from scratchdae.conformance.candidate import Candidate
    from scratchdae.conformance.case import Case
    from scratchdae.conformance.report import Result

_REPORTS = {"junit": ".xml", "json": ".json", "markdown": ".md", "badge": ".svg", "table": ".md"}
_TIMEOUT = 60.0  # seconds for each case
_FORMATS = ("safetensors", "npz", "npy", "json")
_DTYPES = ("float64", "float32")
_SPECS = ("1", "2", "all")
_LANGUAGES = ("python", "javascript", "c")


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")

    parser = actions.add_parser("list", help="the cases: what each is aimed at, what comes in, what must come out")
    parser.set_defaults(run=list_cases)
    _choose(parser)

    parser = actions.add_parser("show", help="what a case asks in words and in NumPy, and the beginning of an answer")
    parser.set_defaults(run=show)
    parser.add_argument("case", metavar="CASE", help="NAME or GROUP/NAME")
    parser.add_argument("--language", choices=_LANGUAGES, default="python", help="of the beginning (python)")

    parser = actions.add_parser("template", help="write an adapter to fill in")
    parser.set_defaults(run=template)
    parser.add_argument("operation", metavar="OPERATION", help="activation, loss, autoencoder, layer, optimizer …")
    parser.add_argument("--language", choices=_LANGUAGES, default="python", help="(python)")

    parser = actions.add_parser(
        "run",
        help="ask an implementation every case, compare, and explain what disagrees",
        description="Ask an implementation every case, compare in the order of computation, and say what each "
        "disagreement is.",
        epilog="Exit status 0: all supported cases agree, and there is one. 1: not so. A program reads case.json and "
        "inputs.* from {case_dir} and writes outputs.safetensors, .npz, .json or NAME.npy to {out_dir}; it leaves with "
        "exit status 3 where it does not support a case.",
    )
    parser.set_defaults(run=run)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--adapter",
        metavar="NAME",
        help="reference, numba, torch, jax, keras, tinygrad, flax, module:object, FILE.py:object or FILE.py",
    )
    who.add_argument("--exec", metavar="COMMAND", help='a program, as in "./mine {case_dir} {out_dir}"')
    parser.add_argument(
        "--timeout",
        type=float,
        default=_TIMEOUT,
        metavar="S",
        help="seconds for each case (60), more for the first of an operation while it computes; an adapter has a "
        "process of its own, with 0 this one: what it starts there "
        "may outlive the run, and what it registers with atexit or does to the output may spoil its end",
    )
    parser.add_argument("--dtype", choices=_DTYPES, help="what it computes in (the adapter's own; float64)")
    parser.add_argument("--format", choices=_FORMATS, help="of the inputs of a program (safetensors)")
    _choose(parser)
    _report(parser)

    parser = actions.add_parser("compare", help="compare answers that were written to files")
    parser.set_defaults(run=compare)
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="with a folder for each case, GROUP/NAME or NAME")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="what they were computed in (float64)")
    _choose(parser)
    _report(parser)

    parser = actions.add_parser("export", help="write the cases for an implementation to read")
    parser.set_defaults(run=export)
    parser.add_argument("folder", type=Path, metavar="DIR", help="to fill with DIR/GROUP/NAME; empty or new")
    parser.add_argument("--format", choices=_FORMATS, default="safetensors", help="(safetensors)")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="of the inputs (float64)")
    parser.add_argument("--with-expected", action="store_true", help="also what must come out, in float64")
    _choose(parser)


def show(options: argparse.Namespace) -> int:
    """Print what a case asks."""
    from scratchdae.conformance import load_cases
    from scratchdae.conformance.skeleton import adapter, described

    (case,) = load_cases(names=[options.case])
    print(described(case), "", "The beginning of an answer:", "", sep="\n")
    print(adapter([case], options.language), end="")
    return 0


def template(options: argparse.Namespace) -> int:
    """Print an adapter to fill in."""
    from scratchdae.conformance import load_cases
    from scratchdae.conformance.case import known
    from scratchdae.conformance.skeleton import adapter

    cases = load_cases()
    wanted = known("operation", options.operation, {case.operation for case in cases})
    print(adapter([case for case in cases if case.operation in wanted], options.language), end="")
    return 0


def list_cases(options: argparse.Namespace) -> int:
    """Print the cases."""
    from scratchdae.conformance.report import case_width

    cases = _cases(options)
    width = case_width(cases)
    for case in cases:
        told = f"{', '.join(case.inputs)} -> {', '.join(case.required)}"
        print(f"{case.id:<{width}}  {case.manifest['aimed_at']}  ({told})")
    return 0


def run(options: argparse.Namespace) -> int:
    """Ask an implementation the cases, and report; status 0 if all that it supports agree and there is one."""
    from scratchdae.conformance.candidate import LONGEST, InProcess, SeparateProcess
    from scratchdae.conformance.named import Elsewhere
    from scratchdae.conformance.program import Program

    number("timeout", options.timeout, at_least=0, at_most=LONGEST)
    cases = _cases(options)
    _check_reports(options)
    if options.exec is not None:
        command = Program(options.exec, options.timeout, options.dtype or "float64", options.format or "safetensors")
        return _examine(command, cases, options)
    if options.format is not None:
        raise ValueError("--format is of the inputs of a program (--exec), found an adapter")
    adapter = Elsewhere(options.adapter, options.dtype)
    if options.timeout == 0:
        return _examine(InProcess(adapter), cases, options)
    with SeparateProcess(adapter, options.timeout) as candidate:
        return _examine(candidate, cases, options)


def compare(options: argparse.Namespace) -> int:
    """Compare answers in files with the cases, and report; status 0 if all agree and there is one."""
    from scratchdae.conformance import load_cases
    from scratchdae.conformance.exchange import Answers

    cases = _cases(options)
    _check_reports(options)
    return _examine(Answers(options.folder, load_cases(), options.dtype), cases, options)


def export(options: argparse.Namespace) -> int:
    """Write cases to files."""
    from scratchdae.conformance import exchange

    folders = exchange.export(options.folder, _cases(options), options.format, options.dtype, options.with_expected)
    print(f"{len(folders)} cases in {options.folder}")
    return 0


def _choose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", action="append", metavar="GROUP", help="only this group; may be repeated")
    parser.add_argument("--spec", choices=_SPECS, default="all", help="only this version of the cases (all)")
    parser.add_argument("--case", action="append", metavar="CASE", help="only NAME or GROUP/NAME; may be repeated")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--junit", type=Path, metavar="FILE.xml", help="write JUnit XML")
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE.md", help="write Markdown")
    parser.add_argument("--badge", type=Path, metavar="FILE.svg", help="draw a badge for a README")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="write a Markdown table of the groups for it")
    parser.add_argument("--no-explain", action="store_true", help="do not look for what a disagreement is")


def _cases(options: argparse.Namespace) -> "tuple[Case, ...]":
    from scratchdae.conformance import load_cases

    return load_cases(groups=options.group, names=options.case, spec=options.spec)


def _check_reports(options: argparse.Namespace) -> None:
    """Refuse, before anything runs, files that could not be written after it."""
    for form, suffix in _REPORTS.items():
        path: Path | None = getattr(options, form)
        if path is not None:
            writable_file(f"--{form}", path, (suffix,))


class _Rows:
    """Prints results as they come; what is unsupported waits until something is supported."""

    def __init__(self, width: int) -> None:
        self._width, self._waiting, self._supports = width, list["Result"](), False

    def __call__(self, result: "Result") -> None:
        from scratchdae.conformance.report import row

        self._supports |= result.supported
        self._waiting.append(result)
        if self._supports:
            print(*(line for one in self._waiting for line in row(one, self._width)), sep="\n", flush=True)
            self._waiting.clear()


def _examine(candidate: "Candidate", cases: "Sequence[Case]", options: argparse.Namespace) -> int:
    """Print each result as it comes, then write the reports."""
    from scratchdae.conformance import report_files
    from scratchdae.conformance.report import case_width, explanations, heading, summary, versions
    from scratchdae.conformance.runner import check_tolerances, examine

    check_tolerances(candidate, cases)
    print(*heading(candidate.name, candidate.dtype, candidate.tolerances, versions(cases)), "", sep="\n", flush=True)
    report = examine(
        candidate,
        cases,
        explain=not options.no_explain,
        told=_Rows(case_width(cases)),
    )
    print(*explanations(report), "", *summary(report), sep="\n")
    for form in _REPORTS:
        path: Path | None = getattr(options, form)
        if path is not None:
            report_files.write(path, report, form)
    return 0 if report.passed else 1
