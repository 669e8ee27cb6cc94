"""
The views that definitions make: thresholds, thresholds of single profiles, and words.

What other views count by stands in these three, and nowhere else. Their SQL is VALUES, so that
`cdr.duckdb` and other engines hold the definitions that the dataset was opened with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cdr_engine.definitions import ProfileDefinitions
from cdr_engine.views.quoting import text
from cdr_engine.views.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.definitions import Definitions

__all__ = ["DEFINED", "SESSION_ZONE", "defined"]

SESSION_ZONE = "current_setting('TimeZone')"
"""The report zone, as SQL says it; what is written for elsewhere puts the zone's name here."""

DEFINED = ("params", "stg_profile_params", "stg_call_results")
"""Names of the views, in the order in which they are made."""

PER_PROFILE = ProfileDefinitions.__struct_fields__


def defined(definitions: Definitions) -> list[View]:
    """Views that hold the definitions, in the order of `DEFINED`."""
    return [_params(definitions), _profile_params(definitions), _call_results(definitions)]


def _params(definitions: Definitions) -> View:
    shared = msgspec.structs.asdict(definitions)
    del shared["profiles"], shared["words"]
    cells = [f"{SESSION_ZONE} as time_zone", "15 as slot_minutes"]
    cells += [f"{_literal(value)} as {name}" for name, value in shared.items()]
    return View(
        name="params",
        layer="staging",
        grain="one row in all",
        formula="thresholds and zones that the other views share",
        source="[definitions] of cdr.toml, session TimeZone",
        caveat="conventions, not facts: two centres with other thresholds do not compare",
        sql="select\n    " + ",\n    ".join(cells),
        is_public=False,
    )


def _profile_params(definitions: Definitions) -> View:
    rows = [
        (int(profile), *(getattr(own, name) for name in PER_PROFILE))
        for profile, own in sorted(definitions.profiles.items(), key=lambda item: int(item[0]))
    ]
    return View(
        name="stg_profile_params",
        layer="staging",
        grain="one row per cloud profile with thresholds of its own",
        formula="thresholds that hold for the profile instead of those of params, where not NULL",
        source="[definitions.profiles] of cdr.toml",
        caveat="without such thresholds there is no row",
        sql=_values(
            ("cloud_profile_id", *PER_PROFILE),
            ("bigint", *("integer" for _ in PER_PROFILE)),
            rows,
        ),
        is_public=False,
    )


def _call_results(definitions: Definitions) -> View:
    return View(
        name="stg_call_results",
        layer="staging",
        grain="one row per known word of call_result or of an attempt's disposition",
        formula="word to outcome: connected, abandoned, deflected or other",
        source="[definitions.words] of cdr.toml; words seen in reports and named in the vendor's "
        "platform documents",
        caveat="an open dictionary: words that are not in it count as other, and in data_quality",
        sql=_values(
            ("word", "outcome", "is_line_reached"),
            ("varchar", "varchar", "boolean"),
            [
                (word, meaning.outcome, meaning.is_line_reached)
                for word, meaning in definitions.dictionary.items()
            ],
        ),
        is_public=False,
    )


def _values(
    names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[str | int | None]]
) -> str:
    """A SELECT of rows; without any, of typed columns."""
    if not rows:
        cells = ",\n    ".join(
            f"cast(null as {kind}) as {name}" for name, kind in zip(names, kinds, strict=True)
        )
        return f"select\n    {cells}\nwhere false"
    lines = ",\n        ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return (
        "select *\nfrom (\n    values\n        "  # every value is quoted
        f"{lines}\n) as listed (\n    {', '.join(names)}\n)"
    )


def _literal(value: str | float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return text(value) if isinstance(value, str) else str(value)
