# make up      runs Bellhop here, with its own Redis unless one is configured
# make test    runs the tests
# make soak    breaks all for SOAK seconds (300), by SEED: is the promise kept?
# make check   format, lint, types, import directions
# make bench   compares Bellhop with its peers (QUICK=1, ONLY=…, PEERS=…)
# make lock    pins the newest versions that pyproject.toml allows (needs uv)
# make lowest  runs the tests with the oldest versions allowed (needs uv)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --require-hashes
ARGS ?=
# Tests start some hundred processes: each would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up test soak check bench format lock lowest clean

help:
	@sed -n 's/^# //p' Makefile

up: $(VENV)/.runtime
	@exec $(BIN)/bellhop up $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto $(ARGS)

soak: $(VENV)/.dev
	@$(BIN)/python -m tests.soak
	@$(BIN)/python -m pytest -n 2 -m "long or hypothesis" --hypothesis-profile=thorough $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@said=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }

bench: $(VENV)/.dev
	@$(BIN)/python -m bench

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "Bellhop needs Python 3.11 or newer; there is no $(PYTHON). Say which: make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Bellhop needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Say which: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make a virtual environment: install its venv package (Debian: apt install python3-venv)"; exit 1; }
	@echo "Making $(VENV); this happens once."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.python
	@$(PIP) -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.python
	@$(PIP) -r requirements-dev.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" pyproject.toml --extra encryption --extra seam --group build

lock:
	$(LOCK) --output-file requirements.lock --upgrade
	$(LOCK) --group dev --output-file requirements-dev.lock --constraint requirements.lock

lowest:
	uv venv --quiet --clear .venv-lowest
	uv pip install --quiet --python .venv-lowest --resolution lowest-direct -e . --group dev --group build
	.venv-lowest/bin/python -m pytest -n auto $(ARGS)

clean:
	rm -rf $(VENV) .venv-lowest build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache
