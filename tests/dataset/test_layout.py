from __future__ import annotations

from pathlib import Path

import pytest
from dataset_given import call, committed, day, names_in

from cdr_engine.dataset import Layout, coverage
from cdr_engine.errors import UsageError

WINDOW = "20241101T000000Z--20241102T000000Z"


def test_names() -> None:
    """A data file and its rejects have one name, below folders that say whose calls they are."""
    layout = Layout(Path("dataset"))
    place = layout.place("13670001", day(0).name)

    assert Path(f"dataset/calls/account_id=13670001/{WINDOW}.parquet") == place.calls
    assert Path(f"dataset/rejects/account_id=13670001/{WINDOW}.parquet") == place.rejects


def test_nobody_s_calls() -> None:
    """An account that nobody knows is the folder that Hive readers take for NULL."""
    place = Layout(Path("dataset")).place(None, "ab")

    assert "account_id=__HIVE_DEFAULT_PARTITION__" == place.calls.parent.name


@pytest.mark.parametrize("account_id", ["1", "13670001", "main-line_2", "x" * 63])
def test_account_that_can_be_a_folder(account_id: str) -> None:
    """Digits, letters, dashes and underscores, at most 63."""
    place = Layout(Path("dataset")).place(account_id, "ab")

    assert f"account_id={account_id}" == place.calls.parent.name


@pytest.mark.parametrize(
    "account_id",
    [
        *(
            "",
            ".",
            "..",
            "../1",
            "a/b",
            "a\\b",
            "/etc",
            "a\0b",
            "a b",
            "a\n",
            "\na",
            "-rf",
            "_",
            "~",
        ),
        *("a=b", "%2e%2e", "*", "?", "[1]", "{1}", "$HOME", "`id`", "'1'", '"1"', "1;2", "a.b"),
        *("\u0661\u0662", "\u00e9", "\u202e1", "\uff11", "__HIVE_DEFAULT_PARTITION__", "x" * 64),
    ],
)
def test_hostile_account(account_id: str) -> None:
    """What could leave the folder, or be read otherwise, is refused without repeating it."""
    with pytest.raises(UsageError) as caught:
        Layout(Path("dataset")).place(account_id, "ab")

    assert "an account id is digits or letters, at most 63 of them" == str(caught.value)


def test_what_is_data(tmp_path: Path) -> None:
    """Data files are those with the suffix in an account's folder; nothing else is looked at."""
    layout = Layout(tmp_path)
    here = committed(layout, [call(1)], day(0)).path
    folder = here.parent
    for stray in (".1-ab.partial", "x.parquet.partial", "x.parquet.tmp", "notes.txt"):
        (folder / stray).write_bytes(b"PAR1")
    (tmp_path / "calls" / "x.parquet").write_bytes(b"PAR1")

    assert [here] == layout.data_files()
    assert [here] == [file.path for file in coverage(layout).files]


def test_leftovers(tmp_path: Path) -> None:
    """Temporary names of both folders and rejects without a data file are left over; data never."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], day(0))
    partial = [tmp_path / kind / "account_id=1" / ".7-ab.partial" for kind in ("calls", "rejects")]
    orphan = layout.place("1", day(3).name).rejects
    for path in (*partial, orphan):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1")

    assert {*partial, orphan} == set(layout.leftovers())
    assert 4 == len(names_in(layout))
