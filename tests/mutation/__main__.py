"""`python tests/mutation` from the repository's root: every check taken away in turn; exit 1 when nobody notices one."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from mutation.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
