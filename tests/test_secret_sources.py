from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cdr_engine import secret_sources
from cdr_engine.errors import ConfigError
from cdr_engine.secret_sources import read_secret, secret_origin

if TYPE_CHECKING:
    from pathlib import Path

NAME = "CDR_RC_JWT"
PYTHON = f"{sys.executable} -c"


def refused(environment: dict[str, str]) -> str:
    """Read a secret that cannot be had; one line says why, and nothing of it is in the error."""
    with pytest.raises(ConfigError) as caught:
        read_secret(NAME, environment)
    assert "hush" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_none() -> None:
    """Where nothing is set, or empty text is, there is no secret and no origin."""
    for environment in ({}, {NAME: ""}, {f"{NAME}_FILE": ""}, {f"{NAME}_COMMAND": ""}):
        assert read_secret(NAME, environment) is None
        assert secret_origin(NAME, environment) is None


def test_variable() -> None:
    """A secret may stand in its variable."""
    assert "hush" == read_secret(NAME, {NAME: "hush"})
    assert NAME == secret_origin(NAME, {NAME: "hush"})


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_file(tmp_path: Path, mode: int) -> None:
    """A secret may stand in a file that is the user's or a group's own, without its line end."""
    file = tmp_path / "jwt"
    file.write_text("hush\n")
    file.chmod(mode)

    assert "hush" == read_secret(NAME, {f"{NAME}_FILE": str(file)})
    assert f"{NAME}_FILE" == secret_origin(NAME, {f"{NAME}_FILE": str(file)})


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_file_for_everybody(tmp_path: Path, mode: int) -> None:
    """A file that everybody can read is refused, with what to do."""
    file = tmp_path / "jwt"
    file.write_text("hush\n")
    file.chmod(mode)

    message = refused({f"{NAME}_FILE": str(file)})
    assert f"{NAME}_FILE: {file} can be read by everybody: chmod 600 it" == message


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), (b"\n", "is empty"), (b"hush\xff", "not text")]
)
def test_file_without_a_secret(tmp_path: Path, content: bytes | None, told: str) -> None:
    """A file that is missing, empty or no text is refused by its variable and path."""
    file = tmp_path / "jwt"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)

    message = refused({f"{NAME}_FILE": str(file)})
    assert message.startswith(f"{NAME}_FILE: {file} ")
    assert told in message


def test_command() -> None:
    """A secret may be the output of a command, whose words may be quoted."""
    command = f"{PYTHON} \"print('hush', end='\\n\\n')\""

    assert "hush" == read_secret(NAME, {f"{NAME}_COMMAND": command})


def test_command_knows_no_shell(tmp_path: Path) -> None:
    """A command is no shell script: nothing in it is expanded, piped or run besides."""
    told = tmp_path / "told"
    command = f"echo $HOME; touch {told}"

    assert f"$HOME; touch {told}" == read_secret(NAME, {f"{NAME}_COMMAND": command})
    assert not told.exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (f"{PYTHON} \"import sys; print('hush'); sys.exit('hush')\"", "ended with 1: run it by"),
        (f"{PYTHON} pass", "is empty"),
        (f"{PYTHON} \"import sys; sys.stdout.buffer.write(b'hush\\xff')\"", "is not text"),
        ("/nowhere/pass show hush", "/nowhere/pass cannot be run: No such file"),
        ("/ hush", "cannot be run: Permission denied"),
        ('pass "hush', "a quote in it is not closed"),
        (" ", "is blank"),
    ],
)
def test_command_that_gives_no_secret(
    command: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A command that fails is named with its variable; nothing that it wrote is shown."""
    message = refused({f"{NAME}_COMMAND": command})

    assert message.startswith(f"{NAME}_COMMAND")
    assert told in message
    assert ("", "") == capfd.readouterr()


def test_command_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that asks somebody gets no answer, and one that takes too long is ended."""
    monkeypatch.setattr(secret_sources, "COMMAND_TIMEOUT_S", 0.3)

    assert "is empty" in refused({f"{NAME}_COMMAND": "cat"})
    assert "sleep took longer than 0.3 s" in refused({f"{NAME}_COMMAND": "sleep 60"})


def test_origin_runs_nothing(tmp_path: Path) -> None:
    """To tell where a secret comes from, no command is run and no file is read."""
    told = tmp_path / "told"

    assert f"{NAME}_COMMAND" == secret_origin(NAME, {f"{NAME}_COMMAND": f"touch {told}"})
    assert f"{NAME}_FILE" == secret_origin(NAME, {f"{NAME}_FILE": "/nowhere"})
    assert not told.exists()


def test_given_twice() -> None:
    """A secret that two variables give is refused: which one counts would be a guess."""
    assert f"{NAME} and {NAME}_FILE are both set: keep one" == refused(
        {NAME: "hush", f"{NAME}_FILE": "/hush"}
    )
