"""Files read side by side: what comes of them is what comes of one after another."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from cdr_engine import IngestSummary, errors, ingest, status, verify
from cdr_engine.pipeline import Observer
from cdr_engine.simulator import COLUMN_NAMES

if TYPE_CHECKING:
    from cdr_engine.dataset import DataFile

HEADER = ",".join(COLUMN_NAMES)


def row(number: int) -> str:
    """A call of its own."""
    cells = dict.fromkeys(COLUMN_NAMES, "")
    cells |= {"uii": f"'{number:030}", "enqueue_time": "4/20/20 6:12 AM", "ani": str(number)}
    return ",".join(cells.values())


def written(folder: Path, *parts: range, rng: random.Random | None = None) -> list[Path]:
    """Files of calls, some of them long, in the order of their names."""
    folder.mkdir()
    paths = []
    for number, part in enumerate(parts):
        path = folder / f"{number:03}.csv"
        blank = "\n" * (rng.randrange(4000) if rng else 0)
        path.write_text("\n".join([HEADER, *map(row, part), blank]))
        paths.append(path)
    return paths


def content(dataset: Path, summary: IngestSummary) -> list[tuple[str, str, int]]:
    """Each file's name, a hash over its rows, and how many calls it left to others."""
    assert [] == list(verify(dataset))
    return [
        (
            file.path.name,
            hashlib.sha256(repr(pq.read_table(file.path).to_pylist()).encode()).hexdigest(),
            file.footer.ledger.duplicates,
        )
        for file in summary.files
    ]


@pytest.mark.parametrize("seed", range(3))
def test_any_number_of_jobs(tmp_path: Path, seed: int) -> None:
    """Files that share calls, or are the same, come out alike with one job and with eight."""
    rng = random.Random(seed)
    starts = [rng.randrange(300) for _ in range(12)]
    parts = [range(start, start + rng.randrange(1, 60)) for start in starts]
    paths = written(tmp_path / "csv", *parts, *parts[:3], rng=None if seed else rng)

    found = []
    for jobs in (1, 3, 8):
        dataset = tmp_path / f"dataset-{jobs}"
        summary = ingest(paths, dataset, time_zone="UTC", account_id="1", jobs=jobs)
        found.append((content(dataset, summary), summary.known))

    assert found[0] == found[1] == found[2]
    assert sum(duplicates for _, _, duplicates in found[0][0]) > 0


@pytest.mark.parametrize("jobs", [1, 4])
def test_an_error_leaves_what_was_before_it(tmp_path: Path, jobs: int) -> None:
    """The files before one that is no report stay, and none behind it comes."""
    paths = written(tmp_path / "csv", *(range(n * 10, n * 10 + 10) for n in range(8)))
    paths[4].write_text("this is no report\n1,2,3\n")
    dataset = tmp_path / "dataset"

    with pytest.raises(errors.HeaderError, match=r"004\.csv"):
        ingest(paths, dataset, time_zone="UTC", jobs=jobs)

    assert 40 == sum(file.footer.ledger.rows for file in status(dataset).files)
    assert [] == list(verify(dataset))


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_file_that_is_gone(tmp_path: Path, jobs: int) -> None:
    """A file that cannot be opened is named, and those before it stay."""
    paths = written(tmp_path / "csv", *(range(n * 10, n * 10 + 10) for n in range(4)))
    paths[2].write_bytes(b"PK\x03\x04 no archive")
    dataset = tmp_path / "dataset"

    with pytest.raises(errors.DataError, match=r"002\.csv"):
        ingest(paths, dataset, time_zone="UTC", jobs=jobs)

    assert 20 == sum(file.footer.ledger.rows for file in status(dataset).files)


def test_an_observer_hears_sums(tmp_path: Path) -> None:
    """Bytes and rows are told of all files together, and never go back."""
    paths = written(tmp_path / "csv", *(range(n * 10, n * 10 + 10) for n in range(6)))
    told: list[tuple[int, int]] = []
    files: list[DataFile] = []

    class Hearing(Observer):
        def advanced(self, body_bytes: int, rows: int) -> None:
            told.append((body_bytes, rows))

        def committed(self, file: DataFile) -> None:
            files.append(file)

    ingest(paths, tmp_path / "dataset", time_zone="UTC", jobs=3, observer=Hearing())

    assert told == sorted(told)
    assert (sum(path.stat().st_size for path in paths), 60) == told[-1]
    assert 6 == len(files)


def test_an_observer_that_ends_it(tmp_path: Path) -> None:
    """What is raised while a file is read ends the work; no half file is left."""
    paths = written(tmp_path / "csv", *(range(n * 10, n * 10 + 10) for n in range(6)))
    dataset = tmp_path / "dataset"

    class Ending(Observer):
        def committed(self, file: DataFile) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(paths, dataset, time_zone="UTC", jobs=3, observer=Ending())

    assert 1 == len(status(dataset).files)
    assert [] == list(verify(dataset))
