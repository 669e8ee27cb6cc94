"""`python -m cdr_engine` is `cdr`."""

from __future__ import annotations

from cdr_engine.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
