"""
The same report from the service in chunks of 8 KB, and from disk: how much of the speed is left.

    python benchmarks/over_http.py [--rows 1000000] [--rounds 5] [--chunk-bytes 8192] [--docs]
    python benchmarks/over_http.py --profile

The server is a process of its own that sends a file framed beforehand, so that it takes next to
nothing of the machine; the client is the engine's, from the request to the commit. Both ways are
processes of their own, in turns. `drain` receives the body and leaves it, which is what HTTP itself
takes. Seconds are those in the data file's footer, from the first byte to the commit. `--profile`
prints where the client's own time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import calls_csv

from cdr_engine.bench.comparison import machine
from cdr_engine.bench.process import measured

PAGE = Path(__file__).parent.parent / "docs" / "over_http.md"
ALLOWED = 0.8
ACCOUNT = "13670001"

SERVE = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
head = (
    b"HTTP/1.1 200 OK\\r\\nContent-Type: text/csv\\r\\nTransfer-Encoding: chunked\\r\\n"
    b"Connection: close\\r\\n\\r\\n"
)
while True:
    connection, _ = listener.accept()
    with connection, open(sys.argv[1], "rb") as body:
        request = b""
        while b'"repeatOption"' not in request:
            request += connection.recv(65536)
        connection.sendall(head)
        connection.sendfile(body)
"""


def framed(source: Path, target: Path, chunk_bytes: int) -> None:
    """Write a body as HTTP/1.1 sends it in chunks (RFC 9112 section 7.1)."""
    with source.open("rb") as body, target.open("wb") as out:
        while chunk := body.read(chunk_bytes):
            out.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        out.write(b"0\r\n\r\n")


@contextmanager
def served(body: Path) -> Iterator[str]:
    """Run the server; yield its address."""
    command = [sys.executable, "-c", SERVE, str(body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/voice"
        finally:
            process.terminate()


def once(way: str, place: str) -> dict[str, float]:
    """Load the body one way; the child's part."""
    from cdr_engine import read_csv
    from cdr_engine.api import ApiToken, ReportRequest, ReportService
    from cdr_engine.archives import members
    from cdr_engine.dataset import Layout
    from cdr_engine.pipeline import Observer, Origin, load

    for _ in read_csv(calls_csv.pieces(1), time_zone=calls_csv.ZONE).to_batches():
        pass  # what is imported at first use is not part of either way
    request = ReportRequest(
        account_id=ACCOUNT,
        start=datetime(2026, 3, 1),  # noqa: DTZ001  # a report's window is local
        end=datetime(2026, 4, 1),  # noqa: DTZ001
        cloud_profile_ids=(1000,),
        cloud_profile_group_ids=(None,),
        time_zone=calls_csv.ZONE,
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as dataset:
        origin = Origin("file", ACCOUNT, calls_csv.ZONE)
        if way == "disk":
            with members(Path(place))[0].open() as body:
                file = load(body, Layout(Path(dataset)), origin, held=(), observer=Observer())
        else:
            with (
                ReportService(place, ApiToken("benchmark")) as service,
                service.report(request) as body,
            ):
                started = time.perf_counter()
                if way == "drain":
                    received = sum(map(len, body))
                    return {"bytes": received, "seconds": time.perf_counter() - started}
                file = load(body, Layout(Path(dataset)), origin, held=(), observer=Observer())
    assert file is not None
    return {"bytes": file.footer.ledger.bytes, "seconds": file.footer.seconds}


def profile(address: str) -> None:
    """Print where the client's thread spends its time while it drains a body."""
    profiler = cProfile.Profile()
    profiler.runcall(once, "drain", address)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def table(seconds: dict[str, list[float]], size: int) -> tuple[str, bool]:
    """Medians and ratios, and whether HTTP keeps up."""
    medians = {way: statistics.median(found) for way, found in seconds.items()}
    lines = ["| way | seconds (min to max) | MB/s | speed, disk = 1 |", "|---|---|---|---|"]
    lines += [
        f"| {way} | {medians[way]:.2f} ({min(found):.2f} to {max(found):.2f}) "
        f"| {size / 1e6 / medians[way]:,.0f} | {medians['disk'] / medians[way]:.3f} |"
        for way, found in seconds.items()
    ]
    is_kept = medians["disk"] / medians["http"] >= ALLOWED
    word = "Kept" if is_kept else "Broken"
    return "\n".join(lines) + f"\n\n{word}: http at least {ALLOWED} of disk.\n", is_kept


def main() -> int:
    """Measure, print, perhaps keep the table; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk-bytes", type=int, default=8192)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(*options.once)))
        return 0
    seconds: dict[str, list[float]] = {"disk": [], "http": [], "drain": []}
    with tempfile.TemporaryDirectory() as folder:
        source, body = Path(folder, "calls.csv"), Path(folder, "body")
        calls_csv.write(source, options.rows)
        framed(source, body, options.chunk_bytes)
        with served(body) as address:
            if options.profile:
                profile(address)
                return 0
            for number in range(options.rounds + 1):
                for way, found in seconds.items():
                    place = str(source) if way == "disk" else address
                    usage = measured([sys.executable, __file__, "--once", way, place])
                    result = json.loads(usage.output)
                    if result["bytes"] != source.stat().st_size:
                        raise SystemExit(f"{way}: {result['bytes']} bytes arrived")
                    if number:  # the first round warms the page cache
                        found.append(result["seconds"])
                    said = f"round {number} {way}: {result['seconds']:.2f} s, CPU {usage.cpu_s:.2f}"
                    print(said, file=sys.stderr, flush=True)
        size = source.stat().st_size
    where = machine()
    text, is_kept = table(seconds, size)
    text = (
        f"{options.rows:,} calls, {size / 1e6:,.0f} MB in chunks of {options.chunk_bytes:,} bytes; "
        f"{where.cores} cores of {where.processor}, Python {where.python}; "
        f"medians of {options.rounds}\n\n{text}"
    )
    print(text)
    if options.docs:
        PAGE.write_text(f"# A report over HTTP\n\n{text}\n{__doc__}", "utf-8")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
