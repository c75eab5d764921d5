# giftledger: `make help` says what there is. Every target does its own set-up.
# make test BROKER=apache        on Apache Kafka; embedded, docker, external and auto are the others
# make test POSTGRES_BIN=/usr/lib/postgresql/15/bin     on another Postgres

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?= tests
# The files of tests go side by side, the long ones first; JOBS=0 runs them one after the other.
JOBS ?= auto
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --durations 10

# Tests start hundreds of processes: none of them should compile our modules anew, whatever the shell's habits are.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check verify format soak chaos bench bench-peers licences lock schema rules dictionary clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## Make the virtual environment

# $(call virtual,FOLDER) makes a virtual environment there, whole or not at all; one of an older Python, or one that was left
# half made, is made anew.
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
define virtual
@$(1)/bin/python -c '$(RECENT)' 2>/dev/null && $(1)/bin/python -m pip --version >/dev/null 2>&1 || { \
	$(PYTHON) -c '$(RECENT)' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
			"Say which to take, for example: make PYTHON=python3.12" >&2; \
		exit 1; }; \
	rm -rf $(1); \
	$(PYTHON) -m venv $(1) || { \
		rm -rf $(1); \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu the package python3-venv is missing." >&2; \
		exit 1; }; }
endef

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# uv installs in a third of pip's time. Where it finds no index, pip may: a mirror stands in pip's own configuration.
$(READY): pyproject.toml deploy/requirements/dev.txt
	@echo "Setting up $(VENV) …"
	$(call virtual,$(VENV))
	@sed -n '/^uv==/,/[^\\]$$/p' deploy/requirements/dev.txt | $(PIP) --require-hashes -r /dev/stdin
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --compile-bytecode --require-hashes \
		-r deploy/requirements/dev.txt || $(PIP) --require-hashes -r deploy/requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

SIMULATION = $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

demo: export BROKER ?= embedded
demo: $(READY) ## Run the whole path on the embedded stack and check every balance (COUNT=, SEED=)
	@$(BIN)/python -m deploy.local.demo $(SIMULATION)

up: export BROKER ?= embedded
up: $(READY) ## Start the same, with its traffic (COUNT=0: empty), and stay until Ctrl-C
	@$(BIN)/python -m deploy.local.demo --stay $(SIMULATION)

# In a new clone the assertions of all tests are written anew, once, and not by each of the processes that take tests.
$(VENV)/.collected: | $(READY)
	@$(BIN)/python -m pytest --collect-only --quiet tests >/dev/null || true
	@touch $@

test: $(READY) | $(VENV)/.collected ## Run the tests on a real broker and a real Postgres, which they start
	@$(PYTEST) $(TESTS)

check: $(READY) ## Look at format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

verify: check test ## What CI runs: format, lint, types, tests

soak: $(READY) ## Property tests until Ctrl-C
	@$(BIN)/python -m tests.soak

FAULTS ?= 40
chaos: $(READY) ## Kill, freeze and cut off everything under traffic, and count what is lost (FAULTS=, SEED=)
	@$(BIN)/python -m tests.e2e.nemesis --faults $(FAULTS) $(if $(SEED),--seed $(SEED))

bench: $(READY) ## Measure how fast it is, each figure beside a baseline of the same run (ONLY=apply, JSON=file)
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

format: $(READY) ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schema: $(READY) ## Write sql/schema.sql from the migrations
	@$(BIN)/python -m tests.schema > sql/schema.sql.new && mv sql/schema.sql.new sql/schema.sql

RULES := deploy/kubernetes/components/prometheus/rules.yaml
rules: $(READY) ## Write the alerts' manifest for Kubernetes from deploy/prometheus/rules.yaml
	@$(BIN)/python -m tests.prometheus_rule > $(RULES).new && mv $(RULES).new $(RULES)

dictionary: $(READY) ## Write sql/README.md from the comments in the database
	@$(BIN)/python -m tests.reporting.dictionary

PEERS := .cache/peers
PEERS_READY := $(PEERS)/.ready

$(PEERS_READY): deploy/requirements/peers.txt
	@echo "Setting up $(PEERS) …"
	$(call virtual,$(PEERS))
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench-peers: $(READY) $(PEERS_READY) ## Measure peers of the worker and of the ingress (ARGUMENTS=--help)
	@$(BIN)/python -m tests.bench.peers $(ARGUMENTS)

licences: $(READY) ## Write deploy/LICENCES.md: what the dependencies at run time are licensed under
	@$(BIN)/python -m tests.licences > deploy/LICENCES.md.new && mv deploy/LICENCES.md.new deploy/LICENCES.md

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --upgrade

lock: $(READY) ## Pin the dependencies again, with hashes
	@$(LOCK) pyproject.toml --output-file deploy/requirements/runtime.txt
	@$(LOCK) pyproject.toml --extra simulate --output-file deploy/requirements/simulate.txt
	@$(LOCK) pyproject.toml --extra reconcile --output-file deploy/requirements/reconcile.txt
	@$(LOCK) pyproject.toml --extra close --output-file deploy/requirements/close.txt
	@$(LOCK) pyproject.toml --extra dev --output-file deploy/requirements/dev.txt
	@$(LOCK) deploy/requirements/peers.in --output-file deploy/requirements/peers.txt

clean: ## Remove what the targets made
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
