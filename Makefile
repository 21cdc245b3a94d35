# Everything a person can ask of this checkout. Options go in ARGS="…".
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test live chaos check bench lock clean

help:  ## what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## .venv from the lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tocsin needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Say make PYTHON=/path/to/python3.11 …")'
	@echo "setting up $(VENV) from requirements.lock (a minute or two, once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . >&2
	@touch $@

demo: setup  ## a simulated county, a fire, and the telephone that rings (try ARGS="--headless --until closed --json")
	@$(BIN)/tocsin demo $(ARGS)

test: setup  ## the tests (no Docker, no system packages)
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# what is to be run (-m): `live` alone is what `make test` leaves out
WHICH ?= server or live
live: setup  ## the contract suites and the whole path on real Kafka, Mosquitto, PostgreSQL and InfluxDB (installs them)
	@tests/live/install
	@EVERY_SERVER=1 $(BIN)/python -m pytest -m "$(WHICH)" $(ARGS)

chaos: setup  ## break every part under load and judge what became of it (ARGS="--fault worker-kill --rounds 20 --json")
	@tests/live/install
	@$(BIN)/python -m tests.chaos $(ARGS)

check: setup  ## lint, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

$(VENV)/bench/.installed: $(STAMP) requirements-bench.lock
	@echo "setting up $(VENV)/bench, the peers to measure against" >&2
	@$(BIN)/python -m venv $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock >&2
	@touch $@

bench: $(VENV)/bench/.installed  ## figures and ratios (ARGS="--json FILE")
	@$(BIN)/python -m tests.live.bench $(ARGS)

lock:  ## work the lock files out anew (needs uv)
	uv pip compile pyproject.toml --extra embedded --extra postgres --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	uv pip compile --group bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements-bench.lock

clean:  ## forget the environment and what was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
