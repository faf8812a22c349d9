"""With `CI` set a skipped test fails the run and is named; without it the run stays green and lists it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]

TESTS = {
    "test_skip.py": "import pytest\ndef test_one():\n    pytest.skip('no server here')\ndef test_two():\n    pass\n",
    "test_module.py": "import pytest\npytest.skip('no driver here', allow_module_level=True)\n",
    "test_excused.py": "import pytest\n@pytest.mark.xfail(reason='known gap')\ndef test_gap():\n    assert False\n",
    "test_live.py": "import pytest\n@pytest.mark.live\ndef test_talk():\n    pytest.skip('no key')\n",
    "test_good.py": "def test_good():\n    pass\n",
}


def _run(folder: Path, *names: str, ci: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    for name in names:
        (folder / name).write_text(TESTS[name])
    shutil.copy(HERE / "skips.py", folder)
    (folder / "conftest.py").write_text('pytest_plugins = ("skips",)\n')
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -ra\nmarkers =\n    live: a live model\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)} | ({"CI": ci} if ci else {})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environ)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_ci_fails_and_names_what_was_left_out(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = _run(tmp_path, *TESTS, ci="true", options=options)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    left_out = [line for line in ran.stdout.splitlines() if line.startswith("LEFT OUT")]
    assert len(left_out) == 3, ran.stdout
    assert any("test_skip.py::test_one" in line and "no server here" in line for line in left_out)
    assert any("test_module.py" in line and "no driver here" in line for line in left_out)
    assert any("test_excused.py::test_gap" in line and "known gap" in line for line in left_out)


def test_a_live_test_may_be_left_out_in_ci(tmp_path: Path) -> None:
    ran = _run(tmp_path, "test_live.py", "test_good.py", ci="true")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "LEFT OUT" not in ran.stdout


def test_without_ci_the_skips_are_listed_and_nothing_fails(tmp_path: Path) -> None:
    ran = _run(tmp_path, *TESTS, ci="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no server here" in ran.stdout
    assert "LEFT OUT" not in ran.stdout


def test_this_very_run_stands_at_the_gate_where_ci_is_set(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.has_plugin("skips")
