"""Bulk export and sync: plan what is missing, fetch it side by side, commit window by window."""

from __future__ import annotations

from cdr_engine.export.audit import Comparison, compare_with_service
from cdr_engine.export.bulk import (
    ByPeriod,
    ByWindows,
    Order,
    SinceCoverage,
    When,
    export_windows,
    order_of,
    plan_export,
    run_export,
)
from cdr_engine.export.front import (
    ExportOptions,
    export,
    export_plan,
    period_of,
    since_coverage,
    sync,
)
from cdr_engine.export.observer import ExportObserver, ExportSummary, Failure, Split
from cdr_engine.export.plan import ExportPlan
from cdr_engine.export.retry import Patience

__all__ = [
    "ByPeriod",
    "ByWindows",
    "Comparison",
    "ExportObserver",
    "ExportOptions",
    "ExportPlan",
    "ExportSummary",
    "Failure",
    "Order",
    "Patience",
    "SinceCoverage",
    "Split",
    "When",
    "compare_with_service",
    "export",
    "export_plan",
    "export_windows",
    "order_of",
    "period_of",
    "plan_export",
    "run_export",
    "since_coverage",
    "sync",
]
