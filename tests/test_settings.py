from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from cdr_engine.errors import ConfigError, UsageError
from cdr_engine.settings import RateLimit, Secrets, Settings, load_settings, rate_limits

SOURCES = ("user", "folder", "environment", "flag")
"""From the weakest to the strongest."""


class Place:
    """A home and a working folder, each with a `cdr.toml` if one is written."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self.folder.mkdir()
        self.user_file = root / "config" / "cdr" / "cdr.toml"
        self.user_file.parent.mkdir(parents=True)
        self.folder_file = self.folder / "cdr.toml"
        self.environment = {"XDG_CONFIG_HOME": str(root / "config")}

    def load(self, **flags: Any) -> Settings:
        """Settings as a command that runs here sees them."""
        return load_settings(flags, environment=self.environment, folder=self.folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place without any settings."""
    return Place(tmp_path)


def test_defaults(place: Place) -> None:
    """Where nothing is said, defaults hold."""
    assert Settings() == place.load()
    assert (Path("cdr-dataset"), (), None, "auto") == (
        place.load().dataset_path,
        place.load().accounts,
        place.load().time_zone,
        place.load().window,
    )


@pytest.mark.parametrize(
    "given", [given for size in range(1, 5) for given in combinations(SOURCES, size)], ids="+".join
)
def test_precedence(place: Place, given: tuple[str, ...]) -> None:
    """Of all sources that name a value the strongest is heard."""
    flags = {"dataset": "/flag"} if "flag" in given else {"dataset": None}
    if "user" in given:
        place.user_file.write_text('dataset = "/user"\n')
    if "folder" in given:
        place.folder_file.write_text('dataset = "/folder"\n')
    if "environment" in given:
        place.environment["CDR_DATASET"] = "/environment"

    strongest = max(given, key=SOURCES.index)
    assert f"/{strongest}" == place.load(**flags).dataset


def test_each_value_by_itself(place: Place) -> None:
    """A stronger source replaces the values it names and no others."""
    place.user_file.write_text('window = "1d"\ntime_zone = "US/Arizona"\nuser_id = 7\n')
    place.folder_file.write_text('window = "2d"\naccounts = ["1", "2"]\n')
    place.environment["CDR_TIME_ZONE"] = "UTC"
    found = place.load(rate_limit="off")

    assert ("2d", "UTC", 7, ("1", "2"), "off") == (
        found.window,
        found.time_zone,
        found.user_id,
        found.accounts,
        found.rate_limit,
    )


@pytest.mark.parametrize("text", ["1,2", "1 2", " 1, 2 ", "1,,2"])
def test_accounts_in_the_environment(place: Place, text: str) -> None:
    """Several accounts are parted by commas or spaces; digits stay text."""
    place.environment["CDR_ACCOUNTS"] = text

    assert ("1", "2") == place.load().accounts


def test_empty_variable(place: Place) -> None:
    """An empty variable is one that is not set."""
    place.environment |= {"CDR_DATASET": "", "CDR_USER_ID": ""}

    assert Settings() == place.load()


def test_number_in_the_environment(place: Place) -> None:
    """Variables are text; numbers are read from it."""
    place.environment["CDR_USER_ID"] = "42"

    assert 42 == place.load().user_id


def test_home_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde in the dataset's path is the user's home."""
    monkeypatch.setenv("HOME", "/home/somebody")

    assert Path("/home/somebody/calls") == place.load(dataset="~/calls").dataset_path


def test_user_s_file_without_xdg(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else is said, the user's file is below ~/.config."""
    home = place.folder / "home"
    file = home / ".config" / "cdr" / "cdr.toml"
    file.parent.mkdir(parents=True)
    file.write_text('window = "3d"\n')
    monkeypatch.setenv("HOME", str(home))
    del place.environment["XDG_CONFIG_HOME"]

    assert "3d" == place.load().window


