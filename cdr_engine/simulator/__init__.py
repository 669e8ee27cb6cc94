"""
The report service itself, on this machine, for a synthetic contact centre.

It shares no code with the engine. `Simulator` serves in a thread, `serve` in the foreground,
`Proxy` spoils what they send, and `History` knows the truth about every call.
"""

from __future__ import annotations

from cdr_engine.simulator.byte_faults import BYTE_FAULTS
from cdr_engine.simulator.faults import FAULTS
from cdr_engine.simulator.history import ACCOUNT_IDS, CALLS_PER_DAY, History
from cdr_engine.simulator.journal import SeenRequest
from cdr_engine.simulator.proxy import Proxy
from cdr_engine.simulator.rendering import COLUMN_NAMES
from cdr_engine.simulator.server import TOKEN, Simulator, serve
from cdr_engine.simulator.switches import PADDABLE, Switches

__all__ = [
    "ACCOUNT_IDS",
    "BYTE_FAULTS",
    "CALLS_PER_DAY",
    "COLUMN_NAMES",
    "FAULTS",
    "PADDABLE",
    "TOKEN",
    "History",
    "Proxy",
    "SeenRequest",
    "Simulator",
    "Switches",
    "serve",
]
