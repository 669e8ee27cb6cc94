"""
Call detail reports of RingCentral Engage Voice: streamed into Parquet, answered in SQL.

A public name is imported when it is first asked for, so that what needs none of them, `cdr --help`
among it, does not wait for Arrow.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdr_engine.analysis import OpenDataset, open_dataset
    from cdr_engine.bench import Benchmark, bench
    from cdr_engine.compact import compact
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
    from cdr_engine.inspection import rejects, repair, status, verify
    from cdr_engine.ledger import Ledger, Reject
    from cdr_engine.pipeline import Observer, Report, read_csv
    from cdr_engine.rollup import RollupSummary, rollup
    from cdr_engine.spots import SpotSummary, ingest_spots

__version__ = "0.1.0"

__all__ = [
    "Benchmark",
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
    "RollupSummary",
    "SpotSummary",
    "__version__",
    "bench",
    "compact",
    "export",
    "export_plan",
    "ingest",
    "ingest_spots",
    "open_dataset",
    "read_csv",
    "rejects",
    "repair",
    "rollup",
    "status",
    "sync",
    "verify",
]

_HOMES = {
    "analysis": ("OpenDataset", "open_dataset"),
    "bench": ("Benchmark", "bench"),
    "compact": ("compact",),
    "errors": ("CdrError",),
    "export": (
        "ExportObserver",
        "ExportOptions",
        "ExportPlan",
        "ExportSummary",
        "export",
        "export_plan",
        "sync",
    ),
    "ingest": ("IngestSummary", "ingest"),
    "inspection": ("rejects", "repair", "status", "verify"),
    "ledger": ("Ledger", "Reject"),
    "pipeline": ("Observer", "Report", "read_csv"),
    "rollup": ("RollupSummary", "rollup"),
    "spots": ("SpotSummary", "ingest_spots"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


class _FrontDoor(ModuleType):
    """The package; some of its functions, as `export` and `bench`, are the names of modules too."""

    def __getattr__(self, name: str) -> Any:
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # The import system sets a submodule on its package, and would hide the function.
        if name in _HOME_OF and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _FrontDoor
