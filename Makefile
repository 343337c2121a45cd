# Two commands do everything: `make demo` and `make test`. Each sets itself up from a bare clone.
# Needs: Linux (x86-64 or arm64) or macOS, Python 3.11 to 3.13 with venv, GNU make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
SAY = @printf '[%s] %s\n' "$$(date +%H:%M:%S)"
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check bench docs lock clean services services-stop services-status chaos

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 17

$(BIN)/uv:
	$(SAY) 'Creating the virtual environment $(VENV)'
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo 'Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo 'python3 -m venv failed: on Debian or Ubuntu run apt-get install python3-venv'; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/uv
	$(SAY) 'Installing the packages that the service runs on (PyTorch brings several GB; one minute on a fast line)'
	@$(UV) -r requirements.txt
	@$(UV) --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(SAY) 'Installing the packages that the tests need'
	@$(UV) -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.runtime  ## install what the service needs; afterwards .venv/bin/sentinel works
setup-dev: $(VENV)/.dev  ## install what the tests need too

demo: setup  ## sample month -> decisions -> model -> service on http://127.0.0.1:$(PORT)
	@$(BIN)/sentinel demo --port $(PORT)

test: setup-dev  ## run all tests
	$(SAY) 'Running the tests'
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q

chaos: setup-dev  ## the fault tests in full: 50 kills, 10 outages; about an hour
	$(SAY) 'Killing workers and servers'
	@SENTINEL_CHAOS=full $(BIN)/python -m pytest -q -s tests/services/test_faults_*.py

check: setup-dev  ## lint, format, types, import contracts, documentation, rules, samples
	$(SAY) 'ruff: lint and format'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	$(SAY) 'mypy: strict types'
	@$(BIN)/mypy
	$(SAY) 'import-linter: layers and fences'
	@$(BIN)/lint-imports --no-cache | sed -n '/^Contracts:/p;/BROKEN/,$$p'
	$(SAY) 'sentinel: rules, samples, scheme packs and generated documentation'
	@$(BIN)/sentinel rules check
	@$(BIN)/sentinel samples check
	@$(BIN)/sentinel scheme check drg/packs/chs_sample drg/packs/ms_fy2026
	@$(BIN)/sentinel scheme tables --check
	@$(BIN)/sentinel fields --check
	@$(BIN)/sentinel stream schemas --check
	@$(BIN)/python docs/check.py

docs: setup-dev  ## write the generated pages again
	@$(BIN)/sentinel fields
	@$(BIN)/sentinel stream schemas
	@$(BIN)/sentinel scheme tables

services: setup-dev  ## start Kafka, PostgreSQL and Neo4j on loopback; ONLY=kafka starts one
	@$(BIN)/python -m services start $(ONLY)
services-stop:  ## stop them
	@$(BIN)/python -m services stop $(ONLY)
services-status:  ## ask each for its version
	@$(BIN)/python -m services status $(ONLY)

lock:  ## pin all direct and indirect requirements again, from pyproject.toml
	@sh .ci/pin-requirements

clean:  ## remove the virtual environment and what runs wrote
	rm -rf $(VENV) demo-out out .sentinel .mypy_cache .ruff_cache .pytest_cache .hypothesis
