from __future__ import annotations

import re

import pytest

from cdr_engine import errors
from cdr_engine.errors import CdrError

LINE = re.compile(r"([│├└─ ]*)(\w+)(?: +exit (\d))?(?:  +(.+))?")
"""One error of the drawing: its branch, its name, its exit code where it has its own."""


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Name to (name of its parent, its own exit code), as the docstring draws them."""
    (tree,) = re.findall(r"```\n(.*?)```", errors.__doc__ or "", re.DOTALL)
    found: dict[str, tuple[str | None, int | None]] = {}
    above: list[str] = []
    for line in tree.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        depth = len(match[1]) // 4
        above[depth:] = [match[2]]
        found[match[2]] = (above[depth - 1] if depth else None, match[3] and int(match[3]))
    return found


def subclasses(kind: type[CdrError]) -> list[type[CdrError]]:
    """The class and all that derive from it in the engine, each once."""
    below = [found for child in kind.__subclasses__() for found in subclasses(child)]
    return [kind, *dict.fromkeys(below)]


def every_error() -> list[type[CdrError]]:
    """Errors of the engine, whatever tests have added to the family."""
    return [kind for kind in subclasses(CdrError) if kind.__module__.startswith("cdr_engine")]


def test_drawing_of_the_tree() -> None:
    """Every error stands in the drawing under its parent, and nothing else does."""
    expected = {
        kind.__name__: next(base.__name__ for base in kind.__bases__ if base is not ValueError)
        for kind in every_error()
        if kind is not CdrError
    }

    assert {"CdrError": None, **expected} == {name: parent for name, (parent, _) in drawn().items()}


def test_exit_codes() -> None:
    """An error's exit code is the one drawn beside it, or else its parent's."""
    tree = drawn()

    def code_of(name: str) -> int:
        parent, own = tree[name]
        return own if own is not None else code_of(parent or "CdrError")

    codes = {kind.__name__: kind.exit_code for kind in every_error()}
    assert {name: code_of(name) for name in tree} == codes
    assert {1, 2, 3, 4, 5, 6, 7} == set(codes.values())


def test_data_and_usage_errors_are_value_errors() -> None:
    """Those the drawing calls a ValueError can be caught as one, and no others."""
    found = {kind.__name__ for kind in every_error() if issubclass(kind, ValueError)}

    assert {"UsageError", "RequestError", "DataError", "HeaderError", "SchemaError"} == found


def test_exported_names() -> None:
    """The module exports every error, sorted, and nothing else."""
    assert sorted(kind.__name__ for kind in every_error()) == errors.__all__


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_documented(kind: type[CdrError]) -> None:
    """Every error says in one sentence when it is raised."""
    assert (kind.__doc__ or "").strip().partition("\n")[0].endswith(".")


def test_refusal_carries_its_status() -> None:
    """A refused request tells the status and how long to wait."""
    error = errors.ServiceRefused("the service answered 429", status=429, retry_after_s=1.5)

    assert ("the service answered 429", 429, 1.5) == (
        str(error),
        error.status,
        error.retry_after_s,
    )
