"""Exit codes (the table is in README.md), and the document's own sentence around each kind of halt."""

from __future__ import annotations

from diana_tools import errors as er

DONE, BUG, USAGE, APPROVAL, HALTED, BACKUP, FAILED, PERSON = 0, 1, 2, 4, 5, 6, 7, 8
VERIFICATION, PENDING, HELD, UNLOGGED, CANCELLED = 9, 10, 11, 12, 130

_BY_KIND: tuple[tuple[type[er.DianaError], int, str], ...] = (
    (er.SettingsError, USAGE, ""),
    (er.ChoiceNeeded, USAGE, ""),
    (er.PermitRefused, APPROVAL, ""),
    (er.LockHeld, HELD, ""),
    (er.ScratchBreach, PERSON, ""),
    (er.BackupError, BACKUP, "halt.backup"),
    (er.ConnectionFailed, HALTED, "halt.connection"),
    (er.ChangeFailed, PERSON, "halt.change"),
    (er.RehearsalError, HALTED, ""),
    (er.ToolError, HALTED, "halt.prerequisites"),
)
_NO_UMBRELLA = frozenset(
    {"tool_not_found", "identity_mismatch", "database_mismatch", "history_inconsistent", "version_unknown",
     "environment_unknown", "plan_first", "nothing_to_verify", "backup_first", "not_connected", "no_backup",
     "cannot_roll_back", "preview_changed_target", "tool_unsupported"}
)  # fmt: skip
_OWN_CODE = {"preview_changed_target": PERSON, "log_unwritable": UNLOGGED, "journal_unwritable": HALTED,
             "journal_changed": HALTED, "journal_broken": HALTED, "journal_unreadable": HALTED, "journal_torn": HALTED,
             "journal_cut": HALTED, "journal_missing": USAGE, "index_unwritable": UNLOGGED, "journal_locked": HELD,
             "no_backup": USAGE, "request_unreadable": USAGE, "approval_unwritable": USAGE,
             "approval_unreadable": APPROVAL, "approval_key_unsafe": APPROVAL, "approval_not_signed": APPROVAL,
             "approval_signer_name": USAGE, "approvals_unreadable": APPROVAL, "approvals_unwritable": APPROVAL,
             "demo_environment": USAGE, "demo_folder_taken": USAGE}  # fmt: skip


def exit_code(error: er.DianaError) -> int:
    """The exit code of a failure; an unknown kind is a bug."""
    if error.code in _OWN_CODE:
        return _OWN_CODE[error.code]
    return next((code for kind, code, _ in _BY_KIND if isinstance(error, kind)), BUG)


def umbrella(error: er.DianaError) -> str:
    """The id of the document's sentence around a failure, or empty."""
    if error.code in _NO_UMBRELLA:
        return ""
    return next((message for kind, _, message in _BY_KIND if isinstance(error, kind)), "")
