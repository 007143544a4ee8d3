"""Files of solutions: each begins with a line ``# %% what it is``, or ``# %% what it is => expected name``."""

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Block(NamedTuple):
    """One solution."""

    stem: str  # of its exercise
    about: str
    name: str  # of the mistake, as the checker is expected to call it; "" where it is not known
    source: str

    @property
    def held_out(self) -> bool:
        """Whether it was written before the table of mistakes was."""
        return self.about.startswith("held out")


def blocks(folder: str) -> list[Block]:
    found = []
    for path in sorted((HERE / folder).glob("*.py")):
        for text in path.read_text(encoding="utf-8").split("# %% ")[1:]:
            head, _, body = text.partition("\n")
            about, _, name = head.partition(" => ")
            found.append(Block(path.stem, about.strip(), name.strip(), f"import numpy as np\n\n{body}"))
    return found
