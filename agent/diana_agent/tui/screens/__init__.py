"""Screens, one file each, its style sheet beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.content import Content

    from diana_agent.person import Question
    from diana_agent.tui.screens.question import QuestionScreen
    from diana_agent.tui.words import Words


def screen_for(question: Question, words: Words, badge: Content) -> QuestionScreen:
    """The screen for a question's kind; loaded at the first question and not before."""
    from diana_agent.tui.screens.ask import ChoiceScreen, TextScreen
    from diana_agent.tui.screens.confirm import PhraseScreen, YesNoScreen

    kinds: dict[str, type[QuestionScreen]] = {
        "yes_no": YesNoScreen, "phrase": PhraseScreen, "choice": ChoiceScreen, "text": TextScreen,
    }  # fmt: skip
    return kinds[question.kind](question, words, badge)
