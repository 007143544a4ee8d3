"""What a case asks, in words and in plain NumPy, and the beginning of an answer to it: in Python, JavaScript or C."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.catalogue import concern
from scratchdae.conformance.plain import PLAIN, elementary

LANGUAGES = ("python", "javascript", "c")


def described(case: Case) -> str:
    """Say what comes in and what is expected out, in words that presuppose no library, and what is computed."""
    manifest = case.manifest
    lines = [f"{case.id}: {case.operation}", "", *manifest["in_words"], ""]
    lines += [f"Aimed at: {manifest['aimed_at']}.", ""]
    lines += ["Comes in:", *_arrays(case, case.inputs), "", "Must be known besides:"]
    lines += [f"  {name} = {value!r}" for name, value in case.conventions.items()] or ["  nothing"]
    lines += ["", "Must come out:", *_arrays(case, case.required)]
    further = [name for name in case.expected if name not in case.required]
    if further:
        lines += ["", "May come out, and is compared first where it does:", *_arrays(case, further)]
    allowed = f"{case.tolerance('float64'):g} in float64, {case.tolerance('float32'):g} in float32"
    lines += ["", f"Allowed error, of the largest value of each array: {allowed}."]
    if source := plainly(case):
        lines += ["", "In plain NumPy:", "", source]
    return "\n".join(lines)


def plainly(case: Case) -> str:
    """Return what a case computes as a program in NumPy; empty where none is written."""
    told = PLAIN.get(concern(case))
    if told is None:
        return ""
    called = _called(told)
    beside = [told.__globals__.get(name) for name in called]
    functions: list[Any] = [one for one in beside if inspect.isfunction(one) and one.__module__ == told.__module__]
    head = ["import numpy as np"]
    if names := [name for name in sorted(called) if name in elementary.__all__]:
        head += [f"from {elementary.__name__} import {', '.join(names)}"]
    sources = [inspect.getsource(one).replace("  # fmt: skip", "").strip() for one in (*functions, told)]
    return "\n\n\n".join(["\n".join([*head, "", "Array = np.ndarray"]), *sources])


def _called(function: Callable[..., Any]) -> dict[str, None]:
    """Name what a function calls, beside methods and what stands in modules."""
    calls = (node.func for node in ast.walk(ast.parse(inspect.getsource(function))) if isinstance(node, ast.Call))
    return dict.fromkeys(func.id for func in calls if isinstance(func, ast.Name))


def _arrays(case: Case, names: Iterable[str]) -> list[str]:
    about = case.manifest["arrays"]
    rows = [(name, f"{about[name]['dtype']} {tuple(about[name]['shape'])}", about[name]["meaning"]) for name in names]
    widths = [max((len(row[k]) for row in rows), default=0) for k in (0, 1)]
    return [f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {meaning}" for name, kind, meaning in rows]


def adapter(cases: Iterable[Case], language: str = "python") -> str:
    """Write an implementation to fill in for the operation of some cases."""
    cases = list(cases)
    operation = cases[0].operation
    inputs = {name: case.manifest["arrays"][name] for case in cases for name in case.inputs}
    required = dict.fromkeys(name for case in cases for name in case.required)
    values: dict[str, dict[str, None]] = {}
    for case in cases:
        for name, value in case.conventions.items():
            values.setdefault(name, {})[repr(value)] = None
    told = [f"{name}: {about['dtype']}, {about['meaning']}" for name, about in inputs.items()]
    told += [f"conventions {name}: {', '.join(found)}" for name, found in values.items()]
    write = {"python": _python, "javascript": _javascript, "c": _c}[language]
    return write(operation, told, list(inputs), list(required))


def _commented(lines: list[str], mark: str) -> str:
    return "\n".join(textwrap.fill(line, 112, initial_indent=mark, subsequent_indent=f"{mark}    ") for line in lines)


def _python(operation: str, told: list[str], inputs: list[str], required: list[str]) -> str:
    answer = ", ".join(f'"{name}": ...' for name in required)
    given = "\n".join(f'        {name} = inputs.get("{name}")' for name in inputs)
    return f'''"""scratchdae conform run --adapter THIS_FILE.py"""


class Mine:
    name, dtype = "mine", "float64"  # or "float32": what it computes in

{_commented(told, "    # ")}
    def {operation}(self, inputs, conventions):
{given}
        raise NotImplementedError("what is not done here is unsupported, not wrong")
        return {{{answer}}}
'''


def _javascript(operation: str, told: list[str], inputs: list[str], required: list[str]) -> str:
    answer = ",\n".join(f'  {name}: {{ dtype: "float64", shape: [], values: [] }}' for name in required)
    return f"""// scratchdae conform run --format json --exec "node THIS_FILE.mjs {{case_dir}} {{out_dir}}"
import {{ readFileSync, writeFileSync }} from "node:fs";

const [caseDir, outDir] = process.argv.slice(2);
const {{ operation, conventions }} = JSON.parse(readFileSync(`${{caseDir}}/case.json`));
if (operation !== "{operation}") process.exit(3); // unsupported
{_commented(told, "// ")}
const {{ {", ".join(inputs)} }} = JSON.parse(readFileSync(`${{caseDir}}/inputs.json`)); // each: dtype, shape, values
const answer = {{ // values in C order
{answer},
}};
process.exit(3); // remove this line
writeFileSync(`${{outDir}}/outputs.json`, JSON.stringify(answer));
"""


def _c(operation: str, told: list[str], inputs: list[str], required: list[str]) -> str:
    reads = "\n".join(f'    FILE *{name} = in(argv[1], "inputs/{name}.npy");' for name in inputs)
    writes = "\n".join(f'    /* write "{name}.npy" into argv[2] */' for name in required)
    return f"""/* scratchdae conform run --format npy --exec "./this {{case_dir}} {{out_dir}}" */
#include <stdio.h>

static FILE *in(const char *folder, const char *name) {{ /* NULL if the case has no such input */
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "rb"); /* a .npy file: a header of text, then the values in C order */
}}

/*
{_commented(told, " * ")}
 */
int main(int argc, char **argv) {{
    if (argc != 3) return 2;
    /* case.json says which operation and conventions: leave with 3 unless it is {operation} */
{reads}
    return 3; /* unsupported: remove this line */
{writes}
    return 0;
}}
"""
