"""
Write the pages that repeat what the code says: columns, commands, definitions and views.

    python docs/generate.py            writes them
    python docs/generate.py --check    exits 1 if one is not what would be written
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cyclopts import App

from cdr_engine import definitions as defining
from cdr_engine.cli import app
from cdr_engine.columns import calls_schema
from cdr_engine.schema import ALIASES, COLUMNS
from cdr_engine.views import catalogue

HERE = Path(__file__).parent


def table(*rows: tuple[str, ...]) -> str:
    """Rows as a Markdown table, the first one its head."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    lines.insert(1, " | ".join("---" for _ in rows[0]))
    return "".join(f"| {line} |\n" for line in lines)


def columns() -> str:
    """The calls table, from `cdr_engine/schema.py`."""
    schema = calls_schema()
    rows = [(c.name, str(schema.field(c.name).type), c.meaning) for c in COLUMNS]
    aliases = ", ".join(f"`{wrong}` for `{right}`" for wrong, right in ALIASES.items())
    return (
        "# The calls table\n\n"
        "One row per call and report. Parquet files hold these columns; `account_id` (text) comes "
        "from the folder's name.\n\n"
        f"{table(('column', 'Arrow type', 'meaning'), *rows)}\n"
        f"A header may also say {aliases}. Columns it adds to these are kept as text.\n"
    )


def functions(within: App, prefix: str) -> Iterator[tuple[str, Callable[..., object]]]:
    """Every command with its function, by name, and those below it."""
    for name in sorted(name for name in within if not name.startswith("-")):
        function = within[name].default_command
        if function is not None:
            yield f"{prefix} {name}", function
        yield from functions(within[name], f"{prefix} {name}")


def commands() -> str:
    """What each command does, from its function."""
    sections = []
    for name, function in functions(app, "cdr"):
        text = inspect.cleandoc(function.__doc__ or "").partition("\n\nParameters\n")[0]
        sections.append(f"## {name}\n\n{text}\n")
    return "# Commands\n\n`cdr COMMAND --help` lists the flags.\n\n" + "\n".join(sections)


def told(struct: type) -> dict[str, str]:
    """The fields of a struct with the text below each, which Python itself forgets."""
    (defined,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(defined, ast.ClassDef)
    body = defined.body
    return {
        field.target.id: " ".join(note.value.value.split())
        for field, note in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(note, ast.Expr)
    }


def definitions() -> str:
    """What the views count by, from `cdr_engine/definitions.py`."""
    defaults = defining.Definitions()
    rows = [
        (name, str(getattr(defaults, name)), text) for name, text in told(type(defaults)).items()
    ]
    per_profile = ", ".join(f"`{name}`" for name in defining.ProfileDefinitions.__struct_fields__)
    words = [
        (word, meaning.outcome, "yes" if meaning.is_line_reached else "")
        for word, meaning in defining.WORDS.items()
    ]
    example = inspect.cleandoc(defining.__doc__ or "").partition("\n\n")[2]
    return (
        "# Definitions\n\nWhat the views count by.\n\n"
        f"{example}\n\n{table(('name', 'default', 'meaning'), *rows)}\n"
        f"Single profiles may have {per_profile} of their own.\n\n"
        "## Service level\n\nFive formulas are published (Call Centre Helper, ICMI; Cisco offers "
        "three of them). X is `service_level_s`; `service_level` has them all.\n\n"
        f"{table(('name', 'formula'), *defining.FORMULAS.items())}\n"
        "## Words\n\nWhat `call_result` and the attempts' dispositions mean. The vendor has no "
        "list: words that are not here count as other, and in `data_quality`.\n\n"
        f"{table(('word', 'outcome', 'line reached'), *words)}"
    )


def views() -> str:
    """The catalogue, from the first lines of each `.sql` file."""
    sections = [
        f"## {view.name}\n\n"
        + "".join(
            f"- {note}: {getattr(view, note)}\n"
            for note in ("grain", "formula", "source", "caveat")
        )
        for view in catalogue()
        if view.is_public
    ]
    return "# Views\n\n" + "\n".join(sections)


PAGES = {
    "columns.md": columns,
    "commands.md": commands,
    "definitions.md": definitions,
    "views.md": views,
}


def main() -> int:
    """Write or check every page."""
    stale = []
    for name, page in PAGES.items():
        path, text = HERE / name, page()
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
