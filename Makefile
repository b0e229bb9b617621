# Roadmask. `make help` lists the targets. Each target installs what it needs.
SHELL := /bin/bash
# TensorFlow takes 5 s to import, and 14 s where Python may not keep what it has compiled.
unexport PYTHONDONTWRITEBYTECODE
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# The Pythons that `make pythons` tries, as far as they are on this machine.
PYTHONS ?= python3.11 python3.12 python3.13
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHECKED := -m "not slow" tests/architecture tests/roadmask tests/storage
# Node checks the page's code. It is installed as a wheel, so a machine needs Python only.
NODE_READY := node_modules/.ready
COMPILED := $(VENV)/.compiled
# Two processes of tests more than there are cores, four at most, because many tests wait for a
# server, and each process imports everything; PARALLEL= runs them in one.
PROCESSES = $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() + 2))')
PARALLEL ?= --numprocesses $(PROCESSES)
# The object store and the length of the runs of faults.
STORE ?= local
HOURS ?= 1
# 1 lets `make containers` fail where there is no container engine.
REQUIRE_CONTAINERS ?= 0
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(READY) ## Install everything, pinned, into .venv

$(READY): requirements.lock deploy/uv.lock pyproject.toml server/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Roadmask needs Python 3.11 or newer; name one with: make PYTHON=python3.12 setup"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement deploy/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
	  --editable . --editable ./server
	@rm -rf *.egg-info  # left by the build, and found before the installed metadata
	@touch $@

CLIENTS := tests/api/generated_clients
$(NODE_READY): package.json package-lock.json $(CLIENTS)/package-lock.json deploy/node.lock | $(READY)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r deploy/node.lock
	@$(NPM) ci --silent --ignore-scripts
	@$(NPM) ci --silent --ignore-scripts --prefix $(CLIENTS)
	@touch $@

.PHONY: demo
demo: setup ## Render street scenes, segment them as one job, print masks and scores
	@$(BIN)/roadmask demo

.PHONY: up
up: setup ## Run the whole service on this machine (Ctrl-C stops it)
	@$(BIN)/roadmask up

.PHONY: static
static: setup $(NODE_READY)
	@$(MAKE) --no-print-directory --jobs=3 lint types $(COMPILED)

# In a new environment nothing is compiled, and each process of tests would compile what it imports.
# What cannot be imported is told by the tests themselves.
$(COMPILED): $(READY)
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null || true
	@touch $@

.PHONY: check
check: setup $(NODE_READY) ## Run the checks for every save: lint, types, fast unit tests
	@$(MAKE) --no-print-directory --jobs=3 lint types checked

.PHONY: checked
checked: setup
	@$(BIN)/python -m pytest --quiet $(PARALLEL) $(CHECKED)

.PHONY: pythons
pythons: ## Install everything with each Python that is here, and run the tests of `make check` in it
	@for python in $(PYTHONS); do \
	  $$python -c "" 2>/dev/null || { echo "$$python is not on this machine"; continue; }; \
	  $(MAKE) --no-print-directory PYTHON=$$python VENV=build/pythons/$$python setup; \
	  echo "$$($$python --version):"; \
	  build/pythons/$$python/bin/python -m pytest --quiet $(PARALLEL) $(CHECKED); done

.PHONY: test
test: static browser promtool proxies torch minio ## Run all checks: lint, types, import directions, all tests
	@$(BIN)/python -m pytest $(PARALLEL) || { test $$? -eq 1 && $(MAKE) --no-print-directory again; }

.PHONY: again
again: setup ## Run the tests that failed once more, one after the other
	@echo "Failed among the others; once more, each alone:"
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

.PHONY: browser
browser: ## Install Chromium and Firefox if they are missing; the tests of the page use them
	@{ command -v chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable && command -v firefox-esr firefox; } \
	  >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	       --no-install-recommends chromium-headless-shell firefox-esr fonts-dejavu-core >/dev/null; } \
	  || { echo "The tests of the page need two browsers; on Debian: sudo apt-get install chromium-headless-shell firefox-esr"; exit 1; }

.PHONY: promtool
promtool: ## Install promtool (Debian's package prometheus) if it is missing; the test of the alerts uses it
	@command -v promtool >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	       apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } \
	  || { echo "The test of the alerts needs promtool; on Debian: sudo apt-get install prometheus"; exit 1; }

.PHONY: proxies
proxies: ## Install nginx, Caddy and HAProxy if they are missing; the tests put the service behind them
	@for name in nginx caddy haproxy; do PATH="$$PATH:/usr/sbin" command -v $$name >/dev/null || missing=1; done; \
	  test -z "$${missing:-}" \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	       apt-get install -y -qq --no-install-recommends nginx-light caddy haproxy >/dev/null; } \
	  || { echo "The tests need three proxies; on Debian: sudo apt-get install nginx-light caddy haproxy"; exit 1; }

