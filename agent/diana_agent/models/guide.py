"""The next move of the embedded Diana: one verb, or something to say; decided from the conversation alone.

What leads on is never decided here: each answer names the verbs that may come next, and the first of them is followed.
A change is asked for only in a turn that the person opened with words that ask for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from diana_agent.models.about_plan import migration_of, names_of, timing, told_losses, wayback
from diana_agent.models.answers import TOPICS, Asked, after_failure, respond
from diana_agent.models.intents import Intent, classify
from diana_agent.models.results import Detection, Facts, Plan, Preview, Restored, read
from diana_agent.models.thread import Seen, View
from diana_agent.models.voice import Voice, duration, fenced, line, name, paragraphs

RUN = ("detect", "connect", "plan", "preview", "backup", "rehearse", "migrate", "rollback", "verify", "report")
LOOKING = ("detect", "connect", "plan")
TARGETS = {
    Intent.START: "plan", Intent.PLAN: "plan", Intent.PREVIEW: "preview", Intent.MAKE_BACKUP: "backup",
    Intent.REHEARSE: "rehearse", Intent.VERIFY: "verify", Intent.ROLLBACK: "rollback", Intent.RESTORE: "restore",
    Intent.REPORT: "report", Intent.CONNECT: "connect",
}  # fmt: skip
_DECLINED = ("declined", "phrase_wrong", "declined_before", "too_many_refusals", "approval_required")


@dataclass(frozen=True, slots=True)
class Move:
    """What to say, and the verb to ask for after it (none: the turn ends). `arguments` is JSON."""

    text: str
    verb: str = ""
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Guide:
    """One reply to one view of the conversation. `verbs` are those that exist."""

    view: View
    verbs: frozenset[str]
    voice: Voice

    def move(self) -> Move:
        """The one move for this view."""
        facts = self.view.facts()
        intent = classify(self.view.said, names_of(facts))
        last = self.view.last
        if last is not None and not last.well and last.verb not in ("facts", "read_migration"):
            return self._stopped(last, facts)
        ran = any("state" in seen.body for seen in self.view.here)
        if intent is Intent.GO or (intent is Intent.ROLLBACK and (ran or self._down(facts))):
            return self._run(facts)
        if intent in TARGETS:
            return self._toward(TARGETS[intent], facts)
        if intent in TOPICS:
            return self._answer(intent, facts)
        return Move(paragraphs((self.voice.say(f"embedded.{intent.value}"), self._menu(intent), self._next())))

    def _run(self, facts: Facts) -> Move:
        """Follow what leads on, one verb after the other, each once; a plan made on the way is shown first."""
        view, last = self.view, self.view.last
        if last is not None and last.plans:
            return self._shown(last, facts)
        verb = view.following[0]
        if self._changed_plan(facts) or (verb in ("migrate", "rollback") and not any(seen.plans for seen in view.all)):
            verb = "plan"
        if verb == "report" and self._told(facts):
            return Move(self._closing(facts))
        if verb == "rollback" and not self._down(facts):
            return Move(self._closing(facts))
        if verb in ("migrate", "rollback") and self._broken(facts):
            return Move(self._closing(facts))
        if verb in RUN and verb in view.following and verb not in view.called and verb in self.verbs:
            return self._call(verb, facts)
        return Move(self._closing(facts))

    def _changed_plan(self, facts: Facts) -> bool:
        """Whether the plan that was shown is not the one that would run now; a way down is planned by `rollback`."""
        changed = bool(self.view.all) and self.view.all[-1].outcome.reason == "plan_changed"
        return changed and "plan" in self.view.following and not self._down(facts)

    def _broken(self, facts: Facts) -> bool:
        """Whether the rehearsal of this very work failed: the guard would refuse, so the migration is mended first."""
        return facts.rehearsal is not None and not facts.rehearsal.passed

    def _told(self, facts: Facts) -> bool:
        """Whether there is nothing left to write into a log: nothing was to be done, or it stands there already."""
        plan = facts.plan
        idle = plan is not None and not plan.pending and facts.change is None
        return idle or self.view.latest("report") > self.view.latest(
            "migrate", "rollback", "restore", "verify", "preview"
        )

    def _down(self, facts: Facts) -> bool:
        """Whether a way down was planned and shown, and not run since."""
        if facts.plan is None or facts.plan.direction != "down" or not facts.plan.pending:
            return False
        places = range(len(self.view.all))
        planned = max((at for at in places if self.view.all[at].plans), default=-1)
        ran = max((at for at in places if "state" in self.view.all[at].body), default=-1)
        return planned > ran

    def _toward(self, target: str, facts: Facts) -> Move:
        """Call one verb, after the looking ones that have to come before it."""
        view, last = self.view, self.view.last
        if last is not None and last.verb == target:
            return self._shown(last, facts) if last.plans else Move(self._closing(facts))
        first = view.following[0]
        if target in view.following and target in self.verbs and target not in view.called:
            return self._call(target, facts)
        if first in LOOKING and first in self.verbs and first not in view.called:
            return self._call(first, facts)
        step = self.voice.worded("step", target)
        return Move(paragraphs((self._after(last, facts), self.voice.say("embedded.not_now", step=step), self._next())))

    def _call(self, verb: str, facts: Facts) -> Move:
        """Ask for a verb, with a word on what came before and what comes now."""
        before = "" if self.voice.skill == "expert" else self.voice.say(f"embedded.before.{verb}")
        after = self._after(self.view.last, facts)
        text = paragraphs((after, before)) if "\n" in after else " ".join(part for part in (after, before) if part)
        return Move(text, verb, '{"backup": ""}' if verb == "restore" else "{}")

    def _answer(self, intent: Intent, facts: Facts) -> Move:
        """A question: the facts first, a migration's own text where it is asked for, then the answer."""
        called = self.view.called
        if "facts" in self.verbs and "facts" not in called:
            return Move("", "facts", json.dumps({"topic": TOPICS[intent]}))
        one = migration_of(self.view.said, facts.plan) if intent is Intent.MIGRATION else None
        if one is not None and "read_migration" in self.verbs and "read_migration" not in called:
            return Move("", "read_migration", json.dumps({"id": one.id}))
        found = respond(intent, Asked(self.view.said, facts, self._trouble()), self.voice)
        return Move(paragraphs((found.text, self._next())))

    def _trouble(self) -> str:
        """The sentence of the latest step that did not end well, unless one did after it."""
        for seen in reversed(self.view.all):
            if seen.verb not in ("facts", "read_migration", "analyze"):
                return "" if seen.well else line(seen.outcome.sentence)
        return ""

    def _stopped(self, last: Seen, facts: Facts) -> Move:
        """A step that was refused, halted or failed: what happened, what is true now, and the next safe step."""
        step = self.voice.worded("step", last.verb)
        said = line(last.outcome.sentence, 2_000)
        if not said:
            said = self.voice.either(
                f"embedded.stopped.{last.outcome.status}", "embedded.stopped.unreadable", step=step,
                reason=line(last.outcome.reason) or "?",
            )  # fmt: skip
        state = after_failure(facts, self.voice) if "state" in last.body else ""
        if last.outcome.reason in _DECLINED:
            onward = self.voice.say("embedded.declined")
        elif self._broken(facts):
            onward = self.voice.say("embedded.next.mend")
        elif self.view.following[0] == last.verb:
            onward = self.voice.say("embedded.again", step=step)
        else:
            onward = self._next()
        return Move(paragraphs((" ".join(part for part in (said, state) if part), onward)))

    def _shown(self, last: Seen, facts: Facts) -> Move:
        """A plan in a few sentences, and the question whether to go on."""
        plan = facts.plan or Plan()
        down = plan.direction == "down"
        if not plan.pending:
            nothing = self.voice.say("embedded.nothing_down" if down else "embedded.up_to_date")
            return Move(paragraphs((nothing, self._next())))
        ids = self.voice.names([one.id for one in plan.pending])
        place = (
            name(facts.connection.database) if facts.connection is not None else self.voice.say("embedded.the_database")
        )
        head = self.voice.say(
            "embedded.summary_down" if down else "embedded.summary", count=len(plan.pending), names=ids, place=place
        )
        parts = (
            head,
            told_losses(plan, self.voice),
            " ".join((timing(plan, self.voice), wayback(plan, self.voice))),
            self._phrase_ahead(plan),
            "" if self.voice.skill == "expert" else self.voice.say("embedded.menu"),
            self._question(last, down=down),
        )
        return Move(paragraphs(parts))

    def _phrase_ahead(self, plan: Plan) -> str:
        """S4.6: in production a destructive plan needs a phrase; it is announced here and asked after the backup."""
        production = plan.environment is not None and plan.environment.level == "production"
        return self.voice.say("embedded.phrase_ahead") if production and plan.destructive else ""

    def _question(self, last: Seen, *, down: bool) -> str:
        leading = last.outcome.next[0] if last.outcome.next else ""
        if down and leading in ("backup", "rehearse"):
            leading += "_down"
        return self.voice.either(f"embedded.ask.{leading}", "embedded.ask.other")

    def _after(self, last: Seen | None, facts: Facts) -> str:
        """One short sentence on the step that has just ended; faces have shown its details already, but no SQL."""
        if last is not None and last.verb == "preview":
            return self._previewed(facts)
        if last is None or self.voice.skill == "expert":
            return ""
        if last.verb == "detect" and (found := read(Detection, last.content)) is not None and found.tool:
            return self.voice.say("embedded.after.detect", tool=found.tool, count=found.count)
        if last.verb == "connect" and facts.connection is not None:
            return self.voice.say("embedded.after.connect", place=name(facts.connection.place))
        if last.verb == "backup" and facts.backup is not None:
            grade = self.voice.either(f"embedded.grade.{facts.backup.grade}", "embedded.grade.none")
            return self.voice.say("embedded.after.backup", grade=grade)
        if last.verb == "rehearse" and facts.rehearsal is not None:
            message = (
                "embedded.after.rehearse_full" if facts.rehearsal.kind == "full" else "embedded.after.rehearse_schema"
            )
            return self.voice.say(message, duration=duration(facts.rehearsal.seconds))
        return ""

    def _closing(self, facts: Facts) -> str:
        """The end of a turn in which something was done."""
        last = self.view.last
        done = {
            "migrate": self._changed, "rollback": self._changed, "report": self._changed, "verify": self._changed,
            "preview": self._previewed, "restore": self._restored,
        }  # fmt: skip
        told = done[last.verb](facts) if last is not None and last.verb in done else self._after(last, facts)
        if last is None:
            idle = "embedded.up_to_date" if self._idle(facts) else "embedded.nothing_left"
            told = self.voice.say("embedded.broken" if self._broken(facts) else idle)
        return paragraphs((told, self._next()))

    def _idle(self, facts: Facts) -> bool:
        return facts.plan is not None and not facts.plan.pending and facts.change is None

    def _changed(self, facts: Facts) -> str:
        """What this turn came to: the change, the checks, the log; each only when it was measured in this session."""
        parts: list[str] = []
        change, checked = facts.change, facts.verification
        moved = {"migrate", "rollback"} & self.view.called
        if moved and change is not None and change.state == "applied":
            message = "embedded.done.rollback" if "rollback" in moved else "embedded.done.migrate"
            parts.append(self.voice.say(message, count=len(change.applied), duration=duration(change.seconds)))
        if checked is not None and (moved or "verify" in self.view.called):
            parts.append(self.voice.say("embedded.checked", passed=checked.passed, total=checked.total))
        if "report" in self.view.called:
            parts.append(self.voice.say("embedded.done.report"))
        return " ".join(parts)

    def _previewed(self, _facts: Facts) -> str:
        last = self.view.last
        shown = read(Preview, last.content) if last is not None else None
        if shown is None or not shown.sql:
            return self.voice.say("embedded.no_preview")
        head = self.voice.either(f"embedded.preview.{shown.kind}", "embedded.preview.other")
        return paragraphs((head, fenced(shown.sql, "" if shown.kind == "file_text" else "sql", 80)))

    def _restored(self, _facts: Facts) -> str:
        last = self.view.last
        back = read(Restored, last.content) if last is not None else None
        kept = back.kept if back is not None and isinstance(back.kept, str) else ""
        return (
            self.voice.say("embedded.done.restore_kept", kept=name(kept))
            if kept
            else self.voice.say("embedded.done.restore")
        )

    def _menu(self, intent: Intent) -> str:
        return self.voice.say("embedded.menu") if intent in (Intent.HELP, Intent.UNKNOWN) else ""

    def _next(self) -> str:
        """The next step, as the workflow has it."""
        leading = self.view.following[0]
        facts = self.view.facts()
        if leading == "report" and self._told(facts):
            return self.voice.say("embedded.next.idle")
        if leading in ("migrate", "rollback") and self._broken(facts):
            return self.voice.say("embedded.next.mend")
        tried = self.view.latest(leading)
        if tried >= 0 and self.view.all[tried].outcome.reason in _DECLINED[:-1]:
            return self.voice.say("embedded.next.again", verb=leading)
        return self.voice.either(f"embedded.next.{leading}", "embedded.next.idle")
