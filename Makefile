# `make demo` shows fleet at work on this machine; `make test` proves it.
# Both need only Python 3.11 or newer and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast check format bench bench-agent bench-collector bench-sockets bench-store bench-why bench-trends bench-start clean

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
