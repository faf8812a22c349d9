"""The import contracts hold, and each of them breaks when it is violated once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent/diana_agent", "tools/diana_tools", "prompts/diana_prompts", "config/diana_config")

VIOLATIONS = {
    "packages": ("config/diana_config/folders.py", "import diana_tools.domain"),
    "agent": ("agent/diana_agent/loop.py", "import diana_agent.headless"),
    "mint": ("agent/diana_agent/dispatch.py", "import diana_agent.guard.mint"),
    "pure-guard": ("agent/diana_agent/guard/policy.py", "import sqlalchemy"),
    "pure-adapters": ("tools/diana_tools/databases/archive.py", "import subprocess"),
    "textual": ("agent/diana_agent/headless.py", "import textual"),
    "anthropic": ("agent/diana_agent/loop.py", "import anthropic"),
    "boto3": ("tools/diana_tools/backup.py", "import boto3"),
    "faces": ("agent/diana_agent/headless.py", "import diana_agent.tui"),
}


def _lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).parent / "lint-imports"), "--config", "pyproject.toml", "--no-cache",
        "--contract", contract,
    ]  # fmt: skip
    path = ":".join(str(folder / package.rpartition("/")[0]) for package in PACKAGES)
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path}
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_contract_breaks_when_it_is_violated(copied: Path, contract: str) -> None:
    kept = _lint(copied, contract)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    name, line = VIOLATIONS[contract]
    path = copied / name
    before = path.read_text()
    path.write_text(before + f"\n{line}\n")
    try:
        broken = _lint(copied, contract)
    finally:
        path.write_text(before)
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "BROKEN" in broken.stdout


def test_every_contract_has_a_violation() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, str]] = settings["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(VIOLATIONS)
