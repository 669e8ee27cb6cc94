"""Many valid reports, three readers: `python tests/campaigns/differential.py ROWS SEED`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from three_readers import compare

ROWS_A_REPORT = 5000


def main(rows: int, seed: int) -> None:
    """Compare reports until so many rows have been; the first disagreement is raised."""
    started = time.monotonic()
    compared = size = 0
    while compared < rows:
        done = compare(min(ROWS_A_REPORT, rows - compared), seed)
        compared, size, seed = compared + done.rows, size + done.body_bytes, seed + 1
    spent = time.monotonic() - started
    sys.stdout.write(f"{compared} rows, {size} bytes, 0 disagreements, {spent:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
