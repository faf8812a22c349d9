"""`python tests/mutation` from the repository's root takes every check away in turn; exit 1 when nobody notices one."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.exit(import_module("mutation.run").main(sys.argv[1:]))
