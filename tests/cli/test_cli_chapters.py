"""`scratchdae chapters`: what is found, what is chosen, what runs, and what its exit status says."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scratchdae.chapter import Chapter
from scratchdae.cli import INTERRUPTED, chapters, main

GOOD = '''"""A chapter."""
# %% [markdown]
# # The title, as a heading
# Text. #### not a heading
# # A second heading
import json, os, sys
from pathlib import Path
Path({seen!r}).write_text(json.dumps([sys.argv[1:], os.getpid(), os.environ.get("PYTHONPATH", "")]))
print("measured 1.5")
'''
# Says who it is, waits until both of two have said so, and says it again: without the other it fails.
TOGETHER = """import sys, time
from pathlib import Path
here, name = Path(__file__).parent, Path(__file__).stem
print(name, flush=True)
print("warning of", name, file=sys.stderr)
(here / f"{name}.began").touch()
end = time.monotonic() + 20
while len(list(here.glob("*.began"))) < 2:
    assert time.monotonic() < end, "the other one did not run beside this one"
    time.sleep(0.01)
time.sleep(0.1)
print(name)
"""
# Writes its process id and goes on for a minute.
LONG = """import os, time
from pathlib import Path
Path(__file__).with_suffix(".tmp").write_text(str(os.getpid()))
Path(__file__).with_suffix(".tmp").rename(Path(__file__).with_suffix(".pid"))
time.sleep(60)
"""
BAD = '# %% [markdown]\n# # It fails\nassert 1 > 2, "the check does not hold"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of three chapters and of files that are none, in place of the real ones."""
    folder = tmp_path / "chapters"
    folder.mkdir()
    (folder / "01_first.py").write_text(GOOD.format(seen=str(tmp_path / "seen.json")))
    (folder / "02_second.py").write_text(BAD)
    (folder / "10_third_one.py").write_text("print('no heading')\n")
    (folder / "notes.py").write_text("raise SystemExit('this is no chapter')\n")
    (folder / "03_data.csv").write_text("1,2\n")
    monkeypatch.setattr(chapters, "FOLDERS", (tmp_path / "nowhere", folder))
    return folder


