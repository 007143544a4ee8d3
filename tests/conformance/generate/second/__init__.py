"""Version 2 of the cases: sizes without a common factor, states that are not zero, and what version 1 has not.

Names of version 1 do not come back, so that a name is of one case whatever versions are run.
"""

from types import ModuleType

from generate.second import codes, curves, half, normalised, recurrent, repaired, rules, sequences

GROUPS: tuple[ModuleType, ...] = (repaired, curves, normalised, recurrent, sequences, rules, codes, half)
