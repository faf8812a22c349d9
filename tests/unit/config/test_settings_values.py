"""Unknown keys and wrong values: each names its file, its key, and what would be right."""

from __future__ import annotations

import pytest

from diana_config.settings import Tier
from unit.config.settings_place import Place, refused


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("timeoutt = 3", "timeout"),
        ("migraton_timeout = 3", "migration_timeout"),
        ("skip_backups = true", "skip_backup"),
        ('enviroment = "dev"', "environment"),
        ("[polcy]", "policy"),
        ("zzzzzzzzz = 1", ""),
        ('"\\u001b[31m" = 1', ""),
        ("[policy]\nmax_backup_age = 3", "max_backup_age_minutes"),
        ("[environments.qa]\nlevle = 3", "level"),
        ("[environments.dev]\nhost = 3", "hosts"),
        ('[stores.x]\nbucket = "b"', ""),
        ('[policy.least_proof]\nprod = "read"', "production"),
        ("[prices]\ninput = 3", ""),
    ],
)
def test_an_unknown_key_is_an_error_with_the_nearest_name(place: Place, line: str, nearest: str) -> None:
    file = place.write(Tier.USER, line + "\n")
    error = refused(place.load)
    assert error.code == ("setting_unknown_near" if nearest else "setting_unknown")
    assert error.fields.get("nearest", "") == nearest
    assert error.fields["where"] == str(file)
    assert "\x1b" not in str(error)


def test_an_unknown_flag_is_an_error_with_the_nearest_name(place: Place) -> None:
    assert refused(lambda: place.load({"timout": 3})).fields == {"flag": "timout", "nearest": "timeout"}
    assert refused(lambda: place.load({"zzz": 3})).code == "flag_unknown"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("timeout = 0", "setting_number"),
        ("timeout = -1", "setting_number"),
        ("timeout = nan", "setting_number"),
        ("timeout = inf", "setting_number"),
        ("timeout = true", "setting_number"),
        ('timeout = "300"', "setting_number"),
        (f"timeout = {'9' * 400}", "setting_number"),
        ("count = 1.5", "setting_whole"),
        ("count = true", "setting_whole"),
        ("count = -1", "setting_whole"),
        ('skip_backup = "yes"', "setting_yes_no"),
        ("skip_backup = 1", "setting_yes_no"),
        ('mode = "exekute"', "setting_choice_near"),
        ('mode = "go"', "setting_choice"),
        ("mode = 3", "setting_choice"),
        ('skill = "guru"', "setting_choice"),
        ('skill = ""', "setting_choice"),
        ('language = "Klingon!"', "setting_language"),
        ("language = 1", "setting_language"),
        ('tool = "a b"', "setting_name"),
        ('environment = "a/b"', "setting_name"),
        ("database = 3", "setting_connection"),
        ('database = "not a url"', "setting_connection"),
        ('database = "$"', "setting_connection"),
        ('database = "postgres//x:y@z"', "setting_connection"),
        ('tool_root = "../other"', "setting_outside_project"),
        ('tool_root = "/etc"', "setting_outside_project"),
        ('tool_root = "{planning}/x"', "setting_reference"),
        ('output_folder = "/var/log"', "output_folder_outside"),
        ('output_folder = "../x"', "output_folder_outside"),
        ('log_name = "../x.md"', "setting_file_name"),
        ('log_name = "/x.md"', "setting_file_name"),
        ('log_name = "{time}.md"', "setting_file_name"),
        ('log_name = ""', "setting_file_name"),
        ('interpreter = "python3"', "setting_path"),
        ('backup_folder = "backups"', "setting_path"),
        ('child_env = "PATH"', "setting_texts"),
        ('child_env = ["A=B"]', "setting_variables"),
        ("child_env = [1]", "setting_texts"),
        ('adapters = ["../x"]', "setting_distributions"),
        ('model_endpoint = "ftp://x"', "setting_address"),
        ('model_endpoint = "https://u:p@x"', "setting_address"),
        ('user_name = "a\\u001bb"', "setting_text"),
        ('user_name = "a\\u202eb"', "setting_text"),
        (f'user_name = "{"x" * 501}"', "setting_text"),
        ("user_name = 1979-05-27", "setting_text"),
        ("environments = 3", "setting_table"),
        ("stores = []", "setting_table"),
        ("policy = true", "setting_table"),
        ("environments.qa = 1", "setting_table"),
        ("[environments.qa]", "environment_level_missing"),
        ('[environments."a b"]\nlevel = "dev"', "setting_name"),
        ('[environments.qa]\nlevel = "prod"', "setting_choice_near"),
        ('[environments.production]\nlevel = "dev"', "environment_contradiction"),
        ('[environments.Stage]\nlevel = "dev"', "environment_contradiction"),
        ('[stores.x]\nkind = "s3"', "store_location"),
        ('[stores.x]\nlocation = "s3://b"', "store_kind"),
        ('[stores.x]\nkind = "folder"\nlocation = "relative"', "setting_path"),
        ('[stores.x]\nkind = "s3"\nlocation = "b"\nremote = 1', "setting_yes_no"),
        ('[stores.x]\nkind = "s3"\nlocation = "b"\noptions.a = []', "setting_text"),
        ('[rules]\nDL3 = "B"', "setting_rule"),
        ('[rules]\nDL003 = "X"', "setting_choice"),
        ('[policy]\nremote_copy = ["everywhere"]', "setting_choice"),
        ('[policy]\nremote_copy = "dev"', "setting_texts"),
        ("[policy]\nmax_backup_age_minutes = 0", "setting_whole"),
        ("[prices]\nread = 1", "setting_number"),
        ('runner = "docker compose exec app"', "setting_planned"),
        ("timeout = 3\nmigration_timeout = 4", "setting_twice"),
    ],
)
def test_a_wrong_value_names_file_and_key(place: Place, line: str, code: str) -> None:
    file = place.write(Tier.USER, line + "\n")
    error = refused(place.load)
    assert (error.code, error.fields["where"]) == (code, str(file))
    assert error.fields["key"]


def test_connections_are_read_in_each_of_their_spellings(place: Place) -> None:
    for literal, value in (
        ("${APP_DB}", "APP_DB"),
        ("$APP_DB", "APP_DB"),
        ("APP_DB", "APP_DB"),
        (" sqlite:///a b's.db ", "sqlite:///a b's.db"),
    ):
        place.write(Tier.USER, f'database_connection = "{literal}"\n')
        assert place.load().database == value


def test_a_link_that_leads_out_is_no_output_folder(place: Place) -> None:
    (place.project / "docs").symlink_to(place.elsewhere)
    place.write(Tier.PROJECT, 'output_folder = "docs/logs"\n')
    assert refused(place.load).code == "output_folder_outside"
    (place.project / "diana.toml").unlink()
    state = place.folders.state / "logs"
    assert place.load({"output": str(state)}).output_folder == str(state)
