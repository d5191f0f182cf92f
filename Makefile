# Two commands for a newcomer: `make run` (the whole story on an embedded plant) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test fast lint types contracts up bench-env clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 run"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

run: $(STAMP)
	$(BIN)/shopfloor demo

test: $(STAMP)
	$(BIN)/python -m pytest

fast: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not mariadb"

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

contracts: $(STAMP)
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

.venv-bench/.installed: benchmarks/requirements.txt benchmarks/constraints.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet -c benchmarks/constraints.txt -r benchmarks/requirements.txt
	@touch $@

bench-env: .venv-bench/.installed

up: $(STAMP)
	$(BIN)/shopfloor up

clean:
	rm -rf .state $(VENV) .venv-bench
