from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from cdr_engine.views import catalogue, connect

NAMES = [view.name for view in catalogue()]
MARTS = {view.name for view in catalogue() if view.layer == "marts"}


def test_the_marts() -> None:
    """The public views are those that the project promises."""
    assert {
        "abandon_recovery",
        "abandonment",
        "answer_speed",
        "area_code",
        "attempt_dispositions",
        "attempt_funnel",
        "cellular_split",
        "concurrency",
        "connect_rate_by_profile",
        "cost_per_call",
        "coverage_gaps",
        "creative_compare",
        "daily_anomalies",
        "data_quality",
        "destination_answer_rate",
        "destination_share",
        "dnis_inventory",
        "failover_matrix",
        "first_touch",
        "hour_of_week",
        "interval_volume",
        "media_bursts",
        "media_market",
        "media_performance",
        "offered_load",
        "patience",
        "repeat_callers",
        "ring_time",
        "service_level",
        "short_calls",
        "spot_response",
        "staffing_erlang_c",
        "talk_time",
    } == MARTS
    assert {view.name for view in catalogue() if view.is_public} == MARTS


@pytest.mark.parametrize("view", catalogue(), ids=NAMES)
def test_shape_of_a_file(view) -> None:  # noqa: ANN001
    """Each file says its grain and formula, is one select without `;`, and ends in its last CTE."""
    assert view.grain.startswith("one row")
    assert all([view.formula, view.source, view.caveat])
    assert ";" not in view.sql
    if ctes := re.findall(r"^(?:with )?(\w+) as \($", view.sql, re.MULTILINE):
        assert view.sql.splitlines()[-1] == f"select * from {ctes[-1]}"


@pytest.mark.parametrize("view", catalogue(), ids=NAMES)
def test_sql_lines_are_short_and_lower_case(view) -> None:  # noqa: ANN001
    """SQL stays within 80 columns and writes its keywords in lower case."""
    assert max(map(len, view.sql.splitlines())) <= 80
    assert not re.search(r"\b(SELECT|FROM|WHERE|WITH|JOIN|CASE|COUNT)\b", view.sql)


@pytest.mark.parametrize("view", catalogue(), ids=NAMES)
def test_the_source_is_what_is_read(view) -> None:  # noqa: ANN001
    """Each file names all that it reads, and nothing else that is a view."""
    known = {"calls", "rejects", "spots", *NAMES}
    read = set(re.findall(r"\b(?:from|join)\s+main\.(\w+)|(?:from|join)\s+(stg_\w+)", view.sql))
    assert {one or other for one, other in read} == known & set(re.findall(r"\w+", view.source))


def test_marts_do_not_read_marts() -> None:
    """Marts read staging only, so no order among them is needed."""
    for view in catalogue():
        read = set(re.findall(r"\b(?:from|join)\s+([\w.]+)", view.sql))
        assert not read & MARTS
        assert not (view.layer == "staging" and read & MARTS)


def test_staging_comes_in_dependency_order() -> None:
    """A view comes after every view that it reads."""
    for index, view in enumerate(catalogue()):
        read = set(re.findall(r"\b(?:from|join)\s+(?:main\.)?(\w+)", view.sql))
        assert not read & set(NAMES[index + 1 :]) - MARTS


def test_every_file_is_in_the_catalogue() -> None:
    """No .sql file of the two folders is left out, and names are file names."""
    package = files("cdr_engine.views")
    found = {
        file.name.removesuffix(".sql")
        for layer in ("staging", "marts")
        for file in package.joinpath(layer).iterdir()
        if file.name.endswith(".sql")
    }
    assert found == set(NAMES) - {"params", "stg_profile_params", "stg_call_results"}


def test_comments_are_in_the_database(tmp_path: Path) -> None:
    """What a view means can be read where it is used, in duckdb_views()."""
    rows = connect(tmp_path).execute("select view_name, comment from duckdb_views()").fetchall()
    comments = dict(rows)
    for view in catalogue():
        assert comments[view.name] == view.comment
        assert f"grain: {view.grain}" in comments[view.name].splitlines()
