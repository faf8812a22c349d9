"""One turn: model, tool calls, results, until the model stops. A reply that was cut off never runs a tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diana_agent.dispatch import dispatch
from diana_agent.events import ModelSaid, Noted
from diana_agent.masking import masked_turn
from diana_agent.models.base import (
    Conversation,
    Delta,
    Message,
    Model,
    ModelTurn,
    Stop,
    Text,
    ToolCall,
    ToolResult,
    Verb,
)
from diana_agent.run import Run
from diana_tools.veil import TextVeil

MAX_CALLS_A_TURN = 40


class Loop:
    """The conversation of one session, and the turns that move it on."""

    def __init__(
        self, run: Run, model: Model, system: str, verbs: tuple[Verb, ...], stopped: Callable[[], bool]
    ) -> None:
        self.model = model
        self._run = run
        self._stopped = stopped
        self._system = system
        self._verbs = verbs
        self._offered = frozenset(verb.name for verb in verbs)
        self._messages: list[Message] = []

    async def turn(self, text: str, on_delta: Callable[[str], None]) -> None:
        """Take one message until the model has nothing more to ask for."""
        self._messages.append(Message("user", (Text(text),)))
        for _ in range(MAX_CALLS_A_TURN):
            reply = await self._reply(on_delta)
            calls = reply.calls if reply.stop is Stop.TOOL_USE else ()
            if reply.message.parts:
                self._messages.append(replace(reply.message, by=self.model.name))
            if not calls or self._stopped():
                return
            self._messages.append(Message("user", await self._answers(calls)))
        self._run.write(Noted(message="model.too_many_calls", tone="warn"))

    async def _reply(self, on_delta: Callable[[str], None]) -> ModelTurn:
        conversation = Conversation(self._system, tuple(self._messages))
        turn = ModelTurn("", (), Stop.CUT, problem="model.cut")
        veil = TextVeil(self._run.redactor)
        async for part in self.model.reply(conversation, self._verbs):
            if isinstance(part, Delta):
                _send(veil.feed(part.text), on_delta)
            else:
                turn = masked_turn(part, self._run.redactor.hide)
        _send(veil.rest(), on_delta)
        if turn.text.strip():
            self._run.write(
                ModelSaid(text=turn.text, model=self.model.name, input_tokens=turn.usage.input_tokens,
                          output_tokens=turn.usage.output_tokens, cost=turn.usage.cost),
                "model",
            )  # fmt: skip
        if turn.problem:
            self._run.write(Noted(message=turn.problem, fields=dict(turn.problem_fields), tone="warn"))
        return turn

    async def _answers(self, calls: tuple[ToolCall, ...]) -> tuple[ToolResult, ...]:
        """One call after the other; after the first that does not end well the rest are not executed."""
        results: list[ToolResult] = []
        for call in calls:
            if results and not results[-1].ok:
                results.append(ToolResult(call.id, call.verb, ok=False, content='{"status": "not executed"}'))
                continue
            result, _ = await dispatch(self._run, call, "model", self._offered)
            results.append(result)
        return tuple(results)


def _send(text: str, on_delta: Callable[[str], None]) -> None:
    if text:
        on_delta(text)
