# Every command of the project; `make help` lists them. PYTHON=python3.12 chooses an interpreter for a new .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SOURCES := $(shell find crates -name '*.rs') $(wildcard crates/*/Cargo.toml) Cargo.toml Cargo.lock pyproject.toml
# The extension's Rust tests link an interpreter's library, which not every Python comes with: then pytest alone tests it.
PYTHON_LIB := $(shell $(PYTHON) -c 'import os, sysconfig; d, n = sysconfig.get_config_vars("LIBDIR", "LDLIBRARY"); \
	print(d if n.endswith((".so", ".dylib")) and os.path.exists(os.path.join(d, n)) else "")')
RUST_PACKAGES := --workspace --features ormkit-core/tokio,ormkit-core/testing \
	$(if $(PYTHON_LIB),--features ormkit-py/test-hooks,--exclude ormkit-py)
STUB_GEN := LD_LIBRARY_PATH=$(PYTHON_LIB) cargo run --quiet -p ormkit-py --features stub-gen --bin stub-gen
# Files side by side, each worker with a database of its own.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
GENERATED := stubs/ormkit/_ormkit.pyi
RUST_TESTS := $(if $(PYTHON_LIB),LD_LIBRARY_PATH=$(PYTHON_LIB)) scripts/with-postgres cargo
ifneq ($(PYTHON),python3)
export PYO3_PYTHON := $(PYTHON)
endif

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: develop $(VENV)/.demo ## Load the flights of New York into SQLite and tour them (URL=postgresql://… for PostgreSQL)
	$(BIN)/python examples/flights.py $(URL)

$(VENV)/.demo: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/demo.txt
	@touch $@

.PHONY: test
test: test-rust test-python ## Run every test, on SQLite and on a throwaway PostgreSQL

.PHONY: test-rust
test-rust: ## Run the Rust tests alone
	$(if $(PYTHON_LIB),,@echo "$(PYTHON) has no shared library: ormkit-py's Rust tests are left out, pytest tests it")
	@if cargo nextest --version >/dev/null 2>&1; then \
		$(RUST_TESTS) nextest run $(RUST_PACKAGES); \
	else \
		$(RUST_TESTS) test $(RUST_PACKAGES) --lib --bins --tests; \
	fi
	$(RUST_TESTS) test --workspace --exclude ormkit-py --all-features --doc --quiet

.PHONY: test-python
test-python: develop ## Run the Python tests alone
	scripts/with-postgres $(BIN)/python -m pytest $(SIDE_BY_SIDE)

.PHONY: test-pythons
test-pythons: ## Run the Python tests on each CPython from 3.10 to 3.13 that is there
	scripts/test-pythons

.PHONY: lint
lint: develop ## Check formatting, lints, types, layers and stubs; warnings are errors
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude ormkit-py --no-deps --all-features --quiet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --level error
	scripts/check-layers
	scripts/check-versions
	scripts/check-map
	$(if $(PYTHON_LIB),$(STUB_GEN) > $(VENV)/_ormkit.pyi,@echo "$(PYTHON) has no shared library: $(GENERATED) is not compared with the Rust sources")
	$(if $(PYTHON_LIB),diff -u $(GENERATED) $(VENV)/_ormkit.pyi || { echo "$(GENERATED) is not what the Rust sources say: run 'make stubs'"; exit 1; })
	$(BIN)/python scripts/check-stubs

.PHONY: stubs
stubs: ## Write the generated part of the stubs anew
	$(if $(PYTHON_LIB),,@echo "$(PYTHON) has no shared library, which the generator links: choose another PYTHON"; exit 1)
	@mkdir -p $(VENV)
	$(STUB_GEN) > $(VENV)/_ormkit.pyi
	mv $(VENV)/_ormkit.pyi $(GENERATED)

.PHONY: develop
develop: $(VENV)/.extension ## Build the extension into .venv
$(VENV)/.extension: $(VENV)/.tools $(SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --profile light --features pyo3/extension-module,test-hooks
	@touch $@

$(VENV)/.tools: requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and f"Python 3.10 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

.PHONY: bench
bench: $(BENCH)/.extension ## Measure ormkit beside raw drivers and other ORMs (ARGS=--help)
	$(BENCH)/bin/python benchmarks/run.py $(ARGS)

# A wheel, not an editable install: the release build must not replace what .venv loads.
$(BENCH)/.extension: $(BENCH)/.tools $(SOURCES)
	rm -rf $(BENCH)/wheels
	$(BENCH)/bin/maturin build --release --interpreter $(BENCH)/bin/python --out $(BENCH)/wheels
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BENCH)/wheels/*.whl
	@touch $@

$(BENCH)/.tools: requirements/bench.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@

.PHONY: fuzz
fuzz: ## Fuzz one of fuzz/fuzz_targets for a while (TARGET=replies SECONDS=60; needs nightly Rust and cargo-fuzz)
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install cargo-fuzz"; exit 1; }
	cargo +nightly fuzz run $(or $(TARGET),replies) -- -max_total_time=$(or $(SECONDS),60) -malloc_limit_mb=64 -rss_limit_mb=2048 -timeout=5

.PHONY: clean
clean: ## Remove everything that was built or installed
	cargo clean
	rm -rf $(VENV) $(BENCH) .pytest_cache .mypy_cache .ruff_cache demo.db*
	find stubs -name '*.so' -delete
