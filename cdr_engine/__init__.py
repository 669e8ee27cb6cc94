"""Call detail reports of RingCentral Engage Voice: streamed into Parquet, answered in SQL."""

from __future__ import annotations

from cdr_engine.analysis import OpenDataset, open_dataset, rejects, status, verify
from cdr_engine.errors import CdrError
from cdr_engine.export import (
    ExportObserver,
    ExportOptions,
    ExportPlan,
    ExportSummary,
    export,
    export_plan,
    sync,
)
from cdr_engine.ingest import IngestSummary, ingest
from cdr_engine.ledger import Ledger, Reject
from cdr_engine.pipeline import Observer, Report, read_csv

__version__ = "0.1.0"

__all__ = [
    "CdrError",
    "ExportObserver",
    "ExportOptions",
    "ExportPlan",
    "ExportSummary",
    "IngestSummary",
    "Ledger",
    "Observer",
    "OpenDataset",
    "Reject",
    "Report",
    "__version__",
    "export",
    "export_plan",
    "ingest",
    "open_dataset",
    "read_csv",
    "rejects",
    "status",
    "sync",
    "verify",
]
