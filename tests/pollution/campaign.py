"""The whole matrix: `python tests/pollution/campaign.py SEED`; a failure prints its case."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from matrix import full, run


def main(seed: int) -> int:
    """Run every class at every place in every column; gives the number of failures."""
    started = time.monotonic()
    runs = failures = 0
    for case in full(seed):
        runs += 1
        try:
            run(case)
        except Exception:  # noqa: BLE001 - whatever is raised is the finding
            failures += 1
            sys.stdout.write(f"{case}\n{traceback.format_exc()}\n")
    spent = time.monotonic() - started
    sys.stdout.write(f"{runs} cases from seed {seed}, {failures} failures, {spent:.0f} s\n")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1])) else 0)
