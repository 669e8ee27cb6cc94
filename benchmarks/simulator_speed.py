"""
How fast the simulator sends a report, so that it is never what an export waits for.

Run `python benchmarks/simulator_speed.py`. The server is a process of its own; the client does
nothing but receive. `cold` asks for a month nobody asked for before, `warm` for the same month
again, `replay` for a recorded body; `bare socket` sends as many bytes without any HTTP, and is
what the machine could do at best. Each figure is the median of five.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from cdr_engine.simulator import TOKEN, History

REPEATS = 5
BLOCK = 256 * 1024

SERVE = """
import sys
from cdr_engine.simulator import serve
serve(replay=sys.argv[1] if sys.argv[1:] else None, on_ready=lambda url: print(url, flush=True))
"""

SEND = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
block = bytes(262144)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        for _ in range(int(sys.argv[1]) // len(block)):
            connection.sendall(block)
"""


def month_request(year: int) -> bytes:
    """Return a whole HTTP request for April of a year, all profiles of both accounts."""
    accounts = History().accounts
    profiles = [profile for account in accounts for profile in account.profiles]
    body = {
        "delimiter": "COMMA",
        "reportType": "CASPER_REPORT",
        "reportTypeName": "Cloud_Call_Detail_Download",
        "reportCriteria": {
            "accountIds": [account.account_id for account in accounts],
            "groupBy": "PROFILE",
            "cloudProfileIds": [profile.profile_id for profile in profiles],
            "cloudProfileGroupIds": list({profile.group.group_id for profile in profiles}),
            "startTimestamp": f"{year}-04-01 00:00:00",
            "endTimestamp": f"{year}-04-30 23:59:59",
            "timezoneName": "UTC",
            "criteriaType": "CASPER_CRITERIA",
            "reportName": "Cloud_Call_Detail_Download",
            "returnType": "CSV",
            "schedule": {"repeatOption": "ONCE"},
        },
    }
    content = json.dumps(body).encode()
    head = (
        f"POST /voice/api/v1/admin/accounts/{accounts[0].account_id}/reportsStreaming HTTP/1.1\r\n"
        f"Host: localhost\r\nAuthorization: bearer {TOKEN}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@contextmanager
def served(code: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """Run a server in a process of its own; yield where it listens."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        try:
            yield address.hostname or "", address.port or 0
        finally:
            process.terminate()


def receive(address: tuple[str, int], request: bytes) -> tuple[int, float]:
    """Send a request and receive until the connection closes; return bytes and seconds."""
    buffer, received = bytearray(4 * BLOCK), 0
    before = time.perf_counter()
    with socket.create_connection(address) as connection:
        connection.sendall(request)
        while count := connection.recv_into(buffer):
            received += count
    return received, time.perf_counter() - before


def speed(address: tuple[str, int], requests: list[bytes]) -> tuple[int, float]:
    """Return the size of the last answer in bytes, and the median speed in MB/s."""
    answers = [receive(address, request) for request in requests]
    return answers[-1][0], median(size / seconds / 1e6 for size, seconds in answers)


def main() -> None:
    """Measure and print."""
    years = [month_request(2010 + n) for n in range(REPEATS + 1)]
    with served(SERVE) as address:
        receive(address, years.pop())
        size, cold = speed(address, years)
        _, warm = speed(address, [years[-1]] * REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "month.csv"
        recorded.write_bytes((b"x" * 299 + b"\n") * (4 * size // 300))
        with served(SERVE, str(recorded)) as address:
            _, replay = speed(address, [years[0]] * REPEATS)
    with served(SEND, str(4 * size)) as address:
        _, bare = speed(address, [b"go"] * REPEATS)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"a month of two accounts: {size / 1e6:.1f} MB; median of {REPEATS}")
    for name, value in (("cold", cold), ("warm", warm), ("replay", replay), ("bare socket", bare)):
        print(f"{name:<12}{value:8.0f} MB/s {value / cold:6.1f} x cold {value / bare:6.2f} x bare")


if __name__ == "__main__":
    main()
