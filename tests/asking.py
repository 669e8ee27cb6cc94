"""What views of a dataset say, as it is and as a copy of it without anything kept says it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from cdr_engine import open_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdr_engine import OpenDataset

    Answers = dict[str, list[str]]

__all__ = ["ZONE", "anew", "answers", "lines_of"]

ZONE = "America/New_York"


def answers(dataset: Path, views: Iterable[str], **part: Any) -> Answers:
    """What views say, each as lines in order; floats to nine digits."""
    names = list(views)
    with open_dataset(dataset, time_zone=ZONE, asked=" ".join(names), **part) as opened:
        return {view: lines_of(opened, view) for view in names}


def lines_of(opened: OpenDataset, view: str) -> list[str]:
    """What one view of an open dataset says."""
    return sorted(
        str([round(cell, 9) if isinstance(cell, float) else cell for cell in row.values()])
        for row in opened.sql(view).read_all().to_pylist()
    )


def anew(dataset: Path, views: Iterable[str], **part: Any) -> Answers:
    """The same as `answers`, of a copy in which nothing is kept."""
    copy = dataset.with_name("copy")
    shutil.copytree(dataset, copy, ignore=shutil.ignore_patterns("rollups", "cdr.duckdb"))
    try:
        return answers(copy, views, **part)
    finally:
        shutil.rmtree(copy)
