# Two commands on a machine with Python 3.11 and make: `make demo` and `make test`. Everything else is for developers.
.PHONY: setup demo test lint fuzz bench clean

PYTHON ?= python3
TOOLS  := .cache/tools
UV     := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
STAMP  := .venv/.synced

setup: $(STAMP)

$(TOOLS)/bin/uv:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Diana needs Python 3.11 or later; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

$(STAMP): pyproject.toml uv.lock $(filter $(TOOLS)/bin/uv,$(UV))
	$(UV) sync --quiet --locked --python $(PYTHON)
	@touch $@

demo: setup
	.venv/bin/diana demo $(ARGS)

test: setup lint
	.venv/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/pyright

fuzz: setup
	DIANA_STEPS=100000 .venv/bin/python -m pytest tests/guard -k property --timeout 86400 $(ARGS)

bench: setup
	.venv/bin/python tests/bench/first_frame.py

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis dist build
