"""Run quick chapters with many seeds, and tell which failed at which check.

python tests/chapters/seeds.py --seeds 20 --out figures/chapter_seeds.json
python tests/chapters/seeds.py --seeds 5 --size default --chapters 03,17
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZES = {"quick": ["--quick"], "default": [], "full": ["--full"]}


def run(chapter, size, seed):
    """Return the check that failed, with its line; None if all hold."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(chapter), *SIZES[size], "--seed", str(seed), "--out", folder]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    lines = re.findall(rf'{chapter.name}", line (\d+)[^\n]*\n +(\S[^\n]*)', result.stderr)
    where = f"line {lines[-1][0]}: {lines[-1][1]}" if lines else ""
    return f"{where} {result.stderr.strip().splitlines()[-1]}".strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chapters", help="numbers, as in 03,17 (default: all)")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file that keeps what it has of other chapters")
    options = parser.parse_args()
    wanted = options.chapters.split(",") if options.chapters else None
    chapters = [path for path in sorted((ROOT / "chapters").glob("[0-9]*.py")) if not wanted or path.name[:2] in wanted]
    seeds = range(options.first, options.first + options.seeds)
    kept = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    failed = 0
    for chapter in chapters:
        start = time.perf_counter()
        with ThreadPoolExecutor(options.jobs) as pool:
            found = dict(zip(seeds, pool.map(partial(run, chapter, options.size), seeds), strict=True))
        wrong = {str(seed): what for seed, what in found.items() if what is not None}
        each = (time.perf_counter() - start) * options.jobs / len(found)
        sys.stdout.write(f"{chapter.stem}: {len(found) - len(wrong)} of {len(found)} hold, {each:.1f} s each\n")
        sys.stdout.writelines(f"    seed {seed}: {what}\n" for seed, what in wrong.items())
        sys.stdout.flush()
        failed += len(wrong)
        entry = {"first": seeds[0], "seeds": len(found), "failed": wrong}
        kept.setdefault(chapter.stem, {})[options.size] = entry
        if options.out:
            options.out.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
