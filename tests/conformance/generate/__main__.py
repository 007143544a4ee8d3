"""Write the frozen cases, or check the files that are there against what would be written, bit for bit."""

import argparse
import sys
from pathlib import Path

from generate import tolerance, vectors
from scratchdae import atomic
from scratchdae.conformance.case import cases_root


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files of all cases; the exit status is 1 if ``--check`` found a difference."""
    parser = argparse.ArgumentParser(prog="cd tests/conformance; python -m generate", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file differs")
    what.add_argument("--measure", action="store_true", help="write measured.json, from which the tolerances follow")
    parser.add_argument("--spec", type=int, choices=(1, 2), default=1, help="version of the cases (1)")
    parser.add_argument("--out", type=Path, help="the folder with a folder for each group")
    options = parser.parse_args(arguments)
    out = options.out or cases_root().with_name(f"v{options.spec}")
    if options.measure:
        from generate.measure import as_file, measure

        measured = measure(vectors(options.spec), tolerance.AT_LEAST)
        atomic.write(tolerance.MEASURED[options.spec], as_file(measured))
        return 0

    files = {path: content for vector in vectors(options.spec) for path, content in vector.files().items()}
    there = {path.relative_to(out).as_posix(): path for path in out.glob("*/*")}
    surplus = sorted(set(there) - set(files))
    changed = [name for name, content in files.items() if name not in there or there[name].read_bytes() != content]
    size = sum(map(len, files.values()))
    _say(f"{len(files) // 2} cases, {size / 1000:.0f} kB")
    if options.check:
        for name in changed + surplus:
            _say(f"{name} {'differs' if name in there else 'is missing'}{' (no case has it)' * (name in surplus)}")
        return int(bool(changed or surplus))
    for name in surplus:
        there[name].unlink()
    for name in changed:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        atomic.write(out / name, files[name])
    _say(f"{len(changed)} files written, {len(surplus)} removed")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
