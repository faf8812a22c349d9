# Two commands on a machine with Python 3.11 and make: `make demo` and `make test`. Everything else is for developers.
.PHONY: setup demo test test-all lint fuzz mutants faults soak bench evals audit clean

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
	$(UV) sync --quiet --locked --compile-bytecode --python $(PYTHON)
	@touch $@

demo: setup
	.venv/bin/diana demo $(ARGS)

test: setup lint
	.venv/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

test-all: setup lint
	DIANA_TEST_ALL=1 .venv/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/pyright

fuzz: setup
	DIANA_STEPS=100000 .venv/bin/python -m pytest tests/guard/test_property.py -n auto --dist loadgroup --timeout 86400 $(ARGS)

mutants: setup
	.venv/bin/python tests/mutation $(ARGS)

# Every cell of the fault matrix, and its table at the end.
faults: setup
	DIANA_TEST_ALL=1 .venv/bin/python -m pytest tests/faults -n auto --dist loadgroup $(ARGS)

soak: setup
	for round in 1 2 3 4 5 6 7 8 9 10; do \
		DIANA_STEPS=2000 .venv/bin/python -m pytest tests/guard tests/integration/test_demo_walk.py --timeout 7200 $(ARGS) || exit 1; \
	done

bench: setup
	.venv/bin/python tests/bench/first_frame.py

evals: setup
	.venv/bin/python -m pytest tests/unit/models tests/unit/analysis -k 'intent or measure or labels or truth' $(ARGS)

# Asks PyPI's advisories about every locked package; what could not be asked about fails it, too.
audit: setup
	$(UV) export --quiet --locked --no-emit-project --format requirements-txt --output-file .cache/locked.txt
	$(UV) tool run 'pip-audit>=2.10,<3' --requirement .cache/locked.txt --require-hashes --disable-pip --strict

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis dist build