.PHONY: torch
torch: ## Install Debian's PyTorch; the test of the lines that read a mask with it uses it
	@/usr/bin/python3 -c 'import PIL, torch' 2>/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get \
	       install -y -qq --no-install-recommends python3-torch python3-pil >/dev/null; } \
	  || { echo "On Debian: sudo apt-get install python3-torch python3-pil"; exit 1; }

# A build takes minutes, and the tests would count them as their own time.
.PHONY: minio
minio: setup ## Build the MinIO server if Go is here and the server is not; the tests of the store use it
	@! { command -v minio || command -v go; } >/dev/null || $(BIN)/python -m tests.servers.minio >/dev/null

.PHONY: lint
lint: setup $(NODE_READY) ## Check style, directions of imports, and the page's code with its types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --config pyproject.toml | tail -n 1
	@$(NPM) run --silent lint

.PHONY: types
types: setup ## Check types in strict mode
	@$(BIN)/mypy

.PHONY: fmt
fmt: setup $(NODE_READY) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(NPM) run --silent format

.PHONY: docs
docs: setup ## Build the documentation as a site, into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Open it with: $(BIN)/mkdocs serve --strict"

.PHONY: bench
bench: setup ## Compare the service with its own engine; benchmarks/ has more
	@$(BIN)/python -m benchmarks.service

.PHONY: bench-all
bench-all: setup ## Measure everything and write docs/performance.md; resumes after an interruption
	@$(BIN)/python -m benchmarks.all

.PHONY: gpu-check
gpu-check: setup ## Check masks and speed on a graphics processor; writes docs/performance/gpu.md
	@$(BIN)/python -m benchmarks.gpu

.PHONY: bench-data
bench-data: setup ## Compare the speed of the training data with that of the training step
	@$(BIN)/python -m benchmarks.data

.PHONY: acceptance
acceptance: setup ## Run the service on real annotated images, with faults: make acceptance DATA=folder
	@$(BIN)/python -m pytest tests/acceptance --data $(DATA) -s

.PHONY: faketime
faketime: ## Install libfaketime (Debian's package) if it is missing; the faults of clocks use it
	@compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	       apt-get install -y -qq --no-install-recommends libfaketime >/dev/null; } \
	  || { echo "The faults of clocks need libfaketime; on Debian: sudo apt-get install libfaketime"; exit 1; }

.PHONY: faults
faults: setup faketime ## Break a real service in every way of the table: make faults STORE=minio
	@$(BIN)/python -m tests.faults table --store $(STORE)

.PHONY: soak
soak: setup faketime ## Break a real service at random: make soak HOURS=8
	@$(BIN)/python -m tests.faults soak --limits default --hours $(HOURS) --store $(STORE)

.PHONY: schemathesis
schemathesis: setup ## Send what Schemathesis makes of the API's document, all phases, with keys of each scope
	@$(BIN)/python -m tests.api.schemathesis

.PHONY: containers
containers: setup ## Build the images and run them and the compose file, with Docker or podman
	@docker info >/dev/null 2>&1 || command -v podman debootstrap >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq \
	       && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman buildah \
	            runc containernetworking-plugins golang-github-containernetworking-plugin-dnsname iptables \
	            dnsmasq-base catatonit debootstrap >/dev/null; } \
	  || { echo "No containers: they need Docker, or root with podman and debootstrap"; exit $(REQUIRE_CONTAINERS); }
	@REQUIRE_CONTAINERS=$(REQUIRE_CONTAINERS:0=) $(BIN)/python -m pytest -p no:randomly -s tests/containers

.PHONY: stores
stores: setup ## Run the suites on every S3 server and every Redis, and write docs/stores.md
	@command -v debootstrap >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; } \
	  || { echo "Other versions of Redis need debootstrap; on Debian: sudo apt-get install debootstrap"; exit 1; }
	@$(BIN)/python -m tests.stores

COMPILE := $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --no-annotate --quiet
.PHONY: lock
lock: setup ## Pin the newest versions that both pyproject.toml files allow, with their hashes
	@$(COMPILE) pyproject.toml server/pyproject.toml --all-extras --group dev --universal \
	  --upgrade --no-emit-package roadmask --output-file requirements.lock
	@$(COMPILE) deploy/cuda.in --constraint requirements.lock \
	  --python-platform x86_64-manylinux_2_28 --output-file deploy/cuda.lock
	@for tool in uv node; do \
	  $(COMPILE) deploy/$$tool.in --universal --upgrade --output-file deploy/$$tool.lock; done

.PHONY: audit
audit: setup ## Check that what is installed is what is locked, and list licences that are unknown; offline
	@$(BIN)/uv pip check --quiet --python $(BIN)/python
	@$(BIN)/python deploy/audit.py

.PHONY: wheels
wheels: setup ## Build the wheels of the client and the service, into dist/
	@rm -rf build/lib server/build
	@for package in . server; do \
	  $(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist $$package; done
	@rm -rf build/lib server/build *.egg-info

.PHONY: clean
clean: ## Remove everything that make created
	rm -rf .venv node_modules build server/build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
