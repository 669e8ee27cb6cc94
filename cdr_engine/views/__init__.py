"""
Stage 5: Parquet in, answers out.

One .sql file a view, in `staging/` (rename, cast, derive) and `marts/` (the answers). `connect`
opens a dataset with all of them, `restrict` narrows them, `query` asks, `write` and `write_file`
hand the answer on.
"""

from __future__ import annotations

from cdr_engine.views.answers import ANSWERED, answer_keys, use_answers
from cdr_engine.views.catalogue import catalogue
from cdr_engine.views.connection import columns_of, connect
from cdr_engine.views.counts import Kept, count_files, counted, counts_key, use_counts
from cdr_engine.views.database import DATABASE, write_database
from cdr_engine.views.elsewhere import DIALECTS, Dialect, Statement, view_statements
from cdr_engine.views.formats import FORMATS, format_of, write, write_file
from cdr_engine.views.query import explain, query, relations
from cdr_engine.views.rules import RULES, Rule, Verdict, judge
from cdr_engine.views.selection import Selection, restrict
from cdr_engine.views.view import View

__all__ = [
    "ANSWERED",
    "DATABASE",
    "DIALECTS",
    "FORMATS",
    "RULES",
    "Dialect",
    "Kept",
    "Rule",
    "Selection",
    "Statement",
    "Verdict",
    "View",
    "answer_keys",
    "catalogue",
    "columns_of",
    "connect",
    "count_files",
    "counted",
    "counts_key",
    "explain",
    "format_of",
    "judge",
    "query",
    "relations",
    "restrict",
    "use_answers",
    "use_counts",
    "view_statements",
    "write",
    "write_database",
    "write_file",
]
