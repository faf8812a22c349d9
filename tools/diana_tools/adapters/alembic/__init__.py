"""The adapter for Alembic."""

from __future__ import annotations

import os

from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import Adapter

ADAPTER: Adapter = Alembic(os.environ)
