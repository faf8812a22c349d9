"""BMAD's own files: found, followed, and never trusted with anything that makes a run less careful."""

from __future__ import annotations

from pathlib import Path

import pytest

from diana_config.bmad import CONFIG, FOLDERS, WORKFLOW
from diana_config.settings import Mode, Tier
from unit.config.settings_place import Place, refused

CONFIG_TEXT = """\
module_code: bmi
inherit_from: '{project-root}/bmad/bmm/config.yaml'
user_name: Ada
communication_language: English
output_folder: '{project-root}/docs'
deployment:
  auto_run_migrations: true
  platform_configs:
    vercel:
  require_approval_for:
    - production
"""
PARENT_TEXT = "user_skill_level: expert\nuser_name: Nobody\ndocument_output_language: Deutsch\n"
WORKFLOW_TEXT = """\
name: "database-migration"
config_source: "{project-root}/bmad/bmi/config.yaml"
output_folder: "{config_source}:output_folder"
user_name: "{config_source}:user_name"
user_skill_level: "{config_source}:user_skill_level"
date: system-generated
auto_run_migrations: "{config_source}:deployment.auto_run_migrations"
installed_path: "{project-root}/bmad/bmi/workflows/5-deployment/database-migration"
default_output_file: "{output_folder}/database-log-{date}.md"
mode: interactive
required_inputs:
  - target_environment: "Environment for migrations (dev/staging/production)"
  - database_connection: "Database connection string or reference"
optional_inputs:
  - migration_tool_override: "Override auto-detected migration tool"
  - dry_run: "Show pending migrations without executing (default: false)"
  - skip_backup: "Skip database backup (dangerous, not recommended)"
  - migration_timeout: "Timeout for migration execution in seconds (default: 300)"
  - rollback_on_failure: "Auto-rollback on migration failure (default: true)"
execution_modes:
  - plan_only: "Show pending migrations without executing (dry-run)"
standalone: true
"""


def files(place: Place, config: str = "", workflow: str = "", parent: str = "", folder: str = "bmad") -> None:
    for name, text in ((CONFIG, config), (WORKFLOW, workflow), ("bmm/config.yaml", parent)):
        if text:
            path = place.project / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def test_a_projects_files_as_they_are_installed(place: Place) -> None:
    files(place, CONFIG_TEXT, WORKFLOW_TEXT, PARENT_TEXT)
    settings = place.load()
    assert (settings.user_name, settings.skill) == ("Ada", "expert")
    assert (settings.language, settings.document_language) == ("en", "de")
    assert settings.output_folder == str(place.project / "docs")
    assert settings.log_name == "database-log-{date}.md"
    assert (settings.mode, settings.skip_backup, settings.timeout, settings.words) == (Mode.EXECUTE, False, 300.0, ())
    assert settings.source("document_language") == str(place.project / "bmad/bmm/config.yaml")
    assert settings.source("user_name") == str(place.project / "bmad" / WORKFLOW)
    (note,) = settings.notes
    assert (note.id, dict(note.fields)["value"]) == ("auto_run_migrations", "true")


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_is_found_in_each_of_its_folders(place: Place, folder: str) -> None:
    files(place, "target_environment: prod\n", folder=folder)
    settings = place.load()
    assert [(word.tier, word.name) for word in settings.words] == [(Tier.BMAD, "prod")]
    assert settings.source("environment") == str(place.project / folder / CONFIG)


def test_the_workflow_alone_is_enough(place: Place) -> None:
    files(place, workflow="target_environment: staging\nmigration_tool_override: Prisma\n")
    assert (place.load().environment, place.load().tool) == ("staging", "prisma")


