"""What every chapter has in common: its options, its threads, its figure and its result file.

A chapter begins with ``chapter = Chapter.begin("NN_name")`` and ends with ``chapter.finish(figure, numbers)``. Run as a
script it takes ``--quick`` or ``--full``, ``--seed`` and ``--out``; opened as a notebook it takes the defaults.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchdae import atomic
from scratchdae.blas_threads import THREADS, limit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Chapter:
    """A chapter's options, and where its results go."""

    name: str  # stem of the script, of the figure and of the result file
    quick: bool  # under five seconds, on less data, with the same checks
    full: bool  # what was posted, at the size it was posted, however long that takes
    seed: int  # of everything random
    out: Path  # folder of the figure and the result file

    @classmethod
    def begin(cls, name: str, arguments: Sequence[str] | None = None) -> "Chapter":
        """Read the options, and keep the BLAS and numba to one thread unless the environment says otherwise.

        On small products two threads of a busy machine can be hundreds of times slower than one. Without `arguments`
        they are the command line's if this is the chapter's script; a notebook has none.
        """
        script = Path(sys.argv[0]).resolve()
        if arguments is None:
            arguments = sys.argv[1:] if script.stem == name else []
        checkout = script.parents[1] if script.stem == name and (script.parents[1] / "figures").is_dir() else Path()
        parser = argparse.ArgumentParser(prog=f"{name}.py", description=f"Run chapter {name}, check it and draw it.")
        size = parser.add_mutually_exclusive_group()
        size.add_argument("--quick", action="store_true", help="under five seconds, on less data, the same checks")
        size.add_argument("--full", action="store_true", help="at the size that people posted, however long it takes")
        parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
        parser.add_argument("--out", type=Path, help="folder of the figure and the numbers (default: figures/)")
        options = parser.parse_args(arguments)
        if options.seed < 0:
            parser.error(f"--seed must be at least 0, found {options.seed}")
        out = options.out or checkout / "figures" / ("quick" if options.quick else "")
        if not any(name in os.environ for name in THREADS):
            limit(1)
        return cls(name, options.quick, options.full, options.seed, out)

    def finish(self, figure: "Figure", numbers: Mapping[str, Any]) -> None:
        """Save the figure and the numbers behind it, and say where; those of ``--full`` beside the others.

        NaN is refused, because a result that is none should not look like one.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        content = {"chapter": self.name, "quick": self.quick, "full": self.full, "seed": self.seed, **numbers}
        text = json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n"
        stem = self.out / (f"{self.name}_full" if self.full else self.name)
        atomic.write(stem.with_suffix(".json"), text.encode())
        with atomic.replacing(stem.with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=110, metadata={"Software": None})
        print(f"figure  {stem.with_suffix('.png')}\nnumbers {stem.with_suffix('.json')}")


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into Python's, rounded to what a reader of JSON wants."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
