"""``scratchdae conform``: what it prints, the files it leaves, and its exit statuses."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
import pytest
import tiny_cases

from scratchdae import atomic
from scratchdae.cli import main
from scratchdae.conformance import case, load_cases
from scratchdae.conformance.comparison import compare
from scratchdae.conformance.explainer.catalogue import concern
from scratchdae.conformance.plain import PLAIN

CANDIDATES = Path(__file__).with_name("candidates.py")
ONE_OF_EACH = {concern(one): one for one in load_cases(spec="all")}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Put two tiny cases in the place of the package's."""
    tiny_cases.penalty(tmp_path / "v1")
    tiny_cases.corruption(tmp_path / "v1")
    monkeypatch.setattr(case, "cases_root", lambda: tmp_path / "v1")
    return tmp_path


def conform(*arguments):
    return main(["conform", *map(str, arguments)])


def test_list_names_every_case_of_the_package(capsys):
    assert conform("list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [case.id for case in load_cases()]
    assert conform("list", "--group", "loss", "--group", "corruption") == 0
    assert {line.partition("/")[0] for line in capsys.readouterr().out.splitlines()} == {"loss", "corruption"}


@pytest.mark.parametrize("adapter", ["Right", "right", "InSingle"])
@pytest.mark.parametrize("timeout", [0, 30])
def test_a_right_adapter_leaves_0(tiny, adapter, timeout, capsys):
    assert conform("run", "--adapter", f"{CANDIDATES}:{adapter}", "--timeout", timeout) == 0
    lines = capsys.readouterr().out.splitlines()
    dtype = "float32" if adapter == "InSingle" else "float64"
    assert lines[0] == f"adapter    right, {dtype}; cases of spec 1"
    assert lines[2].startswith("corruption/masked  agrees       1 array, largest error 0")
    assert lines[3].startswith("penalty/ridge      agrees       2 arrays")
    assert lines[-1] == "2 of 2 supported cases agree"


def test_a_wrong_adapter_leaves_1_and_reports(tiny, capsys):
    files = [tiny / name for name in ("report.xml", "report.json", "report.md")]
    options = [part for pair in zip(("--junit", "--json", "--markdown"), files, strict=True) for part in pair]
    assert conform("run", "--adapter", f"{CANDIDATES}:Halved", "--timeout", 0, *options, "--no-explain") == 1
    said = capsys.readouterr().out
    assert "penalty/ridge      DISAGREES    loss: penalty is 2.0625, expected 4.125" in said
    assert said.splitlines()[-1] == "1 of 2 supported cases agree"
    assert xml.fromstring(files[0].read_text()).get("failures") == "1"
    assert json.loads(files[1].read_text())["counts"]["disagrees"] == 1
    assert "| penalty/ridge | **disagrees** |" in files[2].read_text()


def test_one_that_supports_nothing_leaves_1(tiny, capsys):
    assert conform("run", "--adapter", f"{CANDIDATES}:Nothing", "--timeout", 0) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "none of 2 cases is supported: nothing was compared"


def test_one_that_hangs_is_reported_and_the_run_ends(tiny, capsys):
    assert conform("run", "--adapter", f"{CANDIDATES}:Hanging", "--timeout", 2) == 1
    said = capsys.readouterr().out
    assert "penalty/ridge      ERROR        no answer within 2 s" in said
    assert "corruption/masked  agrees" in said


def test_a_case_can_be_chosen(tiny, capsys):
    adapter = f"{CANDIDATES}:Halved"
    assert conform("run", "--adapter", adapter, "--timeout", 0, "--group", "corruption") == 0
    assert conform("run", "--adapter", adapter, "--timeout", 0, "--case", "masked", "--case", "corruption/masked") == 0
    assert conform("run", "--adapter", adapter, "--timeout", 0, "--case", "ridge", "--no-explain") == 1
    assert "1 of 1 supported cases agree" in capsys.readouterr().out


PROGRAM = """
import json, pathlib, sys
case, out = map(pathlib.Path, sys.argv[1:])
manifest = json.loads((case / "case.json").read_text())
if manifest["operation"] != "penalty":
    sys.exit(3)
W = json.loads((case / "inputs.json").read_text())["W"]
l2 = manifest["conventions"]["l2"]
outputs = {
    "penalty": {"dtype": "float64", "shape": [], "values": [l2 * sum(w * w for w in W["values"])]},
    "dW": W | {"values": [2 * l2 * w for w in W["values"]]},
}
(out / "outputs.json").write_text(json.dumps(outputs))
"""


def test_a_program_is_run_and_its_files_are_compared(tiny, capsys):
    program = tiny / "mine.py"
    program.write_text(PROGRAM)
    command = f"{sys.executable} {program} {{case_dir}} {{out_dir}}"
    assert conform("run", "--exec", command, "--format", "json") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 supported cases agree; 1 are unsupported"

    assert conform("export", tiny / "out", "--format", "json") == 0
    assert capsys.readouterr().out == f"2 cases in {tiny / 'out'}\n"
    folder = tiny / "out/penalty/ridge"
    subprocess.run([sys.executable, program, folder, folder], check=True)
    assert conform("compare", tiny / "out") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 supported cases agree; 1 are unsupported"
    assert conform("compare", tiny / "out", "--dtype", "float32", "--no-explain") == 1
    assert "dtype: penalty has dtype float64, expected float32" in capsys.readouterr().out


def test_export_writes_what_is_expected_only_if_asked(tiny):
    assert conform("export", tiny / "a", "--format", "npz") == 0
    assert not list((tiny / "a").rglob("expected*"))
    assert conform("export", tiny / "b", "--format", "npz", "--with-expected", "--group", "penalty") == 0
    assert [str(path.relative_to(tiny / "b")) for path in (tiny / "b").rglob("*.npz")] in (
        ["penalty/ridge/expected.npz", "penalty/ridge/inputs.npz"],
        ["penalty/ridge/inputs.npz", "penalty/ridge/expected.npz"],
    )


MISUSES = {
    "run": "one of the arguments --adapter --exec is required",
    "run --adapter torch --exec x": "not allowed with argument",
    "run --adapter nothing": "keras, tinygrad, flax, or module:object, found 'nothing'",
    "run --adapter :x": "adapter must be one of",
    "run --adapter json:nothing": "adapter must be an object of json, found no nothing there",
    "run --adapter no_such_module:x": "the adapter no_such_module:x needs no_such_module, which is not installed",
    "run --adapter nowhere.py:x": "adapter must be in a file that exists, found nowhere.py",
    "run --adapter {candidates}:Right --dtype float32": "Right() takes no arguments",
    "run --adapter {candidates}:right --dtype float32": "must be float64, its own, found float32",
    "run --adapter {candidates}:Right --format npy": "--format is of the inputs of a program",
    "run --adapter {candidates}:Right --timeout -1": "timeout must be a finite number, at least 0",
    "run --adapter {candidates}:Right --timeout nan": "timeout must be a finite number",
    "run --adapter {candidates}:Right --group nothing": "groups must be among corruption, penalty, found nothing",
    "run --adapter {candidates}:Right --case nothing": "names must be among",
    "run --adapter {candidates}:Right --junit {tmp}/x.json": "--junit must be a .xml file",
    "run --adapter {candidates}:Right --json {tmp}/no/x.json": "--json must be a .json file in a folder that exists",
    "run --exec ./mine": "command must pass {case_dir} to the program",
    "run --exec true --timeout 0": "command must pass",
    "compare {tmp}/nowhere": "the folder of answers must exist",
    "compare {tmp}/v1 --markdown x": "--markdown must be a .md file",
    "export {tmp}/v1": "root must be an empty folder or a new one",
    "export {tmp}/new --format hdf5": "invalid choice: 'hdf5'",
    "list --group nothing": "groups must be among",
    "explain": "invalid choice: 'explain'",
}


LEAVING = {  # a file whose object A is an adapter, and what is said of it in a process of its own
    "import sys; sys.exit(0)": "SystemExit: 0 (leaving.py, line 1)",
    "import os; os._exit(0)": "ended without an answer, exit status 0",
    "raise GeneratorExit('no')": "GeneratorExit: no (leaving.py, line 1)",
    "class A:\n def __init__(self): raise SystemExit": "SystemExit: (leaving.py, line 2)",
    "import os\nclass A:\n def __init__(self): os._exit(0)": "ended without an answer, exit status 0",
    "class A:\n @property\n def name(self): raise SystemExit(0)": "must tell its name, dtype and tolerances",
    "import os, multiprocessing\nif multiprocessing.parent_process(): os._exit(0)": "ended without an answer",
    "class A:\n def __getattr__(self, name): raise SystemExit(0)": "found SystemExit: 0 (leaving.py, line 2)",
}


@pytest.mark.parametrize("timeout", [0, 30])
@pytest.mark.parametrize("code", LEAVING)
def test_an_adapter_that_leaves_is_refused(tiny, code, timeout, capsys):
    """An exit status of 0 would be a build that compared nothing."""
    (tiny / "leaving.py").write_text(code)
    assert conform("run", "--adapter", f"{tiny / 'leaving.py'}:A", "--timeout", timeout) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert timeout == 0 or LEAVING[code] in said.err
    assert len(said.err.splitlines()) == 1


ENDING = [  # what an adapter does while it is asked
    "os._exit(0)",
    "sys.exit(0)",
    "os.close(1)",
    "sys.stdout = None",
    "sys.stdout = open(os.devnull, 'w')",
    "sys.stdout.close()",
    "threading.Thread(target=lambda: os._exit(0)).start(); time.sleep(1)",
    "atexit.register(os._exit, 0)",
    "os.fork() or time.sleep(100)",
    "os.fork() and os.wait()",
    "os.fork() and os.wait() or sys.exit(0)",
]
ITS_OWN_ALONE = (*ENDING[2:3], *ENDING[5:6], *ENDING[7:9])  # what is shared can be ended, and not be tidied


@pytest.mark.parametrize("code", ENDING)
def test_an_adapter_that_ends_its_process_is_in_error(tiny, code):
    lines = ["import atexit, os, sys, threading, time", "from candidates import Right", "class A(Right):"]
    lines += [" def penalty(self, inputs, conventions):", f"  {code}", "  return {}"]
    (tiny / "ending.py").write_text("\n".join(lines))
    run = f"""
import sys
from pathlib import Path
from scratchdae.cli import main
from scratchdae.conformance import case
case.cases_root = lambda: Path({str(tiny / "v1")!r})
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(CANDIDATES.parent), *sys.path])}
    for timeout in ["30"] if code in ITS_OWN_ALONE else ["30", "0"]:
        words = ["conform", "run", "--adapter", f"{tiny / 'ending.py'}:A", "--timeout", timeout, "--no-explain"]
        command = [sys.executable, "-c", run, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 1, done
        assert "Traceback" not in done.stderr
        assert done.stdout.count("supported cases agree") == 1  # a child that comes back does not go on with the run
        assert done.stdout.splitlines()[-1] in ("1 of 1 supported cases agree", "1 of 2 supported cases agree")


def test_export_leaves_nothing_where_a_disk_is_full(tiny, monkeypatch, capsys):
    written = []

    def full(path, content):
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(content)

    monkeypatch.setattr(atomic, "write", full)
    (tiny / "empty").mkdir()
    for folder in ("new/deep/cases", "empty"):
        before, written[:] = sorted(tiny.rglob("*")), []
        assert conform("export", tiny / folder) == 2
        assert "no space left on device" in capsys.readouterr().err
        assert (len(written), sorted(tiny.rglob("*"))) == (3, before)


@pytest.mark.parametrize("command", MISUSES)
def test_misuse_leaves_2_and_a_sentence(tiny, command, capsys):
    before = sorted(tiny.rglob("*"))
    words = [word.replace("{candidates}", str(CANDIDATES)).replace("{tmp}", str(tiny)) for word in command.split()]
    assert conform(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchdae conform")
    assert said.err.count("\n") == 1
    assert MISUSES[command] in said.err
    assert sorted(tiny.rglob("*")) == before


WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
ABSENT = ("numba", "scipy", "torch", "jax", "keras", "optax", "pytest", "matplotlib", "pooch")
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from scratchdae.cli import main
status = main(sys.argv[1:])
print(status, main(["conform", "run", "--adapter", "torch", "--timeout", "0"]))
"""


def test_it_works_without_any_framework():
    arguments = ["conform", "run", "--adapter", "reference", "--group", "loss", "--timeout", "0"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 2"
    assert "supported cases agree" in done.stdout.splitlines()[-2]
    assert "the adapter torch needs torch, which is not installed" in done.stderr


def test_help_loads_nothing_heavy():
    code = """
import sys
from scratchdae.cli import main
try:
    main(["conform", "run", "--help"])
except SystemExit as leaving:
    assert leaving.code == 0
print([name for name in ("safetensors", "multiprocessing", "scratchdae.conformance") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_show_says_what_comes_in_and_what_must_come_out(capsys):
    assert conform("show", "tied_cross_entropy") == 0
    said = capsys.readouterr().out
    for words in ("a_z = y Wᵀ + b_prime", "W        float64 (7, 5)", "reduction = 'paper'", "db        float64 (5,)"):
        assert words in said
    assert conform("show", "tied_cross_entrop") == 2
    assert "near to it: tied_cross_entropy" in capsys.readouterr().err


def in_numpy(case, capsys):
    """Return the program that `conform show` prints of a case."""
    assert conform("show", case.id) == 0
    said = capsys.readouterr().out.partition("\nThe beginning of an answer:\n")[0]
    return said.partition("\nIn plain NumPy:\n\n")[2]


@pytest.mark.parametrize("kind", PLAIN)
def test_show_prints_what_is_computed_and_it_is_so(kind, capsys):
    case, function = ONE_OF_EACH[kind], PLAIN[kind]
    program = in_numpy(case, capsys)
    lines = inspect.getsource(function).splitlines()
    ends = [line for line in lines if line.startswith("    return ")]
    assert ends
    for line in (lines[0], *ends):
        assert line in program.splitlines()
    assert program.startswith("import numpy as np\n")
    assert "# fmt" not in program

    namespace = {}
    exec(program, namespace)
    last = ast.parse(program).body[-1].name
    assert last == function.__name__
    given = {**case.conventions, **case.inputs}
    parameters = inspect.signature(function).parameters
    told = namespace[last](**{name: given[name] for name in parameters if name in given})
    answer = {name: np.asarray(told[name], float) for name in case.expected}
    assert compare(case, answer, "float64", case.tolerance("float64")).difference is None


@pytest.mark.parametrize(
    ("kind", "functions", "imported"),
    [
        ("optimizer adam", ["adam", "optimizer_adam"], ""),
        ("optimizer adamw", ["adam", "optimizer_adamw"], ""),
        ("layer Flatten", ["flatten"], ""),
        ("activity_penalty contractive", ["activity_penalty_contractive"], "sigmoid"),
        ("layer LSTM", ["lstm"], "rectify, sigmoid"),
    ],
)
def test_show_prints_what_a_function_calls_or_says_where_it_is(kind, functions, imported, capsys):
    program = in_numpy(ONE_OF_EACH[kind], capsys)
    assert [one.name for one in ast.parse(program).body if isinstance(one, ast.FunctionDef)] == functions
    line = f"\nfrom scratchdae.conformance.plain.elementary import {imported}\n"
    assert line in program if imported else "elementary" not in program


def test_show_prints_no_program_of_half_precision(capsys):
    assert {kind for kind in ONE_OF_EACH if kind not in PLAIN} == {"half"}
    assert in_numpy(ONE_OF_EACH["half"], capsys) == ""


@pytest.mark.parametrize("language", ["python", "javascript", "c"])
@pytest.mark.parametrize("operation", ["loss", "layer", "training"])
def test_a_template_is_one_of_its_language_that_supports_nothing(operation, language, capsys, tmp_path):
    assert conform("template", operation, "--language", language) == 0
    said = capsys.readouterr().out
    path = tmp_path / "mine.py"
    path.write_text(said)
    if language == "python":
        assert conform("run", "--adapter", path, "--timeout", 0, "--group", "penalty") == 1
        out = capsys.readouterr().out
        assert "nothing was answered (the adapter has no method penalty): `scratchdae conform template penalty`" in out
        assert len(out.splitlines()) < 10
    elif language == "javascript":
        assert "readFileSync" in said
    else:
        assert said.count("{") == said.count("}")


def test_the_adapter_of_a_file_is_found_or_listed(tiny, capsys):
    alone = tiny / "alone.py"
    alone.write_text(
        "class Mine:\n    def penalty(self, inputs, conventions):\n        raise NotImplementedError('later')\n"
    )
    assert conform("run", "--adapter", alone, "--timeout", 0) == 1
    assert "nothing was answered" in capsys.readouterr().out
    assert conform("run", "--adapter", CANDIDATES, "--timeout", 0) == 0  # one object, of many classes
    capsys.readouterr()
    two = tiny / "two.py"
    two.write_text(alone.read_text() + "\n\nclass Other(Mine):\n    pass\n")
    assert conform("run", "--adapter", two, "--timeout", 0) == 2
    assert "two.py:Mine, " in capsys.readouterr().err


def test_a_badge_and_a_table_for_a_readme(tiny, capsys):
    files = tiny / "badge.svg", tiny / "table.md"
    options = ("--badge", files[0], "--table", files[1], "--timeout", 0)
    assert conform("run", "--adapter", f"{CANDIDATES}:Right", *options) == 0
    assert "2 of 2 agree" in xml.fromstring(files[0].read_text())[0].text
    assert "| penalty | 1 | 1 | 0 |" in files[1].read_text()
    assert conform("run", "--adapter", f"{CANDIDATES}:Lenient", *options) == 0
    assert "2 of 2 agree, own tolerances" in files[0].read_text()
    assert "By tolerances of its own: ridge." in files[1].read_text()


def test_the_whole_of_what_a_failing_program_said_is_shown(tiny, capsys):
    program = tiny / "mine.py"
    program.write_text("import sys\nsys.exit('first line\\nsecond line\\nlast line')\n")
    assert conform("run", "--exec", f"{sys.executable} {program} {{case_dir}} {{out_dir}}") == 1
    said = capsys.readouterr().out
    assert "exit status 1: last line" in said
    assert "  | first line\n  | second line\n  | last line" in said