def test_inputs_may_hold_values_in_place_of_descriptions(place: Place) -> None:
    files(
        place,
        workflow="required_inputs:\n  - target_environment: eu-prod\n  - database_connection: $APP_DB\n"
        "optional_inputs:\n  - migration_timeout: 900\n  - dry_run: true\n"
        "  - migration_tool_override: {description: which, default: alembic}\n",
    )
    settings = place.load()
    assert (settings.environment, settings.database, settings.timeout) == ("eu-prod", "APP_DB", 900.0)
    assert (settings.mode, settings.tool, settings.timeout_set) == (Mode.PLAN_ONLY, "alembic", False)


def test_every_stronger_tier_wins(place: Place) -> None:
    files(place, "user_name: Bmad\nmigration_timeout: 1\n")
    place.write(Tier.PROJECT, 'user_name = "Project"\n')
    settings = place.load({"timeout": 2})
    assert (settings.user_name, settings.timeout) == ("Project", 2.0)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("skip_backup: true", "skip_backup"),
        ("execution_mode: rollback", "execution_mode"),
        ("rollback_on_failure: false", "rollback_on_failure"),
        ("expected_db: shop", "expected_db"),
        ("target_version: abc", "target_version"),
        ("optional_inputs: [{skip_backup: true}]", "skip_backup"),
        ("optional_inputs: {skip_backup: {default: true}}", "skip_backup"),
        ('skip_backup: "{config_source}:deployment.skip"', "skip_backup"),
    ],
)
def test_what_only_a_person_may_say_is_an_error(place: Place, line: str, key: str) -> None:
    files(place, "deployment:\n  skip: true\n", workflow=line + "\n")
    error = refused(place.load)
    assert (error.code, error.fields["key"]) == ("setting_forbidden", key)
    assert error.fields["where"] == str(place.project / "bmad" / WORKFLOW)
    assert error.fields["belongs"] == str(place.folders.config / "diana.toml")


def test_the_defaults_that_stand_there_say_nothing(place: Place) -> None:
    files(place, "skip_backup: false\nrollback_on_failure: true\nexecution_mode: execute\ndry_run: false\n")
    settings = place.load()
    assert settings.source("skip_backup") == "default"
    assert settings.source("mode") == "default"


def test_unknown_keys_and_names_of_ours_are_kept_quietly(place: Place) -> None:
    files(
        place,
        "mode: interactive\nmodel: evil\nstores: {a: 1}\npolicy: {coding_agents: true}\nbackup_folder: /tmp\n"
        "environments: {prod: {level: dev}}\nrunner: sh\ntimeout: -3\n1: 2\nnull: x\n[a, b]: c\n".replace(
            "[a, b]: c\n", ""
        ),
    )
    assert place.load().policy == place.load({"timeout": 3}).policy
    assert place.load().environments == ()


def test_a_language_that_nobody_knows_is_noted(place: Place) -> None:
    files(place, "communication_language: Klingon of the Empire\n")
    settings = place.load()
    assert settings.language == "en"
    assert [note.id for note in settings.notes] == ["language_unknown"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user_name: '{config_source}:nothing.here'", ""),
        ("user_name: '{nobody}'", ""),
        ("user_name: '{a}'\na: '{b}'\nb: '{a}'", ""),
        ("user_name: '{a} L.'\na: Ada", "Ada L."),
        ("user_name: '{config_source}:user_name'", ""),
        ("user_name: '{a}'\na: [1]", ""),
    ],
)
def test_references_lead_somewhere_or_say_nothing(place: Place, text: str, value: str) -> None:
    files(place, text + "\n")
    assert place.load().user_name == value


