from __future__ import annotations

import subprocess
import sys

from forked import FORK_QUIETLY

RACE = """
import os, sys, threading
from cdr_engine.dataset import Footer
sys.setswitchinterval(1e-6)
text = b'{"source":"file","account_id":null,"time_zone":"UTC","sha256":"","ledger":{}}'
ended = []
for _ in range(80):
    pid = os.fork()
    if not pid:
        gate = threading.Barrier(4)
        threads = [
            threading.Thread(target=lambda: gate.wait() + 1 and Footer.decode(text))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)
    ended.append(os.waitpid(pid, 0)[1])
print(sum(1 for status in ended if status))
"""


def test_first_decoded_by_several_threads() -> None:
    """Threads that read the first footers of a process at the same moment do not crash it."""
    run = subprocess.run(
        [sys.executable, *FORK_QUIETLY, "-c", RACE],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert ("0\n", "") == (run.stdout, run.stderr)
