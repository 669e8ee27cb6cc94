"""`cdr config`, and what commands say of settings that do not fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRETS = {
    "CDR_RC_CLIENT_ID": "hush-id",
    "CDR_RC_CLIENT_SECRET": "hush-secret",
    "CDR_RC_JWT_COMMAND": "touch told",
    "CDR_API_TOKEN_FILE": "/nowhere/token",
}


class Place:
    """A home and a working folder to run commands in."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self.folder.mkdir()
        self.folder_file = self.folder / "cdr.toml"
        self.user_file = root / "home" / "cdr" / "cdr.toml"
        self.user_file.parent.mkdir(parents=True)

    def run(
        self, *arguments: str, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; no secret is ever in what it says."""
        inherited = {name: text for name, text in os.environ.items() if name[:4] != "CDR_"}
        done = subprocess.run(
            [sys.executable, "-m", "cdr_engine", *arguments],
            cwd=self.folder,
            env=inherited | {"XDG_CONFIG_HOME": str(self.user_file.parents[1])} | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code == done.returncode, done.stderr
        assert "hush" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def shown(self, *arguments: str, **variables: str) -> dict[str, dict[str, Any]]:
        """Settings by name, as `cdr config show --json` tells them."""
        told = json.loads(self.run("config", "show", "--json", *arguments, **variables).stdout)
        return {one.pop("name"): one for one in told["settings"]}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place without any settings."""
    return Place(tmp_path)


def test_value_and_origin(place: Place) -> None:
    """Each setting is shown with the flag, variable or file that decides it, or as a default."""
    place.user_file.write_text('window = "1d"\ntime_zone = "US/Arizona"\n')
    place.folder_file.write_text('window = "2d"\nmax_attempts = 3\n')
    shown = place.shown("--deadline", "30min", "--account", "1", CDR_JOBS="2", CDR_MAX_ATTEMPTS="")

    def setting(value: object, kind: str, where: str | None) -> dict[str, object]:
        return {"value": value, "kind": kind, "place": where}

    assert setting("US/Arizona", "file", str(place.user_file)) == shown["time_zone"]
    assert setting("2d", "file", str(place.folder_file)) == shown["window"]
    assert setting(3, "file", str(place.folder_file)) == shown["max_attempts"]
    assert setting(2, "variable", "CDR_JOBS") == shown["jobs"]
    assert setting("30min", "flag", "--deadline") == shown["deadline"]
    assert setting(["1"], "flag", "--account") == shown["accounts"]
    assert setting("./cdr-dataset", "default", None) == shown["dataset"]


def test_secrets_are_masked_and_not_fetched(place: Place) -> None:
    """Of a secret only its variable is shown; no file is read and no command run for that."""
    shown = place.shown(**SECRETS)
    table = place.run("config", "show", "--origin", **SECRETS).stdout

    for name in SECRETS:
        secret = name.removeprefix("CDR_").removesuffix("_FILE").removesuffix("_COMMAND").lower()
        assert {"value": "***", "kind": "variable", "place": name} == shown[secret]
        assert name in table
    assert {"value": None, "kind": "default", "place": None} == shown["engage_token"]
    assert not (place.folder / "told").exists()


def test_table(place: Place) -> None:
    """The table has a line for every setting, and origins only if they are asked for."""
    bare, full = (place.run("config", "show", *flag).stdout for flag in ((), ("--origin",)))
    names = [line.split()[0] for line in bare.splitlines()]

    assert [line.split()[0] for line in full.splitlines()] == names
    assert ["name", *place.shown()] == names
    assert "default" not in bare
    assert "default" in full


def test_paths(place: Place) -> None:
    """Both places of settings files are told, and which of them exist."""
    place.folder_file.touch()
    expected = [str(place.user_file), str(place.folder_file)]

    assert expected == place.run("config", "path").stdout.splitlines()
    told = json.loads(place.run("config", "path", "--json").stdout)
    assert [(expected[0], False), (expected[1], True)] == [tuple(one.values()) for one in told]


WRONG = {
    "time-zone": "Nowhere/Town",
    "rate-limit": "3 a minute",
    "window": "1 month",
    "deadline": "soon",
    "jobs": "0",
}


@pytest.mark.parametrize(("flag", "value"), WRONG.items())
def test_flag_that_does_not_fit(place: Place, flag: str, value: str) -> None:
    """A flag that does not fit is wrong use, said with its name."""
    done = place.run("config", "show", f"--{flag}", value, code=2)

    assert f"--{flag}: " in done.stderr
    assert ("", 1) == (done.stdout, done.stderr.count("\n"))


@pytest.mark.parametrize("name", ["jobs", "window"])
def test_setting_that_does_not_fit(place: Place, name: str) -> None:
    """A variable or a file that does not fit is a matter of settings, said with its place."""
    variable = f"CDR_{name.upper()}"
    assert f"the environment, {variable}: " in place.run("status", code=3, **{variable: "0"}).stderr

    place.folder_file.write_text(f'{name} = "0"\n')
    assert "settings from cdr.toml: " in place.run("status", code=3).stderr


def test_password_store_that_fails(place: Place) -> None:
    """A command that gives no token is a matter of settings, and its output is not shown."""
    variables = {"CDR_ENGAGE_TOKEN_COMMAND": f"{sys.executable} -c \"raise SystemExit('hush')\""}
    done = place.run("accounts", code=3, **variables)

    assert "CDR_ENGAGE_TOKEN_COMMAND: " in done.stderr


def test_no_token(place: Place) -> None:
    """Without any token the variables that could hold one are named."""
    told = place.run("accounts", code=3).stderr

    assert "CDR_ENGAGE_TOKEN" in told
    assert "CDR_RC_JWT" in told
