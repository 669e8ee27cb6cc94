"""
Bytes of every kind into the reader: `python tests/campaigns/fuzz.py SECONDS SEED`.

Half of the cases are put together from the grammar's own pieces, half are valid reports with some
bytes changed. A failure prints its seed and saves its input beside this script.
"""

from __future__ import annotations

import csv
import random
import sys
import time
import traceback
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from reading import assert_invariants
from strategies import written
from three_readers import random_rows

from cdr_engine.schema import HEADER, NAMES

__all__ = ["case", "check"]

PIECES = [
    *(b"", b",", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"|", b"\t", b" ", b"'", b"\0"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc3\xa9", b"\xe2\x80\xaf", b"uii", b"0x1", b"-", b"a" * 40),
    *(b"," * 33, b'"a\nb"', b'"a,b"', b"1111", b"4/20/20 6:12 AM", b"Yes", b"x" * 66_000),
]
HEADERS = [
    HEADER.encode(),
    (",".join(f'"{name}"' for name in NAMES)).encode(),
    HEADER.replace(",", "|").encode(),
    ",".join(NAMES[::-1]).encode(),
    b"uii",
    b"uii,ani",
    b"uii,ani,ani,ani_3",
    b"uii,,x,uii,ani,dnis",
    b"\xef\xbb\xbfuii,queue_time,enqueue_time,is_cellular,recording_url",
]


def _grammar(rng: random.Random, header: bytes) -> bytes:
    """Pieces of records, and whole ones, in any order."""
    pool = [*PIECES[:-1], header, b"\n", b"'1\n", b"'1,2\n", *[PIECES[-1]] * (rng.random() < 0.05)]
    weights = [rng.random() ** 3 for _ in pool]
    return b"".join(rng.choices(pool, weights, k=rng.randrange(120)))


def _mutated(rng: random.Random, body: bytes) -> bytes:
    """Change, drop, double or move some bytes."""
    spoilt = bytearray(body)
    for _ in range(rng.choice([1, 1, 2, 5, 30])):
        at = rng.randrange(len(spoilt) + 1)
        way = rng.randrange(5)
        if way == 0:
            spoilt[at:at] = rng.choice(PIECES[:-1])
        elif way == 1:
            del spoilt[at : at + rng.choice([1, 1, 2, 50])]
        elif way == 2 and at < len(spoilt):
            spoilt[at] = rng.randrange(256)
        elif way == 3:
            spoilt[at:at] = spoilt[at : at + rng.randrange(400)]
        else:
            spoilt[at:at] = bytes(rng.choices(b',"\n\r', k=rng.randrange(1, 4)))
    return bytes(spoilt)


def case(seed: int) -> bytes:
    """Make the body of one seed."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        header = rng.choice(HEADERS)
        return header + b"\n" + _grammar(rng, header)
    rows = random_rows(rng, rng.randrange(12))
    end = rng.choice(["\n", "\r\n", "\r"])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    return _mutated(rng, written([NAMES, *rows], end=end, quoting=quoting))


def check(seed: int) -> int:
    """Run the case of one seed; gives the number of its records."""
    rng = random.Random(seed)
    chunk = rng.choice([1, 7, 100, 4096])
    body = case(seed)
    block_bytes = 1 if len(body) < 600 else rng.choice([64, 700, 5000])
    return assert_invariants(body, chunk=chunk, block_bytes=block_bytes)


def main(seconds: float, seed: int) -> int:
    """Run until the time is over; gives the number of failures."""
    started = time.monotonic()
    runs = records = failures = 0
    while time.monotonic() - started < seconds:
        try:
            records += check(seed + runs)
        except Exception:  # noqa: BLE001 - whatever is raised is the finding
            failures += 1
            path = Path(__file__).with_name(f"failure-{seed + runs}.csv")
            path.write_bytes(case(seed + runs))
            sys.stdout.write(f"seed {seed + runs}: {path}\n{traceback.format_exc()}\n")
        runs += 1
    spent = time.monotonic() - started
    sys.stdout.write(
        f"{runs} cases from seed {seed}, {runs / spent:.0f} a second, {records} records, "
        f"{failures} failures\n"
    )
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]), int(sys.argv[2])) else 0)
