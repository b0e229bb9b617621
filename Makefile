# Roadmask. `make help` lists what there is; `make demo` and `make test` do all their set-up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
UV_VERSION := 0.13.9

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(READY) ## Install everything, pinned, into .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Roadmask needs Python 3.11 or newer; name one with: make PYTHON=python3.12 setup"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: demo
demo: setup ## Render street scenes, segment them as one job, show masks and scores
	@$(BIN)/roadmask demo

.PHONY: up
up: setup ## Run the whole service on this machine (Ctrl-C stops it)
	@$(BIN)/roadmask up

.PHONY: test
test: lint types browser ## Check everything: lint, types, import directions, all tests
	@$(BIN)/python -m pytest

.PHONY: browser
browser: ## Install Chromium where there is none: the page is tested in it
	@command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	       apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
	  || { echo "The tests of the page need Chromium; on Debian: sudo apt-get install chromium"; exit 1; }

.PHONY: lint
lint: setup ## Check style and the directions of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --config pyproject.toml | tail -n 1

.PHONY: types
types: setup ## Check types, strictly
	@$(BIN)/mypy

.PHONY: fmt
fmt: setup ## Put the code in its standard form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: docs
docs: setup ## Build the documentation as a site, into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Open it with: $(BIN)/mkdocs serve --strict"

.PHONY: bench
bench: setup ## Measure what the service adds to its own engine; more in benchmarks/
	@$(BIN)/python -m benchmarks.service

.PHONY: bench-all
bench-all: setup ## Measure everything and write docs/performance.md; goes on where it was stopped
	@$(BIN)/python -m benchmarks.all

.PHONY: bench-data
bench-data: setup ## Measure whether the data keep up with the training that they feed
	@$(BIN)/python -m benchmarks.data

.PHONY: acceptance
acceptance: setup ## Run the service on real annotated images, with faults: make acceptance DATA=folder
	@$(BIN)/python -m pytest tests/acceptance --data $(DATA) -s

.PHONY: lock
lock: setup ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock

.PHONY: clean
clean: ## Remove what was installed and made here
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
