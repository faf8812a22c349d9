"""Hostile and broken files of settings: one sentence with the file and the line, at once, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diana_config.folders import Folders, private
from diana_config.settings import Tier, load
from unit.config.settings_place import Place, refused

TIERS = (Tier.NAMED, Tier.USER, Tier.PROJECT)
NOBODY = 65534


@contextmanager
def without_root() -> Generator[None]:
    """Root may read everything, so file rights are tested as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b'user_name = "Ada"\ntimeout = \n', "settings_broken", "2"),
        (b"timeout = 3\n\n[[[x\n", "settings_broken", "3"),
        (b"a = 1\na = 2\n", "settings_broken", "2"),
        (b'user_name = "unfinished', "settings_broken", "1"),
        (b"x = 2024-99-99\n", "settings_broken", "1"),
        (b"x = " + b"9" * 6000 + b"\n", "settings_broken", "2"),
        (b"user_name = 'a\x00b'\n", "settings_broken", "1"),
        (b"\x7fELF\x02\x01\x01\x00", "settings_broken", "1"),
        (b'user_name = "Ada"\n\xff\xfe\x00', "settings_not_text", "2"),
        (b"x = " + b"[" * 50_000, "settings_too_deep", ""),
        (b"x = " + b"{a=" * 20_000, "settings_too_deep", ""),
        (b"a" + b".a" * 60_000 + b" = 1\n", "settings_too_deep", ""),
        (b"[" + b"a." * 60_000 + b"a]\n", "settings_too_deep", ""),
        (b"#" * 200_000, "settings_too_big", ""),
    ],
)
def test_a_hostile_file_is_one_error_with_its_name(
    place: Place, tier: Tier, content: bytes, code: str, line: str
) -> None:
    file = place.write(tier, "")
    file.write_bytes(content)
    error = refused(place.load)
    assert (error.code, error.fields["file"], error.fields.get("line", "")) == (code, str(file), line)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_the_deepest_file_within_the_limits_is_still_read(place: Place) -> None:
    """The parser takes the square of a key's dots: without the limit on them this size would run for minutes."""
    place.write(Tier.PROJECT, "".join(f"[{'a.' * 59}b{number}]\n" for number in range(128 * 1024 // 128)))
    assert refused(place.load).code == "setting_unknown"


@pytest.mark.parametrize("tier", TIERS)
def test_a_pipe_a_folder_and_a_circle_of_links_are_not_read(place: Place, tier: Tier) -> None:
    file = place.write(tier, "")
    file.unlink()
    os.mkfifo(file)
    assert refused(place.load).code == "settings_not_a_file"
    file.unlink()
    file.mkdir()
    assert refused(place.load).code == "settings_not_a_file"
    file.rmdir()
    file.symlink_to(file.name)
    error = refused(place.load)
    assert (error.code, error.fields["file"]) == ("settings_unreadable", str(file))
    file.unlink()
    file.symlink_to("nowhere.toml")
    assert refused(place.load).fields["error"] == "broken link"


@pytest.mark.parametrize("tier", TIERS)
def test_an_unreadable_file_says_so(place: Place, tier: Tier) -> None:
    file = place.write(tier, "timeout = 3\n")
    for folder in (*place.root.rglob("*"), place.root, *place.root.parents[:2]):
        if folder.is_dir():
            folder.chmod(0o755)
    file.chmod(0)
    with without_root():
        error = refused(place.load)
    assert (error.code, error.fields["error"]) == ("settings_unreadable", "Permission denied")


@pytest.mark.parametrize("tier", [Tier.NAMED, Tier.USER])
def test_a_persons_file_that_others_may_write_is_not_theirs(place: Place, tier: Tier) -> None:
    file = place.write(tier, "timeout = 3\n")
    file.chmod(0o666)
    assert refused(place.load).code == "settings_writable_by_others"
    file.chmod(0o664)
    assert place.load().timeout == 3
    file.parent.chmod(0o777)
    assert refused(place.load).code == "settings_writable_by_others"
    file.parent.chmod(0o1777)
    assert place.load().timeout == 3


def test_a_persons_file_of_another_user_is_not_theirs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.write(Tier.USER, "timeout = 3\n")
    if os.geteuid() == 0:
        os.chown(file, NOBODY, NOBODY)
        assert place.load().timeout == 3
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid)
    assert place.load().timeout == 3
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert refused(place.load).code == "settings_of_another_user"


def test_a_persons_file_may_be_a_link_but_not_into_the_project(place: Place) -> None:
    user = place.folders.config / "diana.toml"
    real = place.elsewhere / "dotfiles.toml"
    real.write_text("timeout = 3\n")
    user.symlink_to(real)
    assert place.load().timeout == 3
    planted = place.project / "mine.toml"
    planted.write_text("skip_backup = true\n")
    user.unlink()
    user.symlink_to(planted)
    assert refused(place.load).code == "settings_inside_project"


def test_a_projects_file_is_no_link_out_of_it(place: Place) -> None:
    outside = place.elsewhere / "x.toml"
    outside.write_text("timeout = 3\n")
    (place.project / "diana.toml").symlink_to(outside)
    assert refused(place.load).code == "settings_link_outside"
    (place.project / "diana.toml").unlink()
    (place.project / "real.toml").write_text("timeout = 3\n")
    (place.project / "diana.toml").symlink_to("real.toml")
    assert place.load().timeout == 3


@pytest.mark.parametrize(
    "inside", ["diana.toml", "config/prod.toml", "link/prod.toml", "../elsewhere/../project/p.toml"]
)
def test_the_file_that_the_variable_names_is_never_inside_the_project(place: Place, inside: str) -> None:
    (place.project / "config").mkdir()
    (place.project / "link").symlink_to(place.elsewhere)
    path = place.project / inside
    path.write_text("skip_backup = true\n")
    place.environ["DIANA_CONFIG"] = str(path)
    assert refused(place.load).code == "settings_inside_project"


def test_nor_is_it_elsewhere_in_the_projects_work_tree(place: Place) -> None:
    (place.root / "elsewhere" / ".git").mkdir()
    service = place.elsewhere / "services" / "api"
    service.mkdir(parents=True)
    (place.elsewhere / "prod.toml").write_text("skip_backup = true\n")
    place.environ["DIANA_CONFIG"] = str(place.elsewhere / "prod.toml")
    assert refused(lambda: load(service, {}, place.environ, place.folders)).code == "settings_inside_project"
    assert place.load().skip_backup


def test_a_relative_or_missing_file_of_the_variable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.project)
    place.environ["DIANA_CONFIG"] = "diana.toml"
    (place.project / "diana.toml").write_text("timeout = 3\n")
    assert refused(place.load).code == "settings_inside_project"
    place.environ["DIANA_CONFIG"] = "../elsewhere/gone.toml"
    assert refused(place.load).fields == {
        "file": str(place.project / "../elsewhere/gone.toml"),
        "variable": "DIANA_CONFIG",
    }
    place.environ["DIANA_CONFIG"] = "~/ci.toml"
    (place.root / "home/ci.toml").write_text("timeout = 4\n")
    assert place.load().timeout == 4
    place.environ["DIANA_CONFIG"] = ""
    assert place.load().timeout == 3


def test_a_settings_folder_inside_the_project_is_not_the_persons(place: Place) -> None:
    planted = place.project / ".config/diana"
    planted.mkdir(parents=True)
    (planted / "diana.toml").write_text("skip_backup = true\n")
    folders = Folders.of({"HOME": str(place.root / "home"), "XDG_CONFIG_HOME": str(place.project / ".config")})
    assert refused(lambda: load(place.project, {}, place.environ, folders)).code == "settings_inside_project"


def test_at_home_the_persons_own_file_is_still_theirs(place: Place) -> None:
    place.write(Tier.USER, "timeout = 3\n")
    home = place.root / "home"
    (home / ".git").mkdir()
    assert load(home, {}, place.environ, place.folders).timeout == 3
    below = home / "work"
    below.mkdir()
    assert load(below, {}, place.environ, place.folders).timeout == 3
    (home / "diana.toml").write_text("timeout = 4\n")
    place.environ["DIANA_CONFIG"] = str(home / "diana.toml")
    assert refused(lambda: load(home, {}, place.environ, place.folders)).code == "settings_inside_project"


def test_a_byte_order_mark_is_no_mistake(place: Place) -> None:
    file = place.write(Tier.USER, "")
    file.write_bytes(b"\xef\xbb\xbftimeout = 3\n")
    assert place.load().timeout == 3


def test_folders_follow_the_xdg_convention() -> None:
    folders = Folders.of({"HOME": "/home/ada", "XDG_STATE_HOME": "/var/state", "XDG_DATA_HOME": "relative"})
    assert folders == Folders(
        Path("/home/ada/.config/diana"), Path("/var/state/diana"), Path("/home/ada/.local/share/diana")
    )
    assert refused(lambda: Folders.of({})).code == "home_unknown"
    assert refused(lambda: Folders.of({"HOME": "ada"})).code == "home_unknown"


def test_a_private_folder_is_made_and_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = private(tmp_path / "a/b/c")
    assert [one.stat().st_mode & 0o777 for one in (made, made.parent)] == [0o700, 0o700]
    made.chmod(0o755)
    assert private(made).stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    assert refused(lambda: private(tmp_path / "file")).code == "folder_unwritable"
    assert refused(lambda: private(tmp_path / "file/below")).code == "folder_unwritable"
    (tmp_path / "loop").symlink_to("loop")
    assert refused(lambda: private(tmp_path / "loop/x")).code == "folder_unwritable"
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert refused(lambda: private(made)).code == "folder_not_yours"
