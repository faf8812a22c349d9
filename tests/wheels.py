"""Builds the project's wheel from the files as they lie here, with the backend that pyproject.toml names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build_wheel(out: Path) -> Path:
    """The wheel, built into `out` without any network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (built,) = out.glob("*.whl")
    return built


def uv() -> str:
    """The uv that set this environment up: the person's own, or the one that `make setup` fetched."""
    return shutil.which("uv") or str(ROOT / ".cache/tools/bin/uv")
