"""Stage 4: RecordBatches in, Parquet files out: names, commit, coverage, verify."""

from __future__ import annotations

from cdr_engine.dataset.answers import (
    answered_views,
    commit_answer,
    content_key,
    kept_answers,
)
from cdr_engine.dataset.compaction import Fold, fold, folds
from cdr_engine.dataset.coverage import AccountCoverage, Coverage, coverage
from cdr_engine.dataset.footer import DataFile, Footer, read_footer
from cdr_engine.dataset.layout import Layout
from cdr_engine.dataset.lock import writer_lock
from cdr_engine.dataset.neighbours import Neighbours
from cdr_engine.dataset.rejects import LISTED_SCHEMA, listed_rejects, write_raw
from cdr_engine.dataset.repair import Repair, repair
from cdr_engine.dataset.rollups import FILE_NUMBER, Rollup, commit_rollup, read_rollup
from cdr_engine.dataset.spots import (
    SPOTS_SCHEMA,
    SpotFile,
    SpotRecord,
    commit_spots,
    read_spots,
)
from cdr_engine.dataset.verify import Finding, verify
from cdr_engine.dataset.writer import DataFileWriter

__all__ = [
    "FILE_NUMBER",
    "LISTED_SCHEMA",
    "SPOTS_SCHEMA",
    "AccountCoverage",
    "Coverage",
    "DataFile",
    "DataFileWriter",
    "Finding",
    "Fold",
    "Footer",
    "Layout",
    "Neighbours",
    "Repair",
    "Rollup",
    "SpotFile",
    "SpotRecord",
    "answered_views",
    "commit_answer",
    "commit_rollup",
    "commit_spots",
    "content_key",
    "coverage",
    "fold",
    "folds",
    "kept_answers",
    "listed_rejects",
    "read_footer",
    "read_rollup",
    "read_spots",
    "repair",
    "verify",
    "write_raw",
    "writer_lock",
]
