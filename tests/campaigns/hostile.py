"""All hostile streams in full: `python tests/campaigns/hostile.py [MEGABYTES] [NAME...]`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from hostile_streams import (
    MAX_MORE_BYTES,
    MIN_BYTES_PER_S,
    ORDINARY,
    STREAMS,
    is_costly,
    is_slow,
    measure,
)


def main(megabytes: int, names: list[str]) -> int:
    """Measure one stream after the other; gives the number of those that cost too much."""
    ordinary = measure(ORDINARY, 200_000_000)
    sys.stdout.write(
        f"allowed: {MAX_MORE_BYTES >> 20} MiB over {ordinary.peak_bytes >> 20} MiB, "
        f"{MIN_BYTES_PER_S // 1_000_000} MB/s of processor time\n"
    )
    failures = 0
    for name in names or STREAMS:
        cost = measure(name, megabytes * 1_000_000)
        found = [*["memory"] * is_costly(cost, ordinary), *["slow"] * is_slow(cost)]
        failures += bool(found)
        sys.stdout.write(
            f"{name:38}{cost.peak_bytes >> 20:6} MiB {cost.bytes_per_s / 1e6:6.1f} MB/s "
            f"{cost.rows:9} rows {cost.rejected_records:9} rejects  {', '.join(found) or 'fine'}\n"
        )
        sys.stdout.flush()
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(int((sys.argv[1:] or ["1000"])[0]), sys.argv[2:]) else 0)
