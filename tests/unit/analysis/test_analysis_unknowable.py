"""What runs code that was not read is never clean: modules, hooks of classes, values handed on, routines of SQL."""

from __future__ import annotations

import pytest

from diana_tools.analyze import Analysis, MigrationText, analyze
from unit.analysis.ground import alembic, read


def _whys(found: Analysis) -> set[str]:
    return {one.why for one in found.unread}


@pytest.mark.parametrize(
    "line",
    [
        "import boom",
        "from boom import x",
        "import boom.inner as other",
        "from . import boom",
        "from .boom import x",
        "import colorsys",
        "import cProfile",
        "import app.models",
        "from app.types import GUID",
    ],
)
def test_a_module_that_nobody_knows_runs_when_it_is_loaded(line: str) -> None:
    assert "AC002.imported_module" in _whys(read(alembic("pass", top=line)))
    assert "AC002.imported_module" in _whys(read(alembic(line)))


@pytest.mark.parametrize(
    "line",
    [
        "import sqlmodel\nimport geoalchemy2",
        "import sqlalchemy_utils, pgvector.sqlalchemy",
        "from collections.abc import Sequence\nfrom typing import Union",
        "from __future__ import annotations\nimport datetime, uuid, json, logging, os, sys",
        "from sqlalchemy.dialects import postgresql",
        "from advanced_alchemy.types import GUID, DateTimeUTC",
    ],
)
def test_what_stock_templates_import_is_known(line: str) -> None:
    assert not read(f"{line}\n{alembic('op.create_index(None, chr(97), [])')}").unread


@pytest.mark.parametrize("name", ["json", "logging", "sqlmodel", "alembic", "tqdm", "sqlalchemy"])
def test_a_known_module_is_unread_where_the_project_has_a_file_of_its_name(name: str) -> None:
    texts = [MigrationText("m", "m.py", alembic("pass", top=f"import {name}.x as y"), "alembic-python")]
    assert not _whys(analyze(texts, "sqlite", [], None, "up"))
    found = analyze(texts, "sqlite", [], None, "up", frozenset({name}))
    assert "AC002.imported_module" in _whys(found)


@pytest.mark.parametrize(
    ("top", "body"),
    [
        pytest.param("import colorsys", "colorsys.rgb_to_hls(1, 2, 3)", id="a module that the project may shadow"),
        pytest.param("import boom", "boom.thing", id="an attribute"),
        pytest.param("import boom", "with boom.ctx:\n    pass", id="a context"),
        pytest.param("import boom", "for x in boom.items:\n    pass", id="a loop"),
        pytest.param("import boom", "class A(boom.Base):\n    pass", id="a base"),
        pytest.param("import cProfile", "cProfile.run('x')", id="a profiler"),
        pytest.param("import dbm", "dbm.open('x', 'n')", id="a file of keys"),
        pytest.param("import boom\n@boom.deco\ndef f():\n    pass", "pass", id="a decorator"),
    ],
)
def test_what_another_module_gives_is_unread(top: str, body: str) -> None:
    assert _whys(read(alembic(body, top=top))) & {"AC002.imported_module", "AC002.imported_call"}


