"""What was said and done, drawn from the journal as blocks of the transcript. Loaded after the first frame."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import singledispatchmethod

from textual.widget import Widget

from diana_agent import events as ev
from diana_agent.guard import phrases
from diana_agent.tui import cards
from diana_agent.tui.feed import Happened, Piece, Printed, Streamed
from diana_agent.tui.widgets.facts_card import FactsCard, Row
from diana_agent.tui.widgets.human import Human
from diana_agent.tui.widgets.plan_card import PlanCard
from diana_agent.tui.widgets.reply import Reply
from diana_agent.tui.widgets.sentence import Sentence
from diana_agent.tui.widgets.steps import duration
from diana_agent.tui.widgets.tool_card import ToolCard
from diana_agent.tui.words import Words, clean

_TONES = ("good", "warn", "bad")


class Story:
    """Turns pieces of the feed into blocks; `take` gives the new ones, older blocks change in place."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._new: list[Widget] = []
        self._reply: Reply | None = None
        self._cards: dict[str, ToolCard] = {}
        self._told = False
        self._running: ToolCard | None = None
        self._loose: ToolCard | None = None
        self._plan: tuple[ev.Planned, PlanCard] | None = None
        self._backups: dict[str, FactsCard] = {}
        self._prerequisites: FactsCard | None = None

    def draw(self, pieces: Sequence[Piece]) -> list[Widget]:
        """Draw one frame's pieces; returns the new blocks in order."""
        self._new = []
        for piece in pieces:
            if isinstance(piece, Happened):
                self._happened(piece.event)
            elif isinstance(piece, Streamed):
                self._streamed(piece.text)
            else:
                self._printed(piece)
        return self._new

    def _add(self, block: Widget) -> None:
        self._new.append(block)

    def _say(self, sentence: str, tone: str) -> None:
        if sentence.strip():
            self._add(Sentence(sentence, tone))

    def _happened(self, event: ev.AnyEvent) -> None:
        if not isinstance(event, ev.Prerequisite):
            self._prerequisites = None
        if self._loose is not None:
            self._loose.finish(True, "", "", self._words("keys.unfold"))
            self._loose = None
        self._draw(event)

    def _streamed(self, text: str) -> None:
        if self._reply is None:
            self._reply = Reply()
            self._add(self._reply)
        self._reply.feed(text)

    def _printed(self, piece: Printed) -> None:
        card = self._running or self._loose
        if card is None:
            card = self._loose = ToolCard(self._words("card.output"), "", "", self._words("keys.unfold"))
            self._add(card)
        card.print(piece.lines, piece.skipped)

    @singledispatchmethod
    def _draw(self, event: object) -> None:
        """Events that only machines read."""

    @_draw.register
    def _(self, event: ev.UserSaid) -> None:
        self._add(Human(event.text))
        self._warn_of_phrase(event.text)

    @_draw.register
    def _(self, event: ev.ModelSaid) -> None:
        if self._reply is None:
            self._add(Reply(event.text))
        else:
            self._reply.finish(event.text)
            self._reply = None
        self._warn_of_phrase(event.text)

    def _warn_of_phrase(self, text: str) -> None:
        """A phrase in the conversation confirms nothing, whoever wrote it (the guard's design, 7)."""
        if phrases.spoken(text):
            self._add(Sentence(self._words("phrase_in_chat"), "warn"))

    @_draw.register
    def _(self, event: ev.ToolRequested) -> None:
        self._reply = None
        card = ToolCard(
            event.verb, _arguments(event.arguments), self._words("card.running"), self._words("keys.unfold")
        )
        self._cards[event.call] = self._running = card
        self._add(card)

    @_draw.register
    def _(self, event: ev.ToolAnswered) -> None:
        card = self._cards.pop(event.call, None)
        if card is None:
            return
        if card is self._running:
            self._running = None
        status, sentence = _outcome(event.result)
        if event.ok:
            status = "done"
        elif sentence and not self._told:
            card.print(sentence.splitlines())
        card.finish(event.ok, self._words(f"card.{status}"), duration(event.seconds), self._words("keys.unfold"))

    @_draw.register
    def _(self, event: ev.Noted) -> None:
        self._say(self._words.of(event.message, event.fields) or clean(event.message), event.tone)

    @_draw.register
    def _(self, event: ev.Prerequisite) -> None:
        tone = {True: "good", False: "bad", None: "warn"}[event.met]
        row = Row(self._words.of(event.message, event.fields) or clean(event.name), "", tone)
        if self._prerequisites is None:
            self._prerequisites = FactsCard(self._words("prerequisites"), "", tone)
            self._add(self._prerequisites)
        self._prerequisites.grow([row], tone=max(tone, self._prerequisites.tone, key=_TONES.index))

    @_draw.register
    def _(self, event: ev.Detected) -> None:
        if event.chosen is None:
            return
        evidence = ", ".join(item.path for item in event.chosen.evidence[:4])
        fields = {"tool": event.chosen.tool, "confidence": event.chosen.confidence.value, "evidence": evidence}
        self._say(self._words.of("detect.found", fields) or " ".join(map(clean, fields.values())), "good")

    @_draw.register
    def _(self, event: ev.Connected) -> None:
        trip = f"{event.facts.round_trip * 1000:.0f} ms"
        version = clean(event.facts.version, 80)
        engine = version if event.address.engine in version.lower() else f"{event.address.engine} {version}"
        facts = (engine, cards.size(event.facts.size), trip)
        if self._running is not None:
            self._running.explain("  ".join(facts))

    @_draw.register
    def _(self, event: ev.Trusted) -> None:
        self._add(Sentence(self._words(f"trusted.{event.by}", count=len(event.files)), "quiet"))

    @_draw.register
    def _(self, event: ev.Planned) -> None:
        plan = event.plan
        if self._plan is not None:
            old, card = self._plan
            if (old.plan.pending, old.plan.findings, old.plan.unread) == (plan.pending, plan.findings, plan.unread):
                card.show(plan)
                self._plan = (event, card)
                return
        card = PlanCard(plan, self._words)
        self._plan = (event, card)
        self._add(card)

    @_draw.register
    def _(self, event: ev.BackedUp) -> None:
        card = cards.backup(event.backup, self._words)
        self._backups[event.backup.id] = card
        self._add(card)

    @_draw.register
    def _(self, event: ev.Proven) -> None:
        row = cards.proof_row(event.proof, self._words)
        if (card := self._backups.get(event.backup)) is not None:
            card.grow([row], tone=row.tone)
        else:
            self._add(FactsCard(self._words("backup.title"), "", row.tone, [row]))

    @_draw.register
    def _(self, event: ev.Copied) -> None:
        row = cards.copy_row(event.copy_, self._words)
        if (card := self._backups.get(event.backup)) is not None:
            card.grow([row], tone="bad" if row.tone == "bad" else "")
        else:
            self._add(FactsCard(self._words("backup.title"), "", row.tone, [row]))

    @_draw.register
    def _(self, event: ev.Rehearsed) -> None:
        self._add(cards.rehearsal(event.rehearsal, self._words))

    @_draw.register
    def _(self, event: ev.Previewed) -> None:
        self._add(cards.preview(event.preview, self._words))

    @_draw.register
    def _(self, event: ev.Answered) -> None:
        word = "answered.yes" if event.matched else "answered.no"
        self._add(Sentence(self._words(word), "quiet" if event.matched else "warn"))

    @_draw.register
    def _(self, event: ev.Refused) -> None:
        self._told = True
        sentence = self._words.code(event.reason, "refused", "error", fields=event.fields)
        title = self._words("refused", verb=clean(event.verb, 60))
        self._add(FactsCard(title, clean(event.reason, 60), "warn", [Row(sentence)]))

    @_draw.register
    def _(self, event: ev.PermitMinted) -> None:
        until = event.expires_at.astimezone().strftime("%H:%M")
        self._add(Sentence(self._words("permit", act=clean(event.act, 40), until=until), "quiet"))

    @_draw.register
    def _(self, event: ev.ChangeStarted) -> None:
        if self._running is not None:
            program, *rest = event.argv or ("",)
            self._running.explain(shlex.join([program.rsplit("/", 1)[-1], *rest]))

    @_draw.register
    def _(self, event: ev.ChangeFinished) -> None:
        self._add(cards.change(event, self._words))

    @_draw.register
    def _(self, event: ev.Recovered) -> None:
        self._add(cards.recovery(event, self._words))

    @_draw.register
    def _(self, event: ev.Verified) -> None:
        self._add(cards.verification(event.verification, self._words))

    @_draw.register
    def _(self, event: ev.Halted) -> None:
        self._told = True
        inner = self._words.code(event.reason, "refused", "error", "halt", fields=event.fields)
        told = self._words.of(event.umbrella, {"error": inner}) if event.umbrella else ""
        rows = [Row(line) for line in (told or inner).splitlines()]
        self._add(FactsCard(self._words("halted"), clean(event.reason, 60), "bad", rows))

    @_draw.register
    def _(self, event: ev.RunEnded) -> None:
        self._add(Sentence(self._words("ended", outcome=clean(event.outcome, 40), code=event.exit_code), "quiet"))


def _arguments(text: str) -> str:
    """Arguments as `name=value`, where they are an object; a broken text as it is."""
    try:
        loaded: object = json.loads(text or "{}")
    except ValueError:
        return text
    if not isinstance(loaded, dict):
        return text
    pairs: list[tuple[object, object]] = list(loaded.items())  # pyright: ignore[reportUnknownArgumentType]  # JSON
    return "  ".join(f"{name}={value}" for name, value in pairs if value not in ("", None))


def _outcome(result: str) -> tuple[str, str]:
    """The status word of an answer that is not good (refused, halted or failed), and its sentence."""
    try:
        loaded: object = json.loads(result)
    except ValueError:
        return "failed", ""
    if not isinstance(loaded, dict):
        return "failed", ""
    body: dict[object, object] = loaded  # pyright: ignore[reportUnknownVariableType]  # JSON
    status, sentence = body.get("status"), body.get("sentence")
    known = status if status in ("refused", "halted") else "failed"
    return str(known), sentence if isinstance(sentence, str) else ""
