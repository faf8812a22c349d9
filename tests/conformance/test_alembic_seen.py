"""Which files the look and the rehearsal name: all that was imported or read, but for the interpreter's own."""

from __future__ import annotations

import hashlib
import py_compile
import venv
from pathlib import Path

import pytest

from conformance.alembic_bench import INTERPRETERS, MARKER, Bench, own_env, revision, sqlite_file
from diana_tools.domain import DatabaseUrl

pytestmark = pytest.mark.integration


def looking(root: Path, *lines: str, interpreter: str = INTERPRETERS[0]) -> Bench:
    """A project whose env.py begins with `lines`."""
    database = root.parent / "data/app.db"
    if not database.exists():
        sqlite_file(database)
    return own_env(
        root, f"create_engine('sqlite:///{database}')", "\n".join(("import sys, os", *lines)), "", interpreter
    )


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def seen(bench: Bench) -> set[str]:
    """What the look names, from the root where it lies in the repository."""
    probe = await bench.probe()
    assert (probe.error, probe.error_text) == ("", "")
    return {
        path.relative_to(bench.root).as_posix() if path.is_relative_to(bench.root) else str(path)
        for path in probe.loaded
    }


OWN = {
    "alembic.ini", "migrations/env.py", "migrations/versions/a1_one.py", "migrations/versions/b2_two.py",
    "migrations/versions/c3_three.py",
}  # fmt: skip


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_a_link_is_named_from_the_root_and_nothing_of_the_interpreters(tmp_path: Path, interpreter: str) -> None:
    bench = looking(tmp_path / "shop", "import helper, json, mako", interpreter=interpreter)
    (bench.root / "helper.py").symlink_to(write(tmp_path / "out/real.py"))
    assert await seen(bench) == {*OWN, "helper.py"}


async def test_the_rest_of_the_repository_is_named_with_dots_and_what_is_elsewhere_in_full(tmp_path: Path) -> None:
    write(tmp_path / "work/common/helper.py")
    (tmp_path / "work/.git").mkdir()
    far = write(tmp_path / "far/site-packages/other.py")
    paths = [str(tmp_path / "work/common"), str(far.parent)]
    bench = looking(tmp_path / "work/shop", f"sys.path[:0] = {paths!r}", "import helper, other")
    assert await seen(bench) == {*OWN, "../common/helper.py", str(far)}
    probe = await bench.probe()
    assert {bench.root / "../common", far.parent} <= set(probe.searched)
    assert set(probe.scripts) == {bench.root / "migrations", bench.root / "migrations/versions"}


async def test_a_folder_called_site_packages_in_the_project_is_the_projects(tmp_path: Path) -> None:
    bench = looking(tmp_path / "shop", "sys.path.insert(0, os.path.abspath('vendor/site-packages'))", "import helper")
    write(bench.root / "vendor/site-packages/helper.py")
    assert await seen(bench) == {*OWN, "vendor/site-packages/helper.py"}


async def test_byte_code_in_such_a_folder_is_not_run(tmp_path: Path) -> None:
    bench = looking(tmp_path / "shop", "import helper")
    bench.environ.update(PYTHONPATH=str(bench.root / "vendor/site-packages"))
    helper = write(bench.root / "vendor/site-packages/helper.py", "raise SystemExit('planted')")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(helper), invalidation_mode=mode, doraise=True)
    helper.write_text("")
    line = "sys.path.insert(0, os.path.abspath('vendor/site-packages'))"
    await seen(looking(tmp_path / "shop", line, "import helper"))


async def test_the_interpreter_in_the_project_is_no_part_of_it(tmp_path: Path) -> None:
    bench = looking(tmp_path / "shop", "import helper")
    venv.create(bench.root / ".venv", symlinks=True, with_pip=False)
    (packages,) = (bench.root / ".venv").glob("lib/python*/site-packages")
    alembic = Path(__import__("alembic").__file__).parent
    for name in ("alembic", "sqlalchemy", "mako", "markupsafe", "typing_extensions.py"):
        (packages / name).symlink_to(alembic.parent / name)
    write(packages / "helper.py")
    write(bench.root / ".venv/lib/mine.py")
    bench.interpreter = str(bench.root / ".venv/bin/python")
    assert await seen(bench) == OWN
    line = "sys.path.insert(0, os.path.abspath('.venv/lib'))"
    mine = looking(tmp_path / "shop", line, "import mine", interpreter=bench.interpreter)
    assert await seen(mine) == {*OWN, ".venv/lib/mine.py"}


async def test_dots_behind_a_link_are_followed_as_the_system_does(tmp_path: Path) -> None:
    write(tmp_path / "out/lib/helper.py")
    (tmp_path / "out/deep").mkdir()
    bench = looking(tmp_path / "shop", "sys.path.insert(0, os.getcwd() + '/link/../lib')", "import helper")
    (bench.root / "link").symlink_to(tmp_path / "out/deep")
    write(bench.root / "lib/helper.py", "raise SystemExit('not this one')")
    assert await seen(bench) == {*OWN, str(tmp_path / "out/lib/helper.py")}


async def test_reading_counts_however_it_is_done_and_making_a_file_does_not(tmp_path: Path) -> None:
    lines = (
        "open('read.txt').close()", "open('both.txt', 'r+').close()", "os.close(os.open('low.txt', os.O_RDONLY))",
        "open('added.txt', 'a').close()", "open('new.txt', 'w').close()", "open('new.txt').read()",
        "open('emptied.txt', 'w').close()", "open('emptied.txt').read()", "open('/proc/self/status').close()",
        "os.chdir('sub')", "open('deep.txt').close()", "os.chdir('..')", "os.path.exists('gone.txt')",
        "try:\n    open('there.txt', 'x')\nexcept FileExistsError:\n    open('there.txt').close()",
    )  # fmt: skip
    bench = looking(tmp_path / "shop", *lines)
    for name in ("read", "both", "low", "added", "emptied", "sub/deep", "there"):
        write(bench.root / f"{name}.txt")
    assert await seen(bench) == {*OWN, "read.txt", "both.txt", "low.txt", "sub/deep.txt", "there.txt"}


async def test_a_rehearsal_names_what_only_it_opens_with_its_content_and_not_its_own_config(tmp_path: Path) -> None:
    scratch = sqlite_file(tmp_path / "data/scratch.db", marker=MARKER)
    far, near = write(tmp_path / "far/up.sql", "SELECT 1"), write(tmp_path / "out/near.sql", "SELECT 2")
    bench = looking(tmp_path / "shop")
    bench.environ.update(SHOP_DATABASE_URL="sqlite:////nowhere.db")
    env = (bench.root / "migrations/env.py").read_text()
    env = env.replace(
        f"create_engine('sqlite:///{tmp_path / 'data/app.db'}')", "create_engine(os.environ['SHOP_DATABASE_URL'])"
    )
    (bench.root / "near.sql").symlink_to(near)
    up = f"for one in ('near.sql', {str(far)!r}):\n    op.execute(open(one).read())"
    bench.write({"migrations/env.py": env, "migrations/versions/c3_three.py": revision("c3", "b2", up, "pass")})
    told, output = bench.rehearse(DatabaseUrl("sqlite", "", "", None, str(scratch)), "c3")
    assert told.error == "", output
    opened = dict(told.opened)
    assert set(opened) == {*OWN, "near.sql", str(far)} - {"alembic.ini"}
    assert opened["near.sql"] == hashlib.sha256(b"SELECT 2").hexdigest()
    assert opened[str(far)] == hashlib.sha256(b"SELECT 1").hexdigest()
