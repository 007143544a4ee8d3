"""Mistakes in JavaScript: held.mjs, asked through files as the runner asks a program."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from held_row import Held
from safetensors.numpy import load_file

from scratchdae.conformance import Case
from scratchdae.conformance.exchange import write_case

SCRIPT = Path(__file__).parent / "held.mjs"


def command(name: str) -> str:
    """Return the command that answers one case with one mistake."""
    return f'node "{SCRIPT}" {name} {{case_dir}} {{out_dir}}'


def rows() -> list[Held]:
    """Return the mistakes of held.mjs, none where there is no node."""
    if shutil.which("node") is None:
        return []
    listed = json.loads(subprocess.run(["node", SCRIPT, "--list"], check=True, capture_output=True, text=True).stdout)
    return [
        Held(f"js_{name}", " ".join(said), tuple(cases.split()), "javascript", None, "float64", tuple(said))
        for name, said, cases in listed
    ]


def answers(some: list[Held], cases: dict[str, list[Case]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Answer all cases of all mistakes in one process of node."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for row in some:
            for case in cases[row.id]:
                asked, out = Path(folder, case.id), Path(folder, row.id, case.id)
                if not asked.exists():
                    write_case(asked, case)
                jobs.append((row.id, str(asked), str(out)))
        Path(folder, "jobs.json").write_text(json.dumps(jobs))
        subprocess.run(["node", SCRIPT, "--batch", Path(folder, "jobs.json")], check=True)
        return {
            (row.id, case.id): load_file(Path(folder, row.id, case.id, "outputs.safetensors"))
            for row in some
            for case in cases[row.id]
        }
