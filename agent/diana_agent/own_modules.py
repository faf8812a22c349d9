"""Where Diana's own modules come from: never from the project, whatever the person's PYTHONPATH leads to."""

from __future__ import annotations

import os
import sys


def leave_the_project() -> None:
    """Take out of the search path what PYTHONPATH adds and a project could fill (guard's design, 16).

    An empty or relative entry is the folder one stands in: `PYTHONPATH=$PYTHONPATH:/x` makes one, and a module planted
    in a clone would be imported in place of a library, before anybody trusted anything.
    """
    named = os.environ.get("PYTHONPATH")
    if named is None or sys.flags.ignore_environment:
        return
    places = (os.path.realpath(os.curdir), *_folders_named(sys.argv[1:]))
    own = os.path.realpath(sys.prefix)
    loose = {entry for entry in named.split(os.pathsep) if entry[:1] != os.sep or _inside(entry, places, own)}
    # `site` has made the relative ones absolute already, and left the empty one as it was.
    loose |= {os.path.abspath(entry) for entry in loose}  # noqa: PTH100  pathlib has no equal for an empty entry
    sys.path[:] = [entry for entry in sys.path if entry not in loose]


def _folders_named(words: list[str]) -> list[str]:
    """The folders that the command line names: the project is among them."""
    values = [word.partition("=")[2] if word.startswith("--") and "=" in word else word for word in words]
    return [os.path.realpath(value) for value in values if value and os.path.isdir(value)]  # noqa: PTH112  must load nothing


def _inside(entry: str, places: tuple[str, ...], own: str) -> bool:
    real = os.path.realpath(entry)
    if real == own or real.startswith(own + os.sep):
        return False
    return any(real == place or real.startswith(place.rstrip(os.sep) + os.sep) for place in places)
