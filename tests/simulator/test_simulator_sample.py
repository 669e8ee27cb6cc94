from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cdr_engine.simulator import COLUMN_NAMES

FOLDER = Path(__file__).parents[2] / "sample_data"
HEADER = ",".join(COLUMN_NAMES).encode()


@pytest.fixture(scope="module")
def counts() -> dict[str, object]:
    """Return what the month claims to hold."""
    return json.loads((FOLDER / "generated_month.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def body() -> bytes:
    """Return the month as bytes."""
    return (FOLDER / "generated_month.csv").read_bytes()


@pytest.fixture(scope="module")
def records(body: bytes) -> list[list[str]]:
    """Return the month as the csv module reads it."""
    text = body.decode("utf-8", "surrogateescape")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def is_header(record: list[str]) -> bool:
    """Whether a record is the header."""
    return record == list(COLUMN_NAMES)


def is_broken(record: list[str]) -> bool:
    """Whether a record is to be rejected."""
    text = "".join(record)
    return len(record) != 34 or not record[2] or text != text.encode("utf-8", "replace").decode()


def test_made_again(tmp_path: Path) -> None:
    """Made again, the files are the same, byte for byte."""
    subprocess.run([sys.executable, "-m", "cdr_engine.simulator.sample", tmp_path], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert {"generated_month.csv", "generated_month.json", "README.md"} == set(made)
    assert {name: (FOLDER / name).read_bytes() for name in made} == made


def test_vendor_example() -> None:
    """The vendor's example is its header and three calls, without an end of the last line."""
    example = (FOLDER / "vendor_example.csv").read_bytes()
    header, *calls = example.split(b"\n")

    assert header == HEADER
    assert [call[:4] for call in calls] == [b"1111", b"2222", b"3333"]
    assert {call.count(b",") for call in calls} == {33}
    assert example.endswith(b"ANSWER(4),,,,")


def test_size(body: bytes, counts: dict[str, object]) -> None:
    """The month stays below a megabyte, and every byte of it is accounted for by kind."""
    assert len(body) == counts["bytes"] == sum(counts["bytes_of"].values())
    assert len(body) < 1_000_000


def test_lines_of_each_kind(records: list[list[str]], counts: dict[str, object]) -> None:
    """Read by the csv module, the file has the headers, blanks and records that are claimed."""
    kept = [record for record in records if record and not is_header(record)]

    assert sum(map(is_header, records)) == counts["header_lines"]
    assert sum(not record for record in records) == counts["blank_lines"]
    assert len(kept) == counts["records"]
    assert counts["records"] == counts["rows"] + counts["duplicates"] + sum(
        counts["rejected_records"].values()
    )


def test_broken_records(records: list[list[str]], counts: dict[str, object]) -> None:
    """Each kind of broken record is there as often as claimed."""
    kept = [record for record in records if record and not is_header(record)]
    whole = [record for record in kept if len(record) == 34]
    rejected = counts["rejected_records"]

    assert len(kept) - len(whole) == rejected["field_count"]
    assert sum(not record[2] for record in whole) == rejected["no_uii"]
    assert sum(map(is_broken, kept)) == sum(rejected.values())


def test_duplicates(records: list[list[str]], counts: dict[str, object]) -> None:
    """Calls that come twice come twice in every cell, as often as claimed."""
    calls = [tuple(r) for r in records if r and not is_header(r) and not is_broken(r)]
    keys = {(call[2], call[0], call[13]) for call in calls}

    assert len(calls) - len(set(calls)) == counts["duplicates"]
    assert len(keys) == len(set(calls)) == counts["rows"]


def test_oddities(records: list[list[str]], counts: dict[str, object]) -> None:
    """Oddities counted here by plain Python are as many as claimed, and each occurs."""
    calls = {tuple(r) for r in records if r and not is_header(r) and not is_broken(r)}
    cells = [dict(zip(COLUMN_NAMES, call, strict=True)) for call in calls]
    odd = counts["oddities"]
    names = [[v for k, v in c.items() if k.endswith("_name")] for c in cells]

    assert all(odd.values())
    assert sum(any("," in name for name in found) for found in names) == odd["comma_in_name"]
    assert sum(any("\n" in name for name in found) for found in names) == odd["line_break_in_name"]
    assert sum("\u202f" in c["dequeue_time"] for c in cells) == odd["narrow_space"]
    assert sum(c["ani"] == "" for c in cells) == odd["blank_ani"]
    assert sum(c["ani"].lower() == "anonymous" for c in cells) == odd["anonymous_ani"]
    assert sum(c["dnis"].startswith("+1") for c in cells) == odd["e164"]
    assert sum(c["recording_url"] != "" for c in cells) == odd["recording"]
    assert sum(c["connected_duration"] == "" for c in cells) == odd["never_connected"]
    assert sum(c["attempt_1_disp"].isalpha() for c in cells) == odd["no_ring_seconds"]
    assert sum(c["media_length"] == "0" for c in cells) == odd["no_media"]
    assert sum(c["profile_name"] == "" for c in cells) == odd["no_profile_name"]
    assert (
        sum(not c["queue_time"].isdecimal() for c in cells)
        == (counts["cell_rejects"]["queue_time"])
    )


def test_readme_has_the_counts(counts: dict[str, object]) -> None:
    """The README of the folder says how many calls there are, and how to make them again."""
    page = (FOLDER / "README.md").read_text("utf-8")

    assert f"| {counts['rows']:,} | are calls" in page
    assert "python -m cdr_engine.simulator.sample sample_data/" in page