@pytest.mark.usefixtures("folder")
def test_list(capsys):
    assert main(["chapters", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        " 01  first      The title, as a heading",
        " 02  second     It fails",
        " 10  third_one  ",
    ]


def test_the_checkout_has_chapters_with_titles(capsys):
    assert main(["chapters", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("which", ["1", "01", "01_first", "first"])
@pytest.mark.usefixtures("folder")
def test_run_one_in_a_process_of_its_own(which, tmp_path, capfd):
    options = ["--quick", "--seed", "7", "--out", str(tmp_path / "figures")]
    assert main(["chapters", "run", which, *options]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "measured 1.5"
    assert said[1].startswith("PASS  01_first  ")
    assert said[1].endswith(" s")
    assert len(said) == 2
    arguments, process, _ = json.loads((tmp_path / "seen.json").read_text())
    assert arguments == ["--seed", "7", "--quick", "--out", str(tmp_path / "figures")]
    assert process != os.getpid()


@pytest.mark.usefixtures("folder")
def test_run_all_goes_on_after_a_failure(capfd):
    assert main(["chapters", "run", "all"]) == 1
    said = capfd.readouterr()
    verdicts = {tuple(line.split("  ")[:2]) for line in said.out.splitlines() if line.startswith(("PASS", "FAIL"))}
    assert verdicts == {("PASS", "01_first"), ("FAIL (exit status 1)", "02_second"), ("PASS", "10_third_one")}
    assert said.out.splitlines()[-1] == "2 of 3 passed; failed: 02_second"
    assert "the check does not hold" in said.err


@pytest.mark.usefixtures("folder")
def test_a_failing_chapter_alone_is_exit_status_1(capfd):
    assert main(["chapters", "run", "2"]) == 1
    assert "FAIL (exit status 1)  02_second" in capfd.readouterr().out


@pytest.mark.usefixtures("folder")
def test_chapters_of_a_checkout_import_its_package(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(chapters, "_CHECKOUT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert main(["chapters", "run", "first"]) == 0
    capfd.readouterr()
    path = json.loads((tmp_path / "seen.json").read_text())[2]
    assert path == os.pathsep.join([str(tmp_path), "elsewhere"])


def test_an_installed_folder_comes_first(folder, tmp_path, monkeypatch):
    installed = tmp_path / "_chapters"
    installed.mkdir()
    (installed / "01_installed.py").write_text(BAD)
    monkeypatch.setattr(chapters, "FOLDERS", (installed, folder))
    assert [path.stem for path in chapters.find()] == ["01_installed"]


@pytest.mark.parametrize("which", ["3", "0", "secon", "notes", "", "-1", "01_second", "²"])
@pytest.mark.usefixtures("folder")
def test_an_unknown_chapter_is_refused(which, capsys):
    assert main(["chapters", "run", which]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchdae chapters run: error: ")
    assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_a_negative_seed_is_refused_before_anything_runs(tmp_path, capsys):
    assert main(["chapters", "run", "1", "--seed", "-1"]) == 2
    assert "seed must be an integer of at least 0, found -1" in capsys.readouterr().err
    assert not (tmp_path / "seen.json").exists()


def test_no_chapters_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chapters, "FOLDERS", (tmp_path,))
    assert main(["chapters", "list"]) == 2
    assert capsys.readouterr().err == f"scratchdae chapters list: error: no chapters were found in {tmp_path}\n"


@pytest.mark.parametrize("which", ["1", "all"])
@pytest.mark.usefixtures("folder")
def test_full_is_passed_on(which, tmp_path, capfd):
    assert main(["chapters", "run", which, "--full"]) == (which == "all")  # one of all three fails
    capfd.readouterr()
    assert json.loads((tmp_path / "seen.json").read_text())[0] == ["--seed", "0", "--full"]


@pytest.mark.usefixtures("folder")
def test_quick_and_full_exclude_each_other(tmp_path, capsys):
    assert main(["chapters", "run", "1", "--quick", "--full"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err
    assert not (tmp_path / "seen.json").exists()


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Make a folder of two chapters that pass only side by side."""
    for name in ("01_one", "02_two"):
        (tmp_path / f"{name}.py").write_text(TOGETHER)
    monkeypatch.setattr(chapters, "FOLDERS", (tmp_path,))


@pytest.mark.usefixtures("pair")
def test_two_at_a_time_are_not_interleaved(capfd):
    assert main(["chapters", "run", "all", "--jobs", "2"]) == 0
    said = capfd.readouterr()
    lines = said.out.splitlines()
    assert [lines[0], lines[3]] in (["01_one", "02_two"], ["02_two", "01_one"])
    for first in (0, 3):
        assert lines[first + 1] == lines[first]
        assert lines[first + 2].startswith(f"PASS  {lines[first]}  ")
    assert lines[6:] == ["2 of 2 passed"]
    assert sorted(said.err.splitlines()) == ["warning of 01_one", "warning of 02_two"]


@pytest.mark.parametrize(("cores", "at_a_time"), [(1, 1), (2, 2), (64, 2)])
@pytest.mark.usefixtures("folder")
def test_as_many_at_a_time_as_cores_but_at_most_two(cores, at_a_time, monkeypatch):
    seen = []

    def finished(scripts, options, environment, jobs):
        seen.append(jobs)
        yield from [(script, 0, 0.0) for script in scripts]

    monkeypatch.setattr(chapters, "usable_cores", lambda: cores)
    monkeypatch.setattr(chapters, "finished", finished)
    for command in (["all"], ["1"], ["all", "--jobs", "3"], ["all", "--jobs", "50"]):
        assert main(["chapters", "run", *command]) == 0
    assert seen == [at_a_time, 1, 3, 3]  # never more than there are chapters


def test_usable_cores_are_those_of_this_process():
    assert 1 <= chapters.usable_cores() <= os.cpu_count()


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.usefixtures("folder")
def test_failures_are_named_whatever_the_jobs(jobs, capfd):
    assert main(["chapters", "run", "all", "--jobs", jobs]) == 1
    said = capfd.readouterr()
    verdicts = sorted(line.split("  ")[:2] for line in said.out.splitlines() if line.startswith(("PASS", "FAIL")))
    assert verdicts == [["FAIL (exit status 1)", "02_second"], ["PASS", "01_first"], ["PASS", "10_third_one"]]
    assert said.out.splitlines()[-1] == "2 of 3 passed; failed: 02_second"
    assert "the check does not hold" in said.err


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
@pytest.mark.usefixtures("folder")
def test_jobs_that_are_none_are_refused_before_anything_runs(jobs, tmp_path, capsys):
    assert main(["chapters", "run", "1", "--jobs", jobs]) == 2
    assert "jobs" in capsys.readouterr().err
    assert not (tmp_path / "seen.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process alone")
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interruption_ends_the_children(jobs, tmp_path):
    """Sent to the parent alone; a terminal would send it to all of them."""
    for name in ("01_one", "02_two", "03_three"):
        (tmp_path / f"{name}.py").write_text(LONG)
    program = f"""import sys
from pathlib import Path
from scratchdae.cli import chapters, main
chapters.FOLDERS = (Path({str(tmp_path)!r}),)
sys.exit(main(["chapters", "run", "all", "--jobs", "{jobs}"]))
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as parent:
        end = time.monotonic() + 20
        while len(list(tmp_path.glob("*.pid"))) < jobs:
            assert time.monotonic() < end, "the chapters did not begin"
            time.sleep(0.02)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(timeout=20) == INTERRUPTED
        assert parent.stderr.read().startswith("scratchdae chapters run: ")
    began = sorted(tmp_path.glob("*.pid"))
    assert [path.stem for path in began] == ["01_one", "02_two", "03_three"][:jobs]
    for path in began:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


@pytest.mark.parametrize(
    ("arguments", "quick", "full", "seed", "out"),
    [
        ([], False, False, 0, Path("figures")),
        (["--quick", "--seed", "3"], True, False, 3, Path("figures/quick")),
        (["--full"], False, True, 0, Path("figures")),
        (["--full", "--out", "there"], False, True, 0, Path("there")),
    ],
)
def test_a_chapter_reads_its_options(arguments, quick, full, seed, out):
    chapter = Chapter.begin("09_any", arguments)
    assert chapter == Chapter("09_any", quick, full, seed, out)


@pytest.mark.parametrize("arguments", [["--quick", "--full"], ["--seed", "-1"], ["--seed", "half"], ["--slow"]])
def test_a_chapter_refuses_what_it_does_not_know(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        Chapter.begin("09_any", arguments)
    assert capsys.readouterr().err.startswith("usage: 09_any.py")


@pytest.mark.parametrize(("size", "stem"), [([], "09_any"), (["--quick"], "09_any"), (["--full"], "09_any_full")])
def test_the_results_of_a_full_run_lie_beside_the_others(size, stem, tmp_path):
    from matplotlib.figure import Figure

    chapter = Chapter.begin("09_any", [*size, "--out", str(tmp_path)])
    chapter.finish(Figure(), {"measured": 1.5})
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{stem}.json", f"{stem}.png"]
    content = json.loads((tmp_path / f"{stem}.json").read_text())
    sizes = {"quick": size == ["--quick"], "full": size == ["--full"]}
    assert content == {"chapter": "09_any", **sizes, "seed": 0, "measured": 1.5}
