"""Does any test notice? Small changes of the mathematics, training and floors, each against the tests of its module.

    python tests/mutation.py --count 300 --out RESULTS.jsonl

takes that many changes, the same for a seed, more of them from longer files; tries each on a copy of the project with
`pytest -x` on the tests that `TESTS` names; appends a line a change to the results, whose changes it does not try
again; and ends with the survivors. `mutation.json` has the last run, and of each survivor a verdict. No part of
the gate: on a busy machine 300 take hours. It forks, which Windows cannot.
"""

import argparse
import ast
import collections
import copy
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KILLED = "test_killed_at_any_moment_and_resumed_ends_in_the_same_bits"  # takes a minute, and adds nothing here
LIMIT = 120  # seconds for the tests of one change; who takes longer is noticed

TESTS = {  # the module: its tests, the quickest first; then what to run of the table of all layers
    **{f"{name}.py": f"test_{name}.py" for name in ("activations", "losses")},
    "gradcheck/": "test_gradcheck.py",
    "corruption/draws": "test_draws.py",
    "corruption/": "test_corruption.py",
    **{f"{name}.py": f"test_{name}.py" for name in ("initializers", "schedules", "rbm")},
    "floors/spectrum": "floors/test_linear_codes.py floors/test_slips.py floors/test_survey.py",
    "floors/examples": "floors/test_slips.py floors/test_survey.py floors/test_linear_codes.py",
    "floors/overview": "floors/test_survey.py floors/test_slips.py",
    **{f"floors/{name}": f"floors/test_{name}.py floors/test_slips.py floors/test_survey.py"
       for name in ("constants", "denoising", "entropy", "reach")},
    "floors/model": "floors/test_standing.py",
    "models/boltzmann": "models/test_boltzmann.py",
    "layers/dense": "layers/test_dense.py Dense",
    "layers/repeat": "layers/test_repeat.py Repeat",
    "layers/ups": "layers/test_shapes.py Upsampling",
    "layers/resh": "layers/test_shapes.py Reshape Flatten",
    "layers/noise": "layers/test_noise_layers.py Dropout Noise",
    "layers/activation": "layers/test_activation_layers.py Tanh ReLU Identity Sigmoid",
    "layers/inputs": "layers/test_dense.py layers/test_repeat.py layers/test_noise_layers.py Dense Flatten Noise",
    "layers/parameterless": "layers/test_noise_layers.py Tanh Flatten Noise",
    **{f"layers/{name.lower()}.py": f"layers/test_activation_layers.py {name}" for name in ("ELU", "GELU", "Softplus")},
    "layers/lstm": "layers/test_lstm.py layers/test_lstm_bugs.py LSTM",
    "layers/windows": "layers/test_windows.py layers/test_pooling.py layers/test_conv.py Conv2D Pool",
    "layers/pooling": "layers/test_pooling.py Pool",
    "layers/co": "layers/test_conv.py Conv2D",
    "autoencoder": "test_autoencoder.py",
    "models/denoising_autoencoder": "test_autoencoder.py training/test_checkpoint.py training/test_loop.py",
    "models/layer_spec": "models/test_stack.py models/test_stack_of_machines.py",
    "models/stack": "models/test_stack.py models/test_stack_of_machines.py",
    "models/": "models/test_sequential.py training/test_checkpoint.py training/test_loop.py",
    "optimizers/clipping": "test_clipping.py test_optimizers.py",
    "optimizers/": "test_optimizers.py test_clipping.py",
    "training/options": "training/test_loop.py test_malformed.py",
    "training/stopping": "models/test_stack.py",
    "training/evaluation": "training/test_loop.py test_malformed.py models/test_stack.py training/test_checkpoint.py",
    "training/steps": "training/test_loop.py kernels/test_perceptron_steps.py kernels/test_rule_steps.py "
                      "kernels/test_boltzmann_steps.py kernels/test_updates.py",
    "training/loop": "training/test_loop.py test_malformed.py training/test_checkpoint.py",
    "training/state": "training/test_loop.py training/test_checkpoint.py models/test_sequential.py",
    "training/": "training/test_loop.py training/test_checkpoint.py",
}  # fmt: skip

PAIRS = (
    (ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.BitAnd, ast.BitOr), (ast.And, ast.Or), (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.In, ast.NotIn), (ast.Is, ast.IsNot),
)  # fmt: skip
OPERATORS = {ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.Mod: ast.Mult, **dict(PAIRS), **{b: a for a, b in PAIRS}}
SWAPS = (
    ("zeros", "ones"), ("zeros_like", "ones_like"), ("sum", "mean"), ("max", "min"), ("maximum", "minimum"),
    ("any", "all"),
)  # fmt: skip
NAMES = {**dict(SWAPS), **{b: a for a, b in SWAPS}}


