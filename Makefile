# Everything runs in ./.venv, made from pyproject.toml and pinned by constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-deps lint types imports tests bench bench-stages bench-scale bench-http fuzz faults crash year campaigns docs clean

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
	$(BIN)/pytest -n 2 --benchmark-disable

docs: .venv/dev        ## write the pages that repeat what the code says
	$(BIN)/python docs/generate.py

ROWS ?= 2000000
ROUNDS ?= 5
bench: .venv/bench     ## loading speed beside DuckDB, Polars, DataFusion, chDB and pyarrow, into docs/
	$(BIN)/python benchmarks/load_speed.py --rows $(ROWS) --rounds $(ROUNDS) --docs

bench-stages: .venv/dev    ## each stage by itself on the same few megabytes
	$(BIN)/pytest tests/benchmarks --benchmark-columns=median,min,max,ops --benchmark-sort=fullname

bench-scale: .venv/dev     ## time per row at ten times the rows, peak memory up to 10 GB, into docs/
	$(BIN)/python benchmarks/scale.py linear --rounds $(ROUNDS) --docs
	$(BIN)/python benchmarks/scale.py memory --docs

bench-http: .venv/dev      ## the same report over HTTP and from disk, into docs/
	$(BIN)/python benchmarks/over_http.py --rounds $(ROUNDS) --docs

SECONDS ?= 60
SEED ?= 1
fuzz: .venv/dev        ## make fuzz SECONDS=3600 SEED=7
	$(BIN)/python tests/campaigns/fuzz.py $(SECONDS) $(SEED)

COUNT ?= 1000
faults: .venv/dev      ## exports through every fault: make faults COUNT=1200 SEED=7
	$(BIN)/python tests/campaigns/faults.py $(COUNT) $(SEED)

crash: .venv/dev       ## exports that are killed or whose disk fails: make crash COUNT=1000 SEED=7
	$(BIN)/python tests/campaigns/crash.py $(COUNT) $(SEED)

year: .venv/dev        ## a year in any windows and jobs, with and without faults: make year COUNT=120 SEED=7
	$(BIN)/python tests/campaigns/year.py $(COUNT) $(SEED)

campaigns: .venv/dev   ## the slow slices: pollution, a million rows against three readers, hostile input
	$(BIN)/python tests/pollution/campaign.py $(SEED)
	$(BIN)/python tests/campaigns/differential.py 1000000 $(SEED)
	$(BIN)/python tests/campaigns/hostile.py 1000

test-deps:      ## system packages that tests use: strace, which kills at system calls
	@command -v strace >/dev/null || { apt-get update && apt-get install -y strace; }

clean:          ## what the other targets made
	rm -rf .venv demo

.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/dev: .venv/runtime
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

.venv/bench: .venv/runtime
	$(BIN)/pip install --quiet --editable '.[bench]'
	@touch $@
