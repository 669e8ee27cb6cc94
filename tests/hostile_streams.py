"""
Streams that nobody means well with, made chunk by chunk, and what reading one costs.

`python tests/hostile_streams.py NAME BYTES` reads one stream in a process of its own and prints
what it took as JSON; `measure` starts that and reads it.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "MAX_MORE_BYTES",
    "MIN_BYTES_PER_S",
    "ORDINARY",
    "STREAMS",
    "Cost",
    "is_costly",
    "is_slow",
    "measure",
]

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 1 << 16
MAX_MORE_BYTES = 64 << 20
"""How much more than an ordinary stream a hostile one may take at its peak."""
MIN_BYTES_PER_S = 20_000_000
"""How much of a hostile stream a second of processor time should get through."""

HEADER = (ROOT / "sample_data/vendor_example.csv").read_bytes().splitlines(keepends=True)[0]
CALLS = b"".join(
    b"1111,DTE,'20200425091225013211%010d,23128%05d,8889918278,,,,,,,,0,4/20/20 6:12 AM,"
    b"4/20/20 6:12 AM,5,COMPLETE            ,No,2,CONNECTED,24,,4546,DTE,5854987200,19,4546,DTE,"
    b"5854987282,ANSWER(5),,,,\n" % (n, n)
    for n in range(4000)
)


class Cost(NamedTuple):
    """What reading one stream took."""

    peak_bytes: int
    seconds: float
    """Of processor time, all threads together: a busy machine does not change it."""
    body_bytes: int
    rows: int
    rejected_records: int

    @property
    def bytes_per_s(self) -> float:
        """Bytes of the body per second of processor time."""
        return self.body_bytes / self.seconds


def _run(piece: bytes) -> Callable[[], Iterator[bytes]]:
    """One piece again and again, in chunks that do not respect it."""
    whole = piece + piece * (1 + CHUNK // len(piece))

    def chunks() -> Iterator[bytes]:
        yield HEADER
        at = 0
        while True:
            yield whole[at : at + CHUNK]
            at = (at + CHUNK) % len(piece)

    return chunks


def _after(start: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    """A start, then one piece again and again."""

    def chunks() -> Iterator[bytes]:
        run = _run(piece)()
        yield next(run)
        yield start
        yield from run

    return chunks


ORDINARY = "ordinary calls"

STREAMS: dict[str, Callable[[], Iterator[bytes]]] = {
    ORDINARY: _run(CALLS),
    "one quoted field": _after(b'1111,"', b"abcdefg,\n"),
    "one quoted field without line ends": _after(b'1111,"', b"abcdefg,"),
    "no line end": _run(b"abcdefgh"),
    "only LF": _run(b"\n"),
    "only CR": _run(b"\r"),
    "only CRLF": _run(b"\r\n"),
    "only quotes": _run(b'"'),
    "only delimiters": _run(b","),
    "only NUL": _run(b"\0"),
    "uii, without end": _run(b"uii,"),
    "uii, line by line": _run(b"uii,\n"),
    "headers": _run(HEADER),
    "long run of one byte in rows": _run(b"1111," + b"x" * 60_000 + b"," * 32 + b"\n"),
    "one byte a line": _run(b"x\n"),
    "one quote a line": _run(b'"\n'),
    "two quotes a line": _run(b'""\n'),
    "an open quote a line": _run(b'x,"y\n'),
    "text behind a quote": _run(b'"x"y\n'),
    "a quote within a word": _run(b'x"y\n'),
    "damaged headers": _run(HEADER.replace(b"ani,", b"ani")),
    "three quotes a line": _run(b'x,"""y\n'),
    "empty rows": _run(b"," * 33 + b"\n"),
    "calls with an open quote each": _run(CALLS.replace(b",COMPLETE", b',"COMPLETE')),
    "calls with quotes": _run(CALLS.replace(b",DTE,", b',"DTE",')),
    "calls with a line break each": _run(CALLS.replace(b",DTE,'", b',"D\nTE",\'')),
    "calls that are not UTF-8": _run(CALLS.replace(b"DTE", b"DT\xff")),
    "calls with a cell reject each": _run(CALLS.replace(b",No,", b",maybe,")),
    "calls that end in CR": _run(CALLS.replace(b"\n", b"\r")),
    "calls of another table": _after(
        HEADER.replace(b"ani,dnis", b"dnis,ani"), CALLS.replace(b"DTE", b"IT")
    ),
}


def measure(name: str, body_bytes: int) -> Cost:
    """Read a stream of so many bytes in a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, name, str(body_bytes)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return Cost(**json.loads(told.stdout))


def is_costly(cost: Cost, ordinary: Cost) -> bool:
    """Tell whether a stream took more memory than it may."""
    return cost.peak_bytes > ordinary.peak_bytes + MAX_MORE_BYTES


def is_slow(cost: Cost) -> bool:
    """Tell whether a stream took more time than it may: for a campaign on a quiet machine."""
    return cost.bytes_per_s < MIN_BYTES_PER_S


def _peak_bytes() -> int:
    """
    Largest resident set of this process.

    Linux counts what the parent held, too, in `ru_maxrss`, as it was at the time of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text("ascii"))[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _read(name: str, body_bytes: int) -> Cost:
    from cdr_engine.pipeline import Report

    def chunks() -> Iterator[bytes]:
        left = body_bytes
        for chunk in STREAMS[name]():
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    started = time.process_time()
    report = Report(chunks(), time_zone="UTC")
    for _ in report.decoded():
        pass
    seconds = time.process_time() - started
    report.ledger.check()
    ledger = report.ledger
    return Cost(_peak_bytes(), seconds, ledger.bytes, ledger.rows, ledger.rejected_records)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(json.dumps(_read(sys.argv[1], int(sys.argv[2]))._asdict()) + "\n")
