"""A pytest plugin that plants the mutant named by a variable before anything of the project is imported."""

from __future__ import annotations

import os
from pathlib import Path

from mutation.listing import load
from mutation.swapping import plant
from mutation.trial import PLANTED

_places, _, _name = os.environ[PLANTED].partition("::")
plant(load(Path(_places)).named(_name))