def alternatives(node: ast.AST, arguments: list[str]) -> Iterator[ast.AST]:
    """Yield what a node is changed to: another operator, number or argument, a term less, arguments swapped."""

    def changed(**fields: object) -> ast.AST:
        other = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    match node:
        case ast.BinOp(left, op, right):
            if type(op) in OPERATORS:
                yield changed(op=OPERATORS[type(op)]())
            if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.BitAnd):
                yield left
                if not isinstance(op, ast.Div):
                    yield right
            if isinstance(op, ast.Sub | ast.Div | ast.MatMult):
                yield changed(left=right, right=left)
        case ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield changed(op=OPERATORS[type(op)]())
            yield ast.Pass()
        case ast.BoolOp(op, values):
            yield changed(op=OPERATORS[type(op)]())
            yield from (changed(values=values[:i] + values[i + 1 :]) for i in range(len(values)))
        case ast.Compare(ops=[op]):
            yield changed(ops=[OPERATORS[type(op)]()])
            if isinstance(op, ast.Lt | ast.Gt | ast.LtE | ast.GtE):
                yield ast.UnaryOp(ast.Not(), node)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Constant(bool(value)):
            yield changed(value=not value)
        case ast.Constant(int(value) | float(value)):
            yield from (changed(value=other) for other in {value + 1, value - 1, 2 * value, 0 * value} - {value})
        case ast.Attribute(value, "T"):
            yield value
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in NAMES:
            yield changed(**{"attr" if isinstance(node, ast.Attribute) else "id": NAMES[name]})
        case ast.Name(name, ast.Load()) if name in arguments and len(arguments) > 1:
            yield changed(id=arguments[(arguments.index(name) + 1) % len(arguments)])
        case ast.Call(_, args, keywords):
            if len(args) > 1 and not any(isinstance(arg, ast.Starred) for arg in args[:2]):
                yield changed(args=[args[1], args[0], *args[2:]])
            yield from (changed(keywords=keywords[:i] + keywords[i + 1 :]) for i in range(len(keywords)))
            if len(args) == 1 and not isinstance(args[0], ast.Starred | ast.GeneratorExp):
                yield args[0]
        case ast.IfExp(test, body, orelse):
            yield changed(body=orelse, orelse=body)
        case ast.If(test) if not any(
            isinstance(child, ast.Name) and child.id == "TYPE_CHECKING" for child in ast.walk(test)
        ):
            yield changed(test=ast.UnaryOp(ast.Not(), test))
        case ast.Expr(ast.Call()):
            yield ast.Pass()


PROSE = {"returns", "annotation", "decorator_list", "exc", "msg", "type_params"}  # fields that no behaviour is in


