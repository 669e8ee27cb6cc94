"""
Where a secret comes from: a variable, a file that a variable names, or a command's output.

Never a flag, which other users of the machine can see, and never `cdr.toml`, which is shared. As
the secrets of containers are mounted for a group, a file may be readable by its group, but not by
everybody.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cdr_engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_secret", "secret_origin"]

MAX_SECRET_BYTES = 1 << 16
COMMAND_TIMEOUT_S = 30.0
"""Of a password store that is asked; nobody is there to be asked in turn."""

FORMS = ("", "_FILE", "_COMMAND")
"""What may follow the name of a secret's variable."""


def read_secret(variable: str, environment: Mapping[str, str]) -> str | None:
    """
    Read a secret, such as that of CDR_RC_JWT; None where none of its variables is set.

    Raises
    ------
    ConfigError
        If a file cannot be read or can be read by everybody, a command fails, or the secret is
        given twice.
    """
    name = secret_origin(variable, environment)
    if name is None:
        return None
    value = environment[name]
    if name.endswith("_FILE"):
        return _from_file(Path(value).expanduser(), name)
    return _from_command(value, name) if name.endswith("_COMMAND") else value


def secret_origin(variable: str, environment: Mapping[str, str]) -> str | None:
    """
    Name the variable that a secret comes from, without reading it; None where none is set.

    Raises
    ------
    ConfigError
        If it is given twice.
    """
    given = [name for name in (variable + form for form in FORMS) if environment.get(name)]
    if len(given) > 1:
        raise ConfigError(f"{given[0]} and {given[1]} are both set: keep one")
    return given[0] if given else None


def _from_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(MAX_SECRET_BYTES)
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}") from None
    if mode & stat.S_IROTH:
        raise ConfigError(f"{name}: {path} can be read by everybody: chmod 600 it")
    return _text(content, name, str(path))


def _from_command(command: str, name: str) -> str:
    """Run a command without a shell; neither its output nor its errors are ever shown."""
    advice = "run it by hand to see why"
    try:
        words = shlex.split(command)
    except ValueError:
        raise ConfigError(f"{name}: a quote in it is not closed") from None
    if not words:
        raise ConfigError(f"{name} is blank")
    program = words[0]
    try:
        # what to run is the user's own setting
        done = subprocess.run(  # noqa: S603
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"{name}: {program} took longer than {COMMAND_TIMEOUT_S:g} s: {advice}"
    except OSError as error:
        text = f"{name}: {program} cannot be run: {error.strerror}"
    else:
        if done.returncode == 0:
            return _text(done.stdout[:MAX_SECRET_BYTES], name, f"the output of {program}")
        text = f"{name}: {program} ended with {done.returncode}: {advice}"
    raise ConfigError(text)


def _text(content: bytes, name: str, where: str) -> str:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: {where} is not text") from None
    if not text:
        raise ConfigError(f"{name}: {where} is empty")
    return text