def test_a_reference_that_would_grow_without_end_says_nothing(place: Place) -> None:
    lines = "".join(f"a{number}: '{{a{number + 1}}}{{a{number + 1}}}'\n" for number in range(9))
    files(place, f"user_name: '{{a0}}'\n{lines}a9: '{'x' * 400}'\n")
    assert place.load().user_name == ""


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"user_name: [unclosed\n", "settings_broken", "2"),
        (b"a: 1\nb: !!python/object/apply:os.system ['true']\n", "settings_broken", "2"),
        (b"a: &a {x: 1}\nb: {<<: *a}\n", "settings_broken", "2"),
        (b"- a\n- b\n", "settings_broken", "1"),
        (b"just text\n", "settings_broken", "1"),
        (b"a: 2024-99-99\n", "settings_broken", "2"),
        (b"a: !!int ''\n", "settings_broken", "2"),
        (b"a: !!bool maybe\n", "settings_broken", "2"),
        (b"a: !!timestamp x\n", "settings_broken", "2"),
        (b"? [a, b]\n: c\n", "settings_broken", "1"),
        (b"a: " + b"9" * 6000 + b"\n", "settings_broken", "2"),
        (b"a: 1\n---\nb: 2\n", "settings_broken", "2"),
        (b"a: \x00\n", "settings_broken", "2"),
        (b"a: \xff\n", "settings_not_text", "1"),
        (b"a: " + b"[" * 30_000, "settings_too_deep", ""),
        (b"a: " + b"{a: " * 20_000, "settings_too_deep", ""),
        (b"#" * 200_000, "settings_too_big", ""),
    ],
)
def test_a_broken_file_names_its_line(place: Place, text: bytes, code: str, line: str) -> None:
    files(place, "x")
    path = place.project / "bmad" / CONFIG
    path.write_bytes(text)
    error = refused(place.load)
    assert (error.code, error.fields["file"], error.fields.get("line", "")) == (code, str(path), line)


def test_shared_anchors_do_not_multiply(place: Place) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    files(place, bomb + "user_name: Ada\n")
    assert place.load().user_name == "Ada"


@pytest.mark.parametrize(
    "said", ["/etc/passwd", "'{project-root}/../elsewhere/x.yaml'", "link/x.yaml", '"\\0"', '"\\ud800"', "..", "."]
)
def test_nothing_outside_the_project_is_read(place: Place, said: str) -> None:
    (place.elsewhere / "x.yaml").write_text("user_name: Eve\n")
    (place.project / "link").symlink_to(place.elsewhere)
    files(place, f"inherit_from: {said}\n")
    code = "settings_not_a_file" if said == "." else "bmad_outside"
    assert refused(place.load).code == code
    (place.project / "bmad" / CONFIG).unlink()
    files(place, workflow=f"config_source: {said}\n")
    assert refused(place.load).code == code


def test_the_folder_itself_may_not_lead_out(place: Place) -> None:
    (place.elsewhere / "bmi").mkdir()
    (place.elsewhere / "bmi/config.yaml").write_text("user_name: Eve\n")
    (place.project / "bmad").symlink_to(place.elsewhere)
    assert refused(place.load).code == "bmad_outside"


def test_a_circle_of_inheritance_is_named(place: Place) -> None:
    files(place, CONFIG_TEXT, parent="inherit_from: ['{project-root}/bmad/bmi/config.yaml']\n")
    error = refused(place.load)
    assert (error.code, error.fields["file"]) == ("bmad_circle", str(place.project / "bmad/bmi/config.yaml"))


def test_a_parent_that_is_not_there_is_no_matter(place: Place) -> None:
    files(place, CONFIG_TEXT)
    assert place.load().user_name == "Ada"


def test_a_wrong_value_names_the_file(place: Place) -> None:
    files(place, "migration_timeout: soon\n")
    error = refused(place.load)
    assert (error.code, error.fields["key"]) == ("setting_number", "migration_timeout")
    assert Path(error.fields["where"]) == place.project / "bmad" / CONFIG


@pytest.mark.parametrize("said", ["/var/log", "{project-root}/../x", "{planning}/x", "{output_folder}/x"])
def test_an_output_folder_outside_is_an_error_or_says_nothing(place: Place, said: str) -> None:
    files(place, f"output_folder: '{said}'\n")
    if said == "{planning}/x":
        assert place.load().output_folder == ""
    else:
        assert refused(place.load).code in ("output_folder_outside", "setting_reference")
