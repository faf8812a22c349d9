"""What counts as a source of a plan that nobody could read: links, odd suffixes, folders outside, and what does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diana_tools.files import Sources, content_of, digest_of_sources, name_in_plan


def write(path: Path, text: str = "one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def changes(sources: Sources, path: Path) -> bool:
    """Whether other words in a file are another digest."""
    before = digest_of_sources(sources)
    path.write_text("two")
    return digest_of_sources(sources) != before


@pytest.mark.parametrize(
    "name",
    [
        "a.py", "deep/er/a.sql", "a.DDL", "a.dml", "a.psql", "a.pgsql", "a.j2", "a.tmpl", "a.in", ".hidden/a.sql",
        "vendor/site-packages/a.py", "dashed-folder/a.py",
    ],
)  # fmt: skip
def test_a_source_counts_wherever_it_lies(tmp_path: Path, name: str) -> None:
    assert changes(Sources(tmp_path), write(tmp_path / name))


@pytest.mark.parametrize(
    "folder",
    [
        "node_modules", "__pycache__", ".git", ".hg", ".svn", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".tox",
        ".nox", ".idea", ".vscode", ".cache",
    ],
)  # fmt: skip
def test_what_two_checkouts_do_not_share_does_not_count(tmp_path: Path, folder: str) -> None:
    path = write(tmp_path / "deep" / folder / "a.py")
    assert not changes(Sources(tmp_path, scripts=(tmp_path / "deep",)), path)


def test_neither_do_environments_nor_notes(tmp_path: Path) -> None:
    write(tmp_path / "env/pyvenv.cfg", "home = /usr/bin")
    write(tmp_path / "env/bin/python")
    assert not changes(Sources(tmp_path), write(tmp_path / "env/lib/a.py"))
    assert not changes(Sources(tmp_path), write(tmp_path / "notes.log"))


def test_a_file_that_calls_its_folder_an_environment_does_not_make_it_one(tmp_path: Path) -> None:
    write(tmp_path / "data/pyvenv.cfg", "")
    assert changes(Sources(tmp_path), write(tmp_path / "data/a.sql"))


def test_what_the_code_speaks_of_counts_whatever_it_ends_in(tmp_path: Path) -> None:
    path = write(tmp_path / "data/up.dat")
    assert not changes(Sources(tmp_path), path)
    assert changes(Sources(tmp_path, named=frozenset(("up.dat",))), write(path))


def test_below_the_migrations_every_file_counts_but_the_database(tmp_path: Path) -> None:
    path, database = write(tmp_path / "m/versions/change.words"), write(tmp_path / "m/app.db")
    sources = Sources(tmp_path, scripts=(tmp_path / "m",), besides=frozenset((os.path.realpath(database),)))
    assert not changes(sources, database)
    assert changes(sources, path)
    assert not changes(Sources(tmp_path), write(path))


def test_a_link_to_a_file_is_what_it_leads_to(tmp_path: Path) -> None:
    there = write(tmp_path / "out/real.py")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/helper.py").symlink_to(there)
    assert changes(Sources(tmp_path / "in"), there)


def test_a_link_to_a_folder_is_entered_once_and_never_in_circles(tmp_path: Path) -> None:
    there = write(tmp_path / "out/deep/real.py")
    (tmp_path / "out/deep/back").symlink_to(tmp_path / "out")
    (tmp_path / "in").mkdir()
    for name in ("first", "second"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "out")
    (tmp_path / "in/self").symlink_to(tmp_path / "in")
    (tmp_path / "in/loop.py").symlink_to("loop.py")
    assert changes(Sources(tmp_path / "in"), there)


def test_a_link_to_another_folder_hides_nothing_of_the_folder_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "versions/change.words")
    (tmp_path / "aaa").symlink_to(tmp_path / "versions")
    (tmp_path / "zzz").symlink_to(tmp_path / "versions")
    assert changes(Sources(tmp_path, scripts=(tmp_path / "versions",)), path)


def test_places_outside_to_import_from_count(tmp_path: Path) -> None:
    module, archive = write(tmp_path / "lib/package/a.py"), write(tmp_path / "more.zip")
    data = write(tmp_path / "lib/.state/a.json")
    (tmp_path / "in").mkdir()
    sources = Sources(tmp_path / "in", searched=(tmp_path / "lib", archive))
    assert not changes(sources, data), "no module can be imported from there"
    assert changes(sources, module)
    assert changes(sources, archive)


def test_what_cannot_be_read_counts_as_such(tmp_path: Path) -> None:
    before = digest_of_sources(Sources(tmp_path))
    (tmp_path / "a.py").symlink_to(tmp_path / "nowhere")
    dangling = digest_of_sources(Sources(tmp_path))
    assert dangling != before
    os.mkfifo(tmp_path / "nowhere")
    assert digest_of_sources(Sources(tmp_path)) == dangling
    assert content_of(tmp_path / "a.py") == ""


def _as_it_was(_: Path) -> None:
    pass


def _renamed(folder: Path) -> None:
    (folder / "in/a.py").rename(folder / "in/b.py")


@pytest.mark.parametrize(("change", "same"), [(_as_it_was, True), (_renamed, False)])
def test_two_checkouts_agree_on_names_from_the_root(tmp_path: Path, change: Callable[[Path], None], same: bool) -> None:
    digests: list[str] = []
    for checkout in (tmp_path / "one", tmp_path / "far/away/two"):
        write(checkout / "in/a.py")
        write(checkout / "lib/b.py")
        write(checkout / "else/where/c.py")
        if digests:
            change(checkout)
        root = checkout / "in"
        digests.append(digest_of_sources(Sources(root, (root / "../lib",), (checkout / "else/where",))))
        shutil.rmtree(checkout)
    assert (digests[0] == digests[1]) is same


def test_a_name_is_from_the_root_or_says_that_it_is_elsewhere() -> None:
    root = Path("/srv/shop")
    assert name_in_plan(root / "a/b.py", root) == "a/b.py"
    assert name_in_plan(root / "../lib/b.py", root) == "../lib/b.py"
    assert name_in_plan(Path("/opt/lib/b.py"), root) == "elsewhere:b.py"
