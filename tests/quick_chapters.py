"""Run quick chapters in copies of a process that has imported what all of them import, which is most of what they take.

`Chapters` is this module, imported; run as a script it is that process.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Chapters:
    """Runs a chapter as `python chapter --quick ...` would, in a fork of a process that is ready."""

    def __init__(self):
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.ready = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip

    def run(self, chapter, folder, *options):
        """Return how a run ended, in a folder to which its results and its words go."""
        command = [str(chapter), "--quick", *options, "--out", str(folder)]
        self.ready.stdin.write(json.dumps({"command": command, "folder": str(folder)}) + "\n")
        self.ready.stdin.flush()
        code = int(self.ready.stdout.readline())
        words = ((Path(folder) / f"{name}.txt").read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(command, code, *words)

    def close(self):
        """End the process."""
        with self.ready:
            self.ready.stdin.close()


def serve():
    """Read what to run, a line each; run it in a fork, and write its exit code."""
    import matplotlib.pyplot as plt
    import numba  # noqa: F401
    import scipy.linalg  # noqa: F401

    from scratchdae import chapter, datasets, fit, floors, layers, models, optimizers, plots, posted  # noqa: F401

    plt.figure().savefig(os.devnull, format="png")
    plt.close("all")
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if not child:
            os.chdir(task["folder"])
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.argv = task["command"]
            sys.path[0] = str(Path(sys.argv[0]).parent)
            runpy.run_path(sys.argv[0], run_name="__main__")
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
