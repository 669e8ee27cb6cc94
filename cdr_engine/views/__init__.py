"""
Stage 5: Parquet in, answers out.

One .sql file a view, in `staging/` (rename, cast, derive) and `marts/` (the answers). `connect`
opens a dataset with all of them, `query` asks, `write` and `write_file` hand the answer on.
"""

from __future__ import annotations

from cdr_engine.views.catalogue import View, catalogue
from cdr_engine.views.connection import connect
from cdr_engine.views.formats import FORMATS, format_of, write, write_file
from cdr_engine.views.query import query

__all__ = [
    "FORMATS",
    "View",
    "catalogue",
    "connect",
    "format_of",
    "query",
    "write",
    "write_file",
]
