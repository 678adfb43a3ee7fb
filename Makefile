# Every command of the project; `make help` lists them. PYTHON=python3.12 chooses an interpreter for a new .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

RUST_SOURCES := $(shell find crates -name '*.rs') $(wildcard crates/*/Cargo.toml) Cargo.toml Cargo.lock
# The extension's own tests are Python's: they load it into an interpreter instead of linking one.
RUST_PACKAGES := --workspace --exclude ormkit-py

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: develop $(VENV)/.demo ## Load the flights of New York into SQLite and tour them (URL=postgresql://… for PostgreSQL)
	$(BIN)/python examples/flights.py $(URL)

.PHONY: test
test: test-rust test-python ## Run every test, on SQLite and on a throwaway PostgreSQL

.PHONY: test-rust
test-rust: ## Run the Rust tests alone
	@if cargo nextest --version >/dev/null 2>&1; then \
		scripts/with-postgres cargo nextest run --no-tests=pass $(RUST_PACKAGES); \
	else \
		scripts/with-postgres cargo test $(RUST_PACKAGES) --lib --bins --tests; \
	fi
	scripts/with-postgres cargo test $(RUST_PACKAGES) --doc --quiet

.PHONY: test-python
test-python: develop ## Run the Python tests alone
	scripts/with-postgres $(BIN)/python -m pytest

.PHONY: lint
lint: develop ## Check formatting, lints, types, layers and stubs; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: develop
develop: $(VENV)/.extension ## Build the extension into .venv
$(VENV)/.extension: $(VENV)/.tools $(RUST_SOURCES) pyproject.toml
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --profile light
	@touch $@

$(VENV)/.tools: requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and f"Python 3.10 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

.PHONY: clean
clean: ## Remove everything that was built or installed
	cargo clean
	rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache demo.db*
	find stubs -name '*.so' -delete
