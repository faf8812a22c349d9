"""Adapters, databases and stores: found where they lie, refused when they do not declare what they must."""

from __future__ import annotations

import subprocess
import sys

import pytest

from diana_tools import registry
from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import Shape
from diana_tools.errors import ToolError


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tool", "Al embic"), ("tool", 7), ("title", "a\x1b[31m"), ("title", ""), ("engines", "sqlite"),
        ("engines", (1,)),
        ("shapes", ()), ("child_env", ["A"]), ("child_env", ("AWS_SECRET_ACCESS_KEY",)), ("tested", ("1",)),
        ("tested", ("a.b", "1.2")), ("can_roll_back", "yes"), ("probe", None), ("apply", "alembic upgrade"),
    ],
)  # fmt: skip
def test_an_adapter_whose_facts_are_not_what_they_must_be_is_refused(name: str, value: object) -> None:
    candidate = _Other({})
    setattr(candidate, name, value)
    assert name in _refused(candidate)


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