WRONG = [
    ("user_id", "x"),
    ("time_zone", "Nowhere/Town"),
    ("time_zone", "../../etc/passwd"),
    ("time_zone", "America"),
    ("rate_limit", "3 a minute"),
    ("window", "1 month"),
    ("deadline", "soon"),
    ("jobs", "0"),
    ("max_attempts", "0"),
    ("trust_environment", "perhaps"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
@pytest.mark.parametrize("source", SOURCES)
def test_errors_name_their_source(place: Place, source: str, name: str, value: str) -> None:
    """A value that does not fit is refused in one line that says where it stands and what it is."""
    flags = {}
    told = {
        "flag": f"the command line, --{name.replace('_', '-')}",
        "environment": f"the environment, CDR_{name.upper()}",
    }.get(source)
    if source == "flag":
        flags[name] = value
    elif source == "environment":
        place.environment[f"CDR_{name.upper()}"] = value
    else:
        file = place.user_file if source == "user" else place.folder_file
        file.write_text(f'{name} = "{value}"\n')
        told = str(file)
    with pytest.raises(UsageError if source == "flag" else ConfigError) as caught:
        place.load(**flags)

    message = str(caught.value)
    assert message.startswith(f"settings from {told}: ")
    assert name.replace("_", " ") in message.replace("_", " ")
    assert 1 == len(message.splitlines())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"window = \n", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"windows = 1\n", "unknown field `windows`"),
        (b"accounts = 7\n", "$.accounts"),
        (b"[export]\nwindow = '1d'\n", "unknown field `export`"),
    ],
    ids=["no TOML", "no UTF-8", "misspelt", "type", "table"],
)
def test_file_that_does_not_fit(place: Place, content: bytes, told: str) -> None:
    """A file that is no TOML, or says something unknown, is refused by its path."""
    place.folder_file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        place.load()

    assert str(place.folder_file) in str(caught.value)
    assert told in str(caught.value)


def test_secret_in_a_file(place: Place) -> None:
    """Secrets have no place in a file that may be shared, and the refusal does not repeat them."""
    place.folder_file.write_text('engage_token = "hush-hush"\n')
    with pytest.raises(ConfigError, match="unknown field `engage_token`") as caught:
        place.load()

    assert "hush" not in str(caught.value)


def test_secrets_from_the_environment() -> None:
    """Tokens come from the environment; an empty one is none."""
    found = Secrets.from_environment({"CDR_ENGAGE_TOKEN": "hush", "CDR_API_TOKEN": ""})

    assert ("hush", None) == (found.engage_token, found.api_token)


def test_secret_from_a_file_of_its_own(tmp_path: Path) -> None:
    """A variable that ends in _FILE names the file that holds the secret."""
    file = tmp_path / "jwt"
    file.write_text("hush\n")
    file.chmod(0o600)

    assert "hush" == Secrets.from_environment({"CDR_RC_JWT_FILE": str(file)}).rc_jwt


def test_secret_that_everybody_may_read(tmp_path: Path) -> None:
    """A secret's file that is open to everybody is refused, without its content."""
    file = tmp_path / "jwt"
    file.write_text("hush\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        Secrets.from_environment({"CDR_RC_JWT_FILE": str(file)})

    assert "hush" not in str(caught.value)


def test_secrets_are_never_shown() -> None:
    """Neither repr nor str nor a format shows a token; they tell which ones are there."""
    found = Secrets(engage_token="hush-1", api_token="hush-2")

    assert "Secrets(engage_token=…, api_token=…)" == repr(found)
    assert "Secrets(api_token=…)" == repr(Secrets(api_token="hush-2"))
    for shown in (repr(found), str(found), f"{found}", repr([found]), repr({"a": found})):
        assert "hush" not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("off", ()),
        (" off ", ()),
        ("3/60s", (RateLimit(3, 60),)),
        ("3/60s,9/15min", (RateLimit(3, 60), RateLimit(9, 900))),
        ("1/s, 100/h", (RateLimit(1, 1), RateLimit(100, 3600))),
    ],
)
def test_rate_limits(text: str, expected: tuple[RateLimit, ...]) -> None:
    """Calls in a time, several of them parted by commas, or off."""
    assert expected == rate_limits(text)


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "0/60s", "3/0s", "-1/s", "3/60", "3/1d", "off,3/s"]
)
def test_no_rate_limit(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ConfigError, match="write 3/60s,9/15min or off"):
        rate_limits(text)