def places(node: ast.AST, arguments: list[str]) -> Iterator[tuple[ast.AST, str, int | None, list[str]]]:
    """Yield where the nodes are that may be changed: parent, field, index, and the arguments of the function around."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        arguments = [a.arg for a in (*node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls", "_")]
    for name, value in ast.iter_fields(node):
        if name in PROSE or (isinstance(node, ast.FunctionDef) and name == "name"):
            continue
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
                if hasattr(child, "lineno"):
                    yield node, name, i, arguments
                yield from places(child, arguments)


def mutants(source: str) -> Iterator[tuple[int, str, Callable[[], str]]]:
    """Yield the changes of a module: the line, what was changed to what, and how to have the changed source."""
    tree = ast.parse(source)

    def rendered(siblings: Any, key: Any, node: ast.AST, other: ast.AST) -> str:
        siblings[key] = other
        try:
            return ast.unparse(ast.fix_missing_locations(tree))
        finally:
            siblings[key] = node

    for parent, name, i, arguments in list(places(tree, [])):
        siblings, key = (vars(parent), name) if i is None else (getattr(parent, name), i)
        node = siblings[key]
        for other in alternatives(node, arguments):
            change = " -> ".join(ast.unparse(n).partition("\n")[0][:100] for n in (node, other))
            yield node.lineno, change, functools.partial(rendered, siblings, key, node, other)


def tests_of(module: str) -> tuple[str, ...]:
    """Return the tests of a module, as pytest takes them; none if it is not among those that are changed."""
    words = next((words.split() for name, words in TESTS.items() if module.startswith(name)), [])
    files = [f"tests/{word}" for word in words if "." in word]
    layers = [word for word in words if word[0].isupper()]
    keywords = ["tests/layers/test_every_layer.py", "-k", f"not every_layer or {' or '.join(layers)}"] if layers else []
    return (*files, *keywords)


def sample(count: int, seed: int) -> list[tuple[str, int, str, Callable[[], str]]]:
    """Draw changes, and order them as `TESTS` is; the number from a file goes with the root of how many it has."""
    ranked, order = [], list(TESTS)
    for path in sorted((ROOT / "scratchdae").rglob("*.py")):
        module = path.relative_to(ROOT / "scratchdae").as_posix()
        if path.name != "__init__.py" and tests_of(module):
            found = list(mutants(path.read_text(encoding="utf-8")))
            random.Random(f"{seed} {module}").shuffle(found)
            row = next(i for i, name in enumerate(order) if module.startswith(name))
            ranked += [((i + 0.5) / len(found) ** 0.5, row, module, *mutant) for i, mutant in enumerate(found)]
    ranked = sorted(ranked, key=lambda entry: entry[0])[:count]
    return [entry[2:] for entry in sorted(ranked, key=lambda entry: entry[1:3])]


def run(folder: Path, module: str, warm: bool = False) -> str:
    """Run the tests of a module in the copy, in a forked process that has the packages already."""
    started = os.fork()
    if not started:
        code = 3
        try:
            os.setsid()
            log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(folder)
            sys.path[0] = str(folder)
            sys.dont_write_bytecode = not warm
            import pytest

            options = ["-xqp", "no:cacheprovider", "--hypothesis-seed=0"]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # for the packages that are here already
            options += [
                f"--deselect=tests/{file}::{KILLED}" for file in ("training/test_checkpoint.py", "models/test_stack.py")
            ]
            code = int(pytest.main([*options, *tests_of(module)]))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    stop = time.monotonic() + LIMIT * (5 if warm else 1)
    while time.monotonic() < stop:
        done, status = os.waitpid(started, os.WNOHANG)
        if done:
            return {0: "survived", 1: "killed", 2: "killed"}.get(os.waitstatus_to_exitcode(status), "crashed")
        time.sleep(0.05)
    os.killpg(started, signal.SIGKILL)
    os.waitpid(started, 0)
    return "too slow"


def main() -> None:
    """Try the changes that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="how many changes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which of them (default %(default)s)")
    parser.add_argument("--only", nargs="*", default=[""], help="the modules that begin so")
    parser.add_argument("--again", action="store_true", help="try the survivors, and no others, once more")
    parser.add_argument("--trust", action="store_true", help="do not run the tests on what is not changed first")
    parser.add_argument("--out", type=Path, required=True, help="results, one JSON object a line; resumed")
    options = parser.parse_args()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    results = {(r["module"], r["line"], r["change"]): r["end"] for r in map(json.loads, lines)}
    again = {key for key, end in results.items() if end == "survived"} if options.again else set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        os.environ.update(PYTHONPATH=str(folder), NUMBA_CACHE_DIR=str(folder / "numba"), KERAS_BACKEND="jax")
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for file in filter(None, names.split("\0")):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, folder / file)
        for package in ("hypothesis", "numba", "torch", "scipy.special", "matplotlib.figure", "mpmath", "keras"):
            try:
                __import__(package)
            except ImportError:
                continue
        warmed: set[tuple[str, ...]] = set()
        for module, line, change, source in sample(options.count, options.seed):
            if not module.startswith(tuple(options.only)):
                continue
            if (module, line, change) not in again if options.again else (module, line, change) in results:
                continue
            if tests_of(module) not in warmed and not options.trust:
                warmed.add(tests_of(module))
                if run(folder, module, warm=True) != "survived":
                    raise SystemExit(f"the tests of {module} fail as it is\n{(folder / 'log').read_text()[-2000:]}")
            path = folder / "scratchdae" / module
            original = path.read_bytes()
            path.write_text(source(), encoding="utf-8")
            began = time.monotonic()
            end = run(folder, module)
            path.write_bytes(original)
            shutil.copystat(ROOT / "scratchdae" / module, path)
            results[module, line, change] = end
            entry = {"module": module, "line": line, "change": change, "end": end}
            with options.out.open("a") as file:
                file.write(json.dumps({**entry, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    sys.stdout.write(f"{dict(collections.Counter(results.values()))}\n")
    for (module, line, change), end in results.items():
        if end == "survived":
            sys.stdout.write(f"scratchdae/{module}:{line}  {change}\n")


if __name__ == "__main__":
    main()
