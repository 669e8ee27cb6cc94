"""
Bulk export: plan the windows that are missing, fetch them side by side, commit each.

A rerun plans again from what the dataset holds, so it fetches what is missing and nothing else.
"""

from __future__ import annotations

from cdr_engine.export.asking import Selection
from cdr_engine.export.bulk import (
    LOOKBACK,
    Order,
    export,
    export_windows,
    plan_windows,
    sync_windows,
)
from cdr_engine.export.observer import ExportObserver, ExportSummary, FailedWindow, Job
from cdr_engine.export.planning import Plan
from cdr_engine.export.retries import Persistence
from cdr_engine.export.running import Terms

__all__ = [
    "LOOKBACK",
    "ExportObserver",
    "ExportSummary",
    "FailedWindow",
    "Job",
    "Order",
    "Persistence",
    "Plan",
    "Selection",
    "Terms",
    "export",
    "export_windows",
    "plan_windows",
    "sync_windows",
]
