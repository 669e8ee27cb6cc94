# Everything runs in ./.venv, made from pyproject.toml and pinned by constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-deps lint types imports tests clean

help:           ## these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

demo: .venv/runtime    ## export a month from the simulator and answer three questions
	$(BIN)/cdr demo

test: lint types imports tests    ## every check: formatter, linter, types, imports, tests

lint: .venv/dev        ## formatter and linter
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: .venv/dev       ## mypy, strict
	$(BIN)/mypy

imports: .venv/dev     ## who may import whom
	$(BIN)/lint-imports --no-logo

tests: .venv/dev       ## the tests
	$(BIN)/pytest -n 2 -p no:benchmark

test-deps:      ## system packages that tests use; none so far
	@echo "no system packages are needed"

clean:          ## what the other targets made
	rm -rf .venv demo

.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/dev: .venv/runtime
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@
