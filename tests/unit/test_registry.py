"""Adapters, databases and stores: found where they lie, refused when they do not declare what they must."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from diana_tools import registry
from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import Adapter, Shape
from diana_tools.errors import ToolError

OFFERED: Adapter = Alembic({})


class _Other(Alembic):
    tool = "other"


def _refused(candidate: object) -> str:
    with pytest.raises(ToolError) as caught:
        registry.accepted(candidate, "a plugin")
    assert caught.value.code == "plugin_refused"
    assert caught.value.fields["source"] == "a plugin"
    return caught.value.fields["what"]


def test_alembic_is_found() -> None:
    assert registry.adapters()["alembic"].title == "Alembic"


def test_an_adapter_without_a_shape_for_each_engine_is_refused() -> None:
    silent = _Other({})
    silent.shapes = {"sqlite": Shape.NONE}
    assert _refused(silent) == "shapes[postgresql]"
    silent.engines = ()
    assert _refused(silent) == "engines"
    assert registry.accepted(_Other({}), "a plugin").tool == "other"


def test_an_adapter_that_lacks_a_part_is_refused_with_its_names() -> None:
    class Half:
        tool = "half"
        title = "Half"

    missing = _refused(Half())
    assert "engines" in missing
    assert "parse_rehearsal" in missing


def _offer(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    entry = EntryPoint("third", value, "diana.adapters")
    monkeypatch.setattr(registry, "entry_points", lambda group: (entry,))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  # the standard library's own signature


def test_a_third_party_adds_one_and_never_replaces_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, f"{__name__}:OFFERED")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    with pytest.raises(ToolError) as caught:
        registry.adapters.__wrapped__()
    assert caught.value.fields == {"source": "third", "what": "tool alembic"}
    monkeypatch.setattr(sys.modules[__name__], "OFFERED", _Other({}))
    assert set(registry.adapters.__wrapped__()) >= {"alembic", "other"}


def test_listing_imports_no_driver_and_no_sdk() -> None:
    code = (
        "import sys\nfrom diana_tools import registry\nregistry.adapters(), registry.databases(), registry.stores()\n"
        "print({'sqlalchemy', 'boto3', 'botocore', 'alembic', 'psycopg', 'anthropic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_engines_and_stores_are_found_by_their_names() -> None:
    assert {"sqlite", "postgresql"} <= set(registry.databases())
    assert {"local", "s3"} <= set(registry.stores())
