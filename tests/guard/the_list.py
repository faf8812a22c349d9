"""The list of the guard's design: every line by a short name, and the tests that hold it, wherever they are.

A line's tests always run, in every sample of a heavy matrix (`sampling`), and their count stands in the summary
(`listed`). A line about something that every tool's adapter must hold names the tests of each adapter in `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Mapping

_LIST = "tests/guard/test_list.py::test_"
_MORE = "tests/guard/test_list_more.py::test_"
_REAL = "tests/guard/test_list_real.py::test_"
_KILLED = "tests/guard/test_list_killed.py::test_"
_APPROVALS = "tests/unit/test_approvals.py::test_"

ADAPTERS: Mapping[str, tuple[str, ...]] = {
    "alembic": (
        "tests/integration/test_headless_hard_coded.py::test_on_sqlite_the_file_stays_byte_for_byte",
        "tests/integration/test_headless_hard_coded.py::test_on_postgresql_the_database_stays_as_it_is",
        "tests/conformance/test_alembic_rehearsing.py::test_a_hard_coded_file_is_refused_and_stays_byte_for_byte",
        "tests/conformance/test_alembic_rehearsing.py::test_a_hard_coded_server_is_refused_and_untouched",
    ),
}
"""A project with a hard-coded URL, by tool: the design names ten; one without an adapter cannot be run at all."""

LINES: Mapping[str, tuple[str, ...]] = {
    "the phrase typed in the chat": (
        f"{_LIST}phrase_typed_in_the_chat",
        "tests/integration/test_chat.py::test_production_phrase_in_the_chat_does_nothing_in_the_field_it_runs_once",
    ),
    "the model calling migrate 1,000 times": (f"{_LIST}model_calls_migrate_a_thousand_times",),
    "a file of the run changed after approval": (
        f"{_LIST}file_changed_after_the_yes",
        "tests/conformance/test_alembic_looking.py::test_settings_and_dotenv_files_are_among_what_the_run_loads",
        "tests/integration/test_opened_files.py::test_sql_file_that_changes_after_the_rehearsal",
    ),
    "the database swapped behind the same address": (f"{_LIST}database_swapped_behind_the_same_address",),
    "the clock moved either way": (
        f"{_LIST}clock_moved_between_backup_and_run",
        f"{_LIST}clock_moved_between_permit_and_use",
        f"{_APPROVALS}a_clock_set_back_after_a_later_use_is_noticed",
    ),
    "an approval replayed, for another plan, database, policy": (
        f"{_APPROVALS}it_works_once",
        f"{_APPROVALS}it_is_for_nothing_else",
        "tests/integration/test_headless_production.py::test_an_approval_of_another_person_is_good_for_one_run",
        "tests/integration/test_headless_production.py::test_by_hmac_where_the_policy_allows_it",
    ),
    "a journal line edited, removed, swapped, the tail cut": (
        f"{_LIST}journal_line_edited_removed_swapped_tail_cut",
        "tests/unit/test_journal.py::test_an_alteration_is_found_at_its_line",
        "tests/unit/test_journal.py::test_a_cut_tail_is_found_against_anchors_only",
    ),
    "a backup truncated, empty gzip, right size with wrong content": (
        f"{_LIST}backup_broken_between_proof_and_run",
        "tests/integration/test_sqlite_backup.py::test_a_backup_that_is_not_what_was_made_is_no_proof",
    ),
    "an upload that reads back different": (
        f"{_MORE}upload_that_reads_back_different",
        "tests/integration/s3/test_s3_checks.py::test_an_upload_that_reads_back_different_is_no_copy",
    ),
    "a row or comment with instructions for the model": (
        f"{_LIST}row_or_comment_with_instructions_for_the_model",
        f"{_MORE}row_with_instructions_for_the_model",
    ),
    "a tool that prints success and did nothing": (f"{_LIST}tool_that_prints_success_and_did_nothing",),
    "a tool that asks a question": (f"{_LIST}tool_that_asks_a_question",),
    "ANSI and OSC-52 in output": (f"{_LIST}ansi_and_osc_52_in_output",),
    r"\! in a .sql file": (
        f"{_MORE}shell_escape_in_a_sql_file",
        f"{_REAL}shell_escapes_in_a_database_and_in_its_backup",
        f"{_REAL}no_shell_of_any_database_is_ever_started",
    ),
    "a child that looks for secrets": (
        f"{_LIST}child_that_looks_for_secrets",
        f"{_MORE}real_child_that_looks_for_secrets",
    ),
    "kill -9 at every state and a restart": (
        f"{_KILLED}killed_at_every_event_and_restarted",
        f"{_KILLED}a_real_diana_is_killed_and_started_again",
        f"{_LIST}killed_at_every_state_and_restarted",
        "tests/integration/test_interruptions.py::test_the_change_keeps_the_lock_and_verify_tells_its_end",
    ),
    "two Dianas at once": (f"{_LIST}two_dianas_at_once", f"{_REAL}two_dianas_at_once"),
    "a production identity under files and a flag that say dev": (
        f"{_LIST}production_identity_under_a_flag_that_says_dev",
        f"{_MORE}production_identity_under_project_file_bmad_file_and_flag_that_say_dev",
        "tests/unit/config/test_levels.py::test_a_production_identity_stays_one_whatever_else_says_dev",
    ),
    "an SSH tunnel on loopback": (
        f"{_REAL}ssh_tunnel_on_loopback",
        "tests/unit/config/test_levels.py::test_a_tunnel_on_loopback_to_a_known_server_is_that_server",
        "tests/unit/config/test_levels.py::test_a_tunnel_on_another_port_is_another_database",
    ),
    "a project file that sets a store, a policy, a model endpoint": (
        f"{_MORE}project_file_that_sets_a_store_a_policy_a_model_endpoint",
        "tests/integration/test_hostile_clone.py::test_each_key_that_is_a_persons_is_an_error_that_names_their_file",
        "tests/unit/config/test_settings_property.py::test_no_project_lowers_anything",
    ),
    "a project with a hard-coded URL in each of the tools": (
        f"{_LIST}hard_coded_url_is_never_rehearsed",
        *(test for tests in ADAPTERS.values() for test in tests),
    ),
    "a repository whose git config has an fsmonitor hook": (f"{_LIST}repository_with_an_fsmonitor_hook",),
    "a pg_dump planted in the project's bin": (
        "tests/unit/databases/test_postgresql_parts.py::test_wrappers_mixed_versions_and_unsafe_places_are_passed_over",
        "tests/integration/test_child_secrets.py::test_a_planted_program_is_not_one_of_dianas_own",
    ),
    "keys typed before the question appears": (
        "tests/integration/test_plain_person.py::test_keys_typed_before_the_question_are_not_an_answer",
        "tests/integration/test_plain_person.py::test_keys_typed_between_two_questions_answer_neither",
        "tests/tui/test_tui_questions.py::test_keys_made_too_early_do_nothing",
        "tests/tui/test_tui_questions.py::test_nothing_is_heard_before_the_question_was_drawn",
    ),
    "a model reply cut off in the middle of a tool call": (
        f"{_LIST}model_reply_cut_off_in_a_tool_call",
        "tests/integration/test_claude_faults.py::test_a_body_that_ends_early_is_cut_and_runs_nothing",
    ),
}

TESTS = frozenset(test for tests in LINES.values() for test in tests)


def listed(node: str) -> bool:
    """Whether a test, whatever its parameters, holds a line of the list."""
    return node.partition("[")[0] in TESTS
