"""
Windows side by side against a service that takes a fixed time for each answer.

    python benchmarks/jobs_overlap.py [--windows 100] [--jobs 4] [--seconds 0.5] [--calls 200]

Prints one JSON object: how long the export took, the ideal (the windows of one job, one after the
other), their ratio, and the peak of this process's resident memory with the service elsewhere.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

SERVICE = """
import sys, time
from cdr_engine.simulator import ACCOUNT_IDS, History, Simulator
from cdr_engine.simulator.service import ReportService
import asyncio
seconds, calls = float(sys.argv[1]), int(sys.argv[2])
answer = ReportService.stream_report
async def slow(self, request):
    began = time.monotonic()
    response = await answer(self, request)
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
    return response
ReportService.stream_report = slow
with Simulator(History(1, calls_per_day=calls, account_ids=ACCOUNT_IDS[:1])) as simulator:
    print(simulator.base_url, simulator.token, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Export once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--calls", type=int, default=200)
    asked = parser.parse_args()
    from cdr_engine import export

    command = [sys.executable, "-c", SERVICE, str(asked.seconds), str(asked.calls)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as service,
    ):
        assert service.stdout is not None
        base_url, token = service.stdout.readline().split()
        start = datetime(2024, 1, 1, tzinfo=UTC)
        end = start + timedelta(days=asked.windows)
        began = time.monotonic()
        summary = export(
            Path(folder) / "dataset",
            base_url=base_url,
            token=token,
            start=f"{start:%Y-%m-%d}",
            end=f"{end:%Y-%m-%d}",
            window="1d",
            jobs=asked.jobs,
            rate_limit="off",
        )
        took = time.monotonic() - began
        service.communicate()
    ideal = math.ceil(asked.windows / asked.jobs) * asked.seconds
    found = {
        "windows": len(summary.files),
        "jobs": asked.jobs,
        "rows": summary.ledger.rows,
        "body_mb": round(summary.ledger.bytes / 1e6, 1),
        "seconds": round(took, 2),
        "ideal_seconds": ideal,
        "ratio": round(took / ideal, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
