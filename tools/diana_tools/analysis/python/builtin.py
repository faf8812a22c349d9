"""Python's own functions, as far as migrations use them."""

from __future__ import annotations

import ast

from diana_tools.analysis.python import strings
from diana_tools.analysis.python.answers import listed, paired, shown
from diana_tools.analysis.python.handing import handed_over
from diana_tools.analysis.python.lookups import attribute
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    Arguments,
    Bind,
    Imported,
    Items,
    Pairs,
    Plain,
    Rows,
    Text,
    Unknown,
    Value,
)

_LISTS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})
_CODE = frozenset(
    {"eval", "exec", "compile", "__import__", "globals", "locals", "vars", "setattr", "delattr", "breakpoint"}
)
# These look at their first argument, and hand it to nobody.
_LOOKING = frozenset({"getattr", "hasattr", "isinstance", "callable"})
_MOST = 500

dedent = strings.dedent


def call(run: Run, word: str, given: Arguments, node: ast.AST) -> Value:
    """What a built-in function returns; those that run text as code are a gap."""
    if word in _CODE:
        run.gap("AC002.executed_text", node)
        return Unknown(foreign=True)
    if word in ("map", "filter"):
        return _mapped(run, given, node)
    looks = word in _LOOKING
    handed_over(run, Arguments(given.positional[looks:], given.keywords), node)
    if word == "getattr":
        return _getattr(run, given, node)
    if word in _LISTS:
        return _listed(word, given)
    if word == "str":
        value = given.get(0)
        return value if isinstance(value, Text) else Text(shown(value or Text("")))
    if word == "dict":
        return Pairs(tuple((Text(key), value) for key, value in given.keywords)) if not given.positional else ANYTHING
    if word in ("range", "enumerate", "zip", "len"):
        return _counted(word, given)
    return ANYTHING


def _getattr(run: Run, given: Arguments, node: ast.AST) -> Value:
    holder, name = given.get(0), given.get(1)
    if holder is not None and isinstance(name, Text) and not name.holes:
        return attribute(run, holder, name.text)
    if isinstance(holder, (Imported, Bind)):
        run.gap("AC002.dynamic_name", node)
        return Unknown(foreign=True)
    return ANYTHING


def _listed(word: str, given: Arguments) -> Value:
    value = given.get(0)
    if value is None:
        return Items(())
    pairs, items = paired(value), listed(value)
    if pairs is not None:
        items = tuple(key for key, _ in pairs)
    if items is not None:
        return Items(items[::-1] if word == "reversed" else items)
    return value if isinstance(value, Rows) else ANYTHING


def _counted(word: str, given: Arguments) -> Value:
    values = given.positional
    if word == "range":
        numbers = [value.value for value in values if isinstance(value, Plain) and type(value.value) is int]
        if len(numbers) == len(values) and 1 <= len(numbers) <= 3 and (len(numbers) < 3 or numbers[2]):
            found = range(*numbers)
            return Items(tuple(Plain(number) for number in found)) if len(found) <= _MOST else ANYTHING
        return ANYTHING
    first = values[0] if values else ANYTHING
    if word == "len":
        items = listed(first)
        return ANYTHING if items is None else Plain(len(items))
    if word == "enumerate":
        start = listed(first)
        return Items(tuple(Items((Plain(i), item)) for i, item in enumerate(start))) if start is not None else ANYTHING
    lists = [items for value in values if (items := listed(value)) is not None]
    if len(lists) != len(values):
        return ANYTHING
    return Items(tuple(Items(tuple(pair)) for pair in zip(*lists, strict=False)))


def _mapped(run: Run, given: Arguments, node: ast.AST) -> Value:
    """`map(f, items)`: every call is followed."""
    from diana_tools.analysis.python.calls import apply

    function, items = given.get(0), listed(given.get(1))
    if function is None:
        return ANYTHING
    if items is not None:
        return Items(tuple(apply(run, function, Arguments((item,)), node) for item in items))
    with run.maybe(looped=True):
        apply(run, function, Arguments((ANYTHING,)), node)
    return ANYTHING
