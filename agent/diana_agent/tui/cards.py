"""Cards for what was measured: one function for each kind of event. Loaded after the first frame."""

from __future__ import annotations

from diana_agent import events as ev
from diana_agent.tui.widgets.facts_card import FactsCard, Row
from diana_agent.tui.widgets.steps import duration
from diana_agent.tui.words import Words, clean
from diana_tools.measured import Backup, Check, Copy, Preview, Proof, Rehearsal, Verification

SQL_LINES = 12


def size(count: int) -> str:
    """Bytes as people read them, in powers of a thousand."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def backup(made: Backup, words: Words) -> FactsCard:
    """File, size, checksum, place and version (S5.5, S5.6)."""
    folder, _, name = clean(made.path, 1000).rpartition("/")
    rows = [
        Row(name, words("backup.file")),
        Row(folder, words("backup.folder")),
        Row(made.sha256, "sha256"),
        Row(", ".join(made.version) or "∅", words("backup.version")),
        Row(f"{made.made_at[:19].replace('T', ' ')} UTC  ·  {clean(made.program, 80)}", words("backup.made")),
    ]
    return FactsCard(words("backup.title"), size(made.size), "warn", rows)


def proof_row(proof: Proof, words: Words) -> Row:
    """How the backup was proven, and how long that took."""
    problems = "; ".join(words.code(problem, "proof") for problem in proof.problems)
    told = words(f"proof.{proof.grade.value}") + (f"  {duration(proof.seconds)}" if proof.seconds else "")
    good = proof.grade.rank > 1 and not problems
    return Row(f"{told}  {problems}".rstrip(), words("backup.proof"), "good" if good else "warn")


def copy_row(copy: Copy, words: Words) -> Row:
    """Where a copy lies, and whether it was read back."""
    word = words("copy.verified" if copy.verified else "copy.unverified")
    place = clean(copy.location, 400)
    return Row(f"{place}  {word}", words("backup.copy"), "good" if copy.verified else "bad")


def rehearsal(done: Rehearsal, words: Words) -> FactsCard:
    """What the run on the scratch showed: time, statements, and rows that came or went."""
    result = words("rehearsal.passed" if done.passed else "rehearsal.failed")
    kind = words(f"rehearsal.{done.kind}") if done.kind in ("schema", "full") else clean(done.kind, 40)
    rows = [Row(clean(done.scratch, 300), words("rehearsal.scratch"))]
    rows.append(Row(words("rehearsal.ran", count=len(done.statements), time=duration(done.seconds))))
    if done.kind == "full" and done.after is not None:
        was, now = done.before.rows(), done.after.rows()
        for table in sorted(was.keys() | now.keys()):
            if was.get(table, 0) != now.get(table, 0):
                change = f"{was.get(table, 0):,} → {now.get(table, 0):,}"
                tone = "warn" if now.get(table, 0) < was.get(table, 0) else "info"
                rows.append(Row(words("rehearsal.rows", change=change), clean(table, 80), tone))
    if not done.passed:
        rows += [Row(clean(done.failed, 200), words("rehearsal.at")), Row(clean(done.error, 2_000), style="$bad")]
    return FactsCard(words("rehearsal.title", kind=kind), result, "good" if done.passed else "bad", rows)


def preview(shown: Preview, words: Words) -> FactsCard:
    """The SQL of a dry run, or the best truth there is, named."""
    kind = words(f"preview.{shown.kind}") if shown.kind in _PREVIEWS else clean(shown.kind, 40)
    lines = clean(shown.sql, 200_000).rstrip("\n").split("\n")
    card = FactsCard(words("preview.title"), kind, "info", [Row(line) for line in lines])
    card.fold_after(SQL_LINES, words("more", count=max(len(lines) - SQL_LINES, 0)))
    return card


_PREVIEWS = ("offline_sql", "captured_sql", "file_text")


def verification(done: Verification, words: Words) -> FactsCard:
    """Every check with what was expected and found, and what was not checked."""
    passed = sum(check.passed is True for check in done.checks)
    rows = [row for check in done.checks for row in _check(check, words)]
    rows += [Row(words.code(item, "not_checked"), words("verify.not_checked"), "info") for item in done.not_checked]
    tone = "good" if done.passed else "bad" if any(check.passed is False for check in done.checks) else "warn"
    result = words("verify.result", passed=passed, total=len(done.checks))
    return FactsCard(words("verify.title"), result, tone, rows)


def _check(check: Check, words: Words) -> list[Row]:
    tone = {True: "good", False: "bad", None: "warn"}[check.passed]
    name = words.code(check.name, "check")
    if check.passed:
        return [Row(clean(check.found, 300), name, tone)]
    if check.passed is None:
        return [Row(words("verify.unknown"), name, tone)]
    told = words("verify.differs", expected=clean(check.expected, 300), found=clean(check.found, 300))
    return [
        Row(told, name, tone),
        *(Row(f"    {words.code(one, 'problem')}", style="$bad") for one in check.problems[:20]),
    ]


def change(event: ev.ChangeFinished, words: Words) -> FactsCard:
    """How a change ended: what was applied, what was not, the error, and where the whole output is."""
    result = event.result
    good = result.state == "applied"
    rows = [Row(clean(name, 200), words("change.applied"), "good") for name in result.applied[:20]]
    rows += [Row(clean(name, 200), words("change.not_applied"), "warn") for name in result.not_applied[:20]]
    if result.failed:
        rows.append(Row(clean(result.failed, 200), words("change.failed"), "bad"))
    if result.error:
        rows.append(Row(clean(result.error, 2_000), style="$bad"))
    rows += [Row(clean(line, 300), words("change.warning"), "warn") for line in result.warnings[:20]]
    if result.log:
        rows.append(Row(clean(result.log, 400), words("change.log")))
    state = result.state if result.state in ("applied", "unchanged", "partial", "unknown") else "unknown"
    told = f"{words(f'state.{state}')}  {duration(result.seconds)}"
    return FactsCard(words("change.title", act=clean(event.act, 40)), told, "good" if good else "bad", rows)


def recovery(event: ev.Recovered, words: Words) -> FactsCard:
    """Which rung was taken, and what was measured after it."""
    result = event.result
    rung = words(f"rung.{result.rung}") if result.rung in tuple("abcde") else words("rung.none")
    rows = [Row(rung, words("recovery.rung"))]
    rows += [Row(words.code(one, "problem"), "", "bad") for one in result.problems[:20]]
    told = words("recovery.back" if result.recovered else "recovery.not_back")
    return FactsCard(words("recovery.title"), told, "good" if result.recovered else "bad", rows)
