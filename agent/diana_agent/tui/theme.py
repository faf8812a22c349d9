"""Diana's colours: a dark and a light theme, one for terminals of 16 colours, and fallbacks for every other theme."""

from __future__ import annotations

from textual.theme import Theme

_DARK = {
    "human": "#7cc4ff",
    "running": "#e3b567",
    "good": "#7fd49b",
    "bad": "#f2777a",
    "quiet": "#8393a6",
    "faint": "#2a3542",
    "danger": "#d7263d",
    "danger-text": "#ffffff",
    "danger-tint": "#33141b",
    "danger-surface": "#1d0f14",
    "plain-tint": "#141b23",
}
_LIGHT = {
    "human": "#0b62a8",
    "running": "#8a5a00",
    "good": "#1c7a3e",
    "bad": "#b3261e",
    "quiet": "#5b6877",
    "faint": "#c3ccd6",
    "danger": "#c4152c",
    "danger-text": "#ffffff",
    "danger-tint": "#f7d4d8",
    "danger-surface": "#fdf1f2",
    "plain-tint": "#e6ebf1",
}
_SIXTEEN = {
    "human": "ansi_bright_blue",
    "running": "ansi_yellow",
    "good": "ansi_green",
    "bad": "ansi_bright_red",
    "quiet": "ansi_default",
    "faint": "ansi_bright_black",
    "danger": "ansi_red",
    "danger-text": "ansi_bright_white",
    "danger-tint": "ansi_default",
    "danger-surface": "ansi_default",
    "plain-tint": "ansi_default",
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
}

DARK = Theme(
    name="diana",
    primary="#7cc4ff",
    secondary="#5a7fa3",
    accent="#e3b567",
    warning="#e3b567",
    error="#f2777a",
    success="#7fd49b",
    foreground="#d6dee8",
    background="#0f1419",
    surface="#141b23",
    panel="#1b2530",
    variables=_DARK,
)
LIGHT = Theme(
    name="diana-light",
    primary="#0b62a8",
    secondary="#5b6877",
    accent="#8a5a00",
    warning="#8a5a00",
    error="#b3261e",
    success="#1c7a3e",
    foreground="#17202a",
    background="#fafbfc",
    surface="#eef2f6",
    panel="#e2e8ef",
    dark=False,
    variables=_LIGHT,
)
SIXTEEN = Theme(
    name="diana-16",
    primary="ansi_bright_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        **_SIXTEEN,
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "block-cursor-foreground": "ansi_black",
    },
    ansi=True,
)
THEMES = (DARK, LIGHT, SIXTEEN)


def fallbacks(theme: Theme) -> dict[str, str]:
    """The values of Diana's own variables under a theme that does not know them."""
    if theme.ansi:
        return _SIXTEEN
    return _DARK if theme.dark else _LIGHT
