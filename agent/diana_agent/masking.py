"""What leaves a run is masked once more at its few doors: the record, the answers, the questions, the model's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from diana_agent.events import EVENTS, AnyEvent
from diana_agent.models.base import JsonValue, ModelTurn, Part, Text, ToolCall
from diana_agent.person import Person, Question, Reply

Hide = Callable[[str], str]


def masked_json(value: JsonValue, hide: Hide) -> JsonValue:
    """The same value, or one whose texts hide what they must; keys are Diana's own words and stay."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        items = [masked_json(item, hide) for item in value]
        return items if items != value else value
    if isinstance(value, dict):
        pairs = {key: masked_json(item, hide) for key, item in value.items()}
        return pairs if pairs != value else value
    return value


def masked_event(event: AnyEvent, hide: Hide) -> AnyEvent:
    """The event as it may be kept and shown; itself where there is nothing to hide.

    Where a secret is also one of Diana's own words (an outcome, an act), the word stays, alone in its field.
    """
    body: JsonValue = EVENTS.dump_python(event, mode="json")
    hidden = masked_json(body, hide)
    if hidden is body:
        return event
    try:
        return EVENTS.validate_python(hidden)
    except ValidationError:
        return EVENTS.validate_python(masked_json(body, lambda text: text if text.isidentifier() else hide(text)))


def masked_turn(turn: ModelTurn, hide: Hide) -> ModelTurn:
    """A model's reply as it may be kept, shown and sent again; the calls themselves are judged as they came."""
    return replace(turn, text=hide(turn.text), parts=tuple(_masked_part(part, hide) for part in turn.message.parts))


def _masked_part(part: Part, hide: Hide) -> Part:
    if isinstance(part, Text):
        return Text(hide(part.text))
    if isinstance(part, ToolCall):
        return replace(part, arguments=hide(part.arguments))
    return part


class DiscreetPerson:
    """A person who is shown no secret in a question's facts, whatever the project wrote into them."""

    def __init__(self, person: Person, hide: Hide) -> None:
        self._person = person
        self._hide = hide

    @property
    def present(self) -> bool:
        """Whether somebody can be asked."""
        return self._person.present

    async def ask(self, question: Question) -> Reply:
        """Ask; what must be typed or chosen stays as it is."""
        text, title = self._hide(question.text), self._hide(question.title)
        facts = tuple(map(self._hide, question.facts))
        return await self._person.ask(replace(question, text=text, title=title, facts=facts))
