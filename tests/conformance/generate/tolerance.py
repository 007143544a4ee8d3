"""How far an answer may be off: what the library itself was off when measured, and room for other roundings.

The errors are kept in ``measured.json``, those of version 2 in ``measured_2.json``, because another machine measures
others; `measure` makes them.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

MEASURED = {1: Path(__file__).with_name("measured.json"), 2: Path(__file__).with_name("measured_2.json")}
ROOM = 4
AT_LEAST = {"float64": 1e-13, "float32": 1e-6}  # some 450 and 8 units in the last place


def tolerances(path: str, spec: int = 1) -> dict[str, dict[str, Any]]:
    """Return a case's tolerances for its manifest; ``relative`` is a fraction of the largest value of an array."""
    measured = _measured(spec)
    if path not in measured:
        raise ValueError(f"{MEASURED[spec].name} must hold the errors of {path}, found none; --measure writes it")
    found = {}
    for dtype, error in measured[path].items():
        enough, least = float(f"{ROOM * error:.1e}"), AT_LEAST[dtype]
        precision = "half precision" if path.startswith("half/") else dtype
        own = (
            f"scratchdae in {precision} is off by {error:.1e} of the largest value"
            if error
            else f"{dtype} can be exact"
        )
        why = f"{ROOM} times that" if enough > least else f"{least:.0e} is room for another exp or order of summation"
        found[dtype] = {"relative": max(enough, least), "reason": f"{own}; {why}"}
    return found


@cache
def _measured(spec: int) -> dict[str, dict[str, float]]:
    measured: dict[str, dict[str, float]] = json.loads(MEASURED[spec].read_text(encoding="utf-8"))
    return measured
