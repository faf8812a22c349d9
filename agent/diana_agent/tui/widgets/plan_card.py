"""The migration plan as a table: number, migration, what it does, and what it would cost, with live counts."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import BLANK, columns, cut, flowed, joined, styled, two_ends, wrapped
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import Words, clean
from diana_tools.domain import Finding, Migration, Plan, Unread

STACKED_BELOW = 66
AIRY_UNTIL = 6
STATEMENT = 72


class PlanCard(Lines):
    """A plan. Below 66 cells the columns are stacked under each migration."""

    def __init__(self, plan: Plan, words: Words) -> None:
        super().__init__(classes="-bad" if plan.destructive else "-info")
        self._plan = plan
        self._words = words

    def show(self, plan: Plan) -> None:
        """Show a newer plan of the same work in the place of this one."""
        self._plan = plan
        self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """Head, table, the way back, and what could not be tied to one migration."""
        plan, words = self._plan, self._words
        found = [*self._head(width), BLANK]
        if not plan.pending:
            return [*found[:-1], styled(f"  {words('plan.none')}", "$good")]
        found += self._stacked(width) if width < STACKED_BELOW else self._table(width)
        known = {migration.id for migration in plan.pending}
        loose = [item for item in (*plan.findings, *plan.unread) if item.migration not in known]
        for item in loose:
            found += wrapped(joined([*self._what(item), *self._risk(item)], "  "), width, styled("  "))
        rung = words(f"rung.{plan.recovery.rung}") if plan.recovery.rung in "abcde" else words("rung.none")
        why = words.of(f"recovery.{plan.recovery.why}")
        back = styled(f"{words('plan.way_back')}  ", "$quiet") + styled(f"{rung}  ") + styled(why, "$quiet")
        return [*found, BLANK, *wrapped(back, width, styled("  "))]

    def _head(self, width: int) -> list[Content]:
        plan, words = self._plan, self._words
        title = styled(f"{words('plan.title')}  {plan.code_word}".rstrip(), "bold")
        if plan.destructive:
            right = styled(f"▲ {words('plan.loses')}", "bold $bad")
        else:
            right = styled(f"✓ {words('plan.keeps')}", "$good")
        left = joined([title, styled(self._time(), "$quiet")], "  ")
        values = {
            "pending": str(len(plan.pending)),
            "current": _versions(plan.current),
            "target": _versions(plan.target),
        }
        summary = [styled(f"{words(f'plan.{name}')}: ", "$quiet") + styled(value) for name, value in values.items()]
        lines = two_ends(cut(left, max(width - right.cell_length - 2, 24)), right, width)
        return [*lines, *flowed(summary, width)]

    def _time(self) -> str:
        estimate = self._plan.estimate
        return self._words(f"plan.time_{'measured' if estimate.basis == 'rehearsal' else 'estimated'}",
                           seconds=f"{estimate.seconds:g}")  # fmt: skip

    def _table(self, width: int) -> list[Content]:
        words = self._words
        rows = [row for number, migration in enumerate(self._plan.pending, 1) for row in self._rows(number, migration)]
        gap, number = 2, 3
        room = width - 2 - number - 3 * gap
        title = words("plan.list_down" if self._plan.direction == "down" else "plan.list")
        name = min(max(len(title), *(_widest(row[1]) for row in rows)), room * 32 // 100)
        risk = min(max(len(words("plan.risk")), *(_widest(row[3]) for row in rows)), (room - name) * 45 // 100)
        widths = (number, name, room - name - risk, risk)
        heads = ("#", title, words("plan.statement"), words("plan.risk"))
        found = columns([[styled(head, "$human")] for head in heads], widths, gap)
        found.append(styled("─" * (width - 2), "$faint"))
        airy = len(self._plan.pending) <= AIRY_UNTIL
        for place, row in enumerate(rows):
            if airy and place and row[0]:
                found.append(BLANK)
            found += columns(row, widths, gap)
        return [styled("  ") + line for line in found]

    def _rows(self, number: int, migration: Migration) -> list[list[list[Content]]]:
        """One row for each thing that was found in a migration; the first one carries its name."""
        name = [styled(_name(migration), "bold")]
        if migration.id != migration.name:
            name.append(styled(clean(migration.id, 40), "$quiet"))
        items = self._of(migration)
        if not items:
            return [[[styled(str(number))], name, *self._nothing()]]
        return [
            [
                [styled(str(number))] if first else [],
                name if first else [],
                self._what(item, migration.path),
                self._risk(item),
            ]
            for first, item in ((place == 0, item) for place, item in enumerate(items))
        ]

    def _nothing(self) -> list[list[Content]]:
        words = self._words
        return [[styled(words("plan.nothing_found"), "$quiet")], [styled(words("plan.safe"), "$good")]]

    def _stacked(self, width: int) -> list[Content]:
        found: list[Content] = []
        for number, migration in enumerate(self._plan.pending, 1):
            name = styled(_name(migration), "bold")
            found += wrapped(name + styled(f"  {clean(migration.id, 40)}", "$quiet"), width, styled(f" {number} "))
            items = self._of(migration)
            for item in items:
                for part in (*self._what(item, migration.path), *self._risk(item)):
                    found += wrapped(part, width, styled("   "))
            if not items:
                found += wrapped(styled(self._words("plan.nothing_found"), "$quiet"), width, styled("   "))
        return found

    def _of(self, migration: Migration) -> list[Finding | Unread]:
        """What was found in a migration, the worst first."""
        found = [item for item in (*self._plan.findings, *self._plan.unread) if item.migration == migration.id]
        return sorted(found, key=_mildness)

    def _what(self, item: Finding | Unread, path: str = "") -> list[Content]:
        """What is done in words, then where, and the statement itself."""
        statement = " ".join(clean(item.statement, STATEMENT + 1).split())
        told = "" if isinstance(item, Unread) else self._told(item)
        place = clean(item.file.rsplit("/", 1)[-1], 120) + (f":{item.line}" if item.line else "")
        where = self._words("plan.line", line=item.line) if item.line and item.file == path else place
        source = joined([styled(where, "$quiet"), cut(styled(statement, "$running"), STATEMENT)], "  ")
        return [part for part in (styled(told), source) if part.plain]

    def _told(self, finding: Finding) -> str:
        fields = {"object": finding.object}
        words = self._words
        kind = words.code(finding.kind, "kind")
        return words.of(f"rule.{finding.rule}", fields) or clean(f"{kind} {finding.object}")

    def _risk(self, item: Finding | Unread) -> list[Content]:
        words = self._words
        if isinstance(item, Unread):
            return [styled(f"▲ {words('risk.unread')}", "bold $bad"), styled(words.code(item.why, "unread"), "$quiet")]
        blocked = [styled(f"✗ {words('risk.blocked', rule=item.rule)}", "bold $bad")] if item.level == "B" else []
        if not item.data_loss:
            level = item.level if item.level in ("T", "W", "I", "O") else "W"
            return blocked or [styled(words(f"risk.{level}"), "$running" if level in "TW" else "$quiet")]
        return [*blocked, self._loss(item)]

    def _loss(self, finding: Finding) -> Content:
        words, loss = self._words, finding.loss
        kind = "values" if "." in finding.object else "rows"
        if loss is None or loss.rows is None:
            why = words.code(loss.why, "loss") if loss is not None and loss.why else ""
            return styled(f"▲ {words('risk.uncounted')}", "bold $bad") + styled(f" ({why})" if why else "", "$quiet")
        if loss.rows == 0:
            return styled(f"▲ {words(f'risk.empty_{kind}')}", "$running")
        lost = words(f"risk.loses_{kind}", count=f"{loss.rows:,}")
        total = words("risk.of", count=f"{loss.total:,}") if loss.total not in (None, loss.rows) else ""
        return styled(f"▲ {lost}", "bold $bad") + styled(f" {total}" if total else "", "$quiet")


def _mildness(item: Finding | Unread) -> tuple[bool, bool, int]:
    """Sorts blocked before lossy, lossy and unread before warnings."""
    if isinstance(item, Unread):
        return True, False, 0
    return item.level != "B", not item.data_loss, "BTWIO".find(item.level)


def _name(migration: Migration) -> str:
    """The name without the id in front of it, which has a place of its own."""
    name = clean(migration.name or migration.id, 120)
    return name.removeprefix(f"{migration.id}_") if name != migration.id else name


def _versions(versions: Sequence[str]) -> str:
    return clean(", ".join(versions), 120) or "∅"


def _widest(cell: Sequence[Content]) -> int:
    return max((part.cell_length for part in cell), default=0)
