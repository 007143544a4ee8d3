"""Print the lowest versions that pyproject.toml promises, one a line, for pip: a part of the gate runs on them."""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

EXTRAS = ("fast", "files", "sklearn", "cluster", "test")
FOR_THE_GATE_ALONE = {"scratchdae", "ruff", "mypy", "import-linter", "types-tqdm"}  # nothing that is imported

project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
promised = [*project["dependencies"], *(line for name in EXTRAS for line in project["optional-dependencies"][name])]
pins = set()
for requirement in map(Requirement, promised):
    if requirement.name not in FOR_THE_GATE_ALONE:
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        lowest = [one.version for one in requirement.specifier if one.operator == ">="]
        pins.add(f"{requirement.name}{extras}=={lowest[0]}" if lowest else f"{requirement.name}{extras}")
sys.stdout.write("\n".join(sorted(pins)) + "\n")