@pytest.mark.parametrize(
    ("top", "body", "why"),
    [
        ("import contextlib", "with contextlib.ExitStack() as s:\n    s.callback(op.drop_table, 'x')", "handed_over"),
        ("", "x = input()\nx.later(op.drop_table)", "handed_over"),
        ("", "x = input()\nx.later(run=op)", "handed_over"),
        ("", "x = input()\nx.later([op.get_bind()])", "handed_over"),
        ("", "x = input()\nx.later([{1: (op.drop_table, 'x')}])", "handed_over"),
        ("", "x = op.drop_table if input() else 1\ninput().later(x)", "handed_over"),
        ("", "x = print(getattr(1, 'x', op.drop_table))", "handed_over"),
        ("", "sa.event.listen(op.get_bind(), 'before_cursor_execute', print)", "handed_over"),
        ("from sqlalchemy import event", "@event.listens_for(sa.Table, 'x')\ndef f(*a):\n    pass", "handed_over"),
        ("import logging.config", "logging.config.dictConfig({'version': 1})", "outside"),
        ("from logging import config", "config.fileConfig('x')", "outside"),
        ("import sys", "sys.modules['json'] = op", "outside"),
        ("import functools", "functools.reduce.x = op", "outside"),
        ("", "class M(type):\n    pass\nclass A(metaclass=M):\n    pass", "unknown_call"),
        ("class B:\n    def __init_subclass__(cls):\n        pass", "class A(B):\n    pass", "unknown_call"),
        ("class B:\n    def __init__(self):\n        pass\nclass A(B):\n    pass", "A()", "unknown_call"),
        ("import enum", "class E(enum.Enum):\n    def _generate_next_value_(*a):\n        pass", "unknown_call"),
        ("import enum", "class E(enum.Enum):\n    def __new__(*a):\n        pass", "unknown_call"),
    ],
)
def test_what_others_call_later_is_unread(top: str, body: str, why: str) -> None:
    assert f"AC002.{why}" in _whys(read(alembic(body, top=top)))


@pytest.mark.parametrize(
    "body",
    [
        "class E(str, enum.Enum):\n    A = 'a'\n    def __str__(self):\n        return self.value",
        "class A(metaclass=abc.ABCMeta):\n    pass",
        "os.environ['X'] = '1'",
        "x = input()\nx.later(1, [2])",
        "isinstance(op, str), hasattr(op.get_bind(), 'x'), getattr(op, 'f')",
        "if typing.TYPE_CHECKING:\n    from app import models",
        "with contextlib.suppress(ValueError):\n    pass",
    ],
)
def test_what_only_looks_like_it_stays_read(body: str) -> None:
    assert not read(alembic(body, top="import abc, contextlib, enum, os, typing")).unread


def test_a_function_handed_to_a_method_is_followed() -> None:
    found = read(alembic("x = input()\nx.later(lambda: op.drop_table('a'))"))
    assert [one.rule for one in found.findings if one.data_loss] == ["DL003"]


def test_a_method_of_an_enum_is_followed() -> None:
    body = "class E(enum.Enum):\n    def __str__(self):\n        op.drop_table('a')\n        return ''\n    A = 1"
    found = read(alembic(body, top="import enum"))
    assert [one.rule for one in found.findings if one.data_loss] == ["DL003"]


@pytest.mark.parametrize(("direction", "name"), [("up", "upgrade"), ("down", "downgrade")])
def test_a_decorated_direction_is_unread(direction: str, name: str) -> None:
    text = f"import functools\n{alembic('pass')}".replace(f"def {name}", f"@functools.cache\ndef {name}")
    assert "AC002.imported_call" in _whys(read(text, direction=direction))


@pytest.mark.parametrize("sql", ["sa.DDL('DROP TABLE a')", "sa.text('DROP TABLE a')"])
def test_text_that_runs_itself_is_read(sql: str) -> None:
    """Releases of SQLAlchemy before 2 have `text.execute(connection)`."""
    assert "DL003" in {one.rule for one in read(alembic(f"{sql}.execute(op.get_bind())")).findings}


@pytest.mark.parametrize("query", ["op.execute(sa.select(sa.func.purge()))", "sa.insert(t).values(x=sa.func.purge())"])
def test_a_routine_called_by_way_of_sqlalchemy_is_unread(query: str) -> None:
    text = alembic(f"t = sa.table('t')\n{query}")
    assert "AC003.routine_unknown" in _whys(read(text))
    assert not read(text.replace("purge", "lower")).unread
    assert not read(text.replace("purge", "cast")).unread


def test_a_routine_that_reaches_out_by_way_of_sqlalchemy_is_found() -> None:
    assert "SE003" in {one.rule for one in read(alembic("op.execute(sa.select(sa.func.lo_unlink(1)))")).findings}
