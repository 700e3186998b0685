# `make demo` shows fleet at work on this machine; `make test` proves it.
# Both need only Python 3.11 or newer and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast check format bench bench-agent bench-sockets bench-store bench-why bench-trends bench-history bench-start clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fleet needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[postgres]' --group dev
	@touch $@

install: $(READY) ## create the environment and install fleet into it

demo: $(READY) ## scan this machine over real SSH, then show and history
	@$(BIN)/python demo/run.py

test: $(READY) ## every check and every test; as root on Debian with real sshd and PostgreSQL
	@sh tests/prepare.sh
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-fast: $(READY) ## the tests that need neither root nor services
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not full'

check: $(READY) ## format, lint, types, import order, the agent's Python version
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin --quiet --no-tips --violations -t=3.6- agent/fleet_agent

format: $(READY) ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

PEERS := $(VENV)-bench/bin/python

$(PEERS): pyproject.toml
	$(PYTHON) -m venv $(VENV)-bench
	$(PEERS) -m pip install --quiet --upgrade 'pip>=25.1'
	$(PEERS) -m pip install --quiet --group bench

bench: $(READY) $(PEERS) ## the whole job beside parallel-ssh, clush, ansible and ssh, on one sshd (root)
	$(BIN)/python bench/collector.py --peers-python $(PEERS)

bench-agent: $(READY) ## what the agent costs a host
	$(BIN)/python bench/agent.py

bench-sockets: $(READY) ## counting 60,000 sockets beside psutil, ss and /proc/net/tcp (root)
	$(BIN)/python bench/sockets.py

bench-store: $(READY) ## saving and reading, SQLite and PostgreSQL
	$(BIN)/python -m bench.store

bench-why: $(READY) ## judging and joining 1,000 snapshots
	$(BIN)/python bench/why.py

bench-trends: $(READY) ## the trend benchmark beside predict_linear and Mann-Kendall
	OPENBLAS_NUM_THREADS=1 $(BIN)/python bench/trends.py

bench-history: $(READY) ## trends over a fleet, history in a large database
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.history

bench-start: $(READY) ## what a start of each command costs beside the libraries it stands on
	$(BIN)/python -m bench.start

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-bench .demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
