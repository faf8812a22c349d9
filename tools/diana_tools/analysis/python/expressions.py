"""Expressions: what each one is, as far as the text tells; calls are followed, nothing is run."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from typing import TypeVar

from diana_tools.analysis.python import strings
from diana_tools.analysis.python.answers import either, listed, options, paired, shown, truth
from diana_tools.analysis.python.calls import call
from diana_tools.analysis.python.conditions import compared, joined, negated
from diana_tools.analysis.python.lookups import attribute, element_of
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    MOST_CHOICES,
    Change,
    Choice,
    Function,
    Imported,
    Items,
    Pairs,
    Plain,
    Row,
    Rows,
    Scope,
    Text,
    Unknown,
    Value,
)
from diana_tools.analysis.sql.plpgsql import HOLE

_MOST_ITEMS = 500
_BUILTINS = frozenset(dir(builtins))


def evaluate(run: Run, node: ast.expr, scope: Scope) -> Value:
    """What an expression is. Everything that it calls on the way is followed.

    Raises:
        TooMuch: the budget is spent.
    """
    run.step()
    read = _READERS.get(type(node))
    if read is not None:
        return read(run, node, scope)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(run, child, scope)
    return ANYTHING


def _constant(_run: Run, node: ast.Constant, _scope: Scope) -> Value:
    value = node.value
    if isinstance(value, str):
        spans = (node.end_lineno or node.lineno) > node.lineno
        return Text(value, node.lineno if spans else 0)
    if value is None or isinstance(value, (bool, int, float)):
        return Plain(value)
    return ANYTHING


def _name(_run: Run, node: ast.Name, scope: Scope) -> Value:
    found = scope.get(node.id)
    if found is not None:
        return found
    return Imported(f"builtins.{node.id}") if node.id in _BUILTINS else Unknown(foreign=True)


def _attribute(run: Run, node: ast.Attribute, scope: Scope) -> Value:
    return attribute(run, evaluate(run, node.value, scope), node.attr)


def _subscript(run: Run, node: ast.Subscript, scope: Scope) -> Value:
    return element_of(evaluate(run, node.value, scope), evaluate(run, node.slice, scope))


def _items(run: Run, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
    found: list[Value] = []
    known = True
    for item in node.elts:
        if isinstance(item, ast.Starred):
            inner = listed(evaluate(run, item.value, scope))
            known = known and inner is not None
            found += inner or ()
        else:
            found.append(evaluate(run, item, scope))
    return Items(tuple(found)) if known else ANYTHING


def _pairs(run: Run, node: ast.Dict, scope: Scope) -> Value:
    found: list[tuple[Value, Value]] = []
    known = True
    for key, value in zip(node.keys, node.values, strict=True):
        inner = evaluate(run, value, scope)
        if key is not None:
            found.append((evaluate(run, key, scope), inner))
        elif (pairs := paired(inner)) is not None:
            found += pairs
        else:
            known = False
    return Pairs(tuple(found)) if known else ANYTHING


def _joined(run: Run, node: ast.JoinedStr, scope: Scope) -> Value:
    """An f-string; where a part is one of several values, so is the whole."""
    texts = [""]
    for part in node.values:
        added = _formatted(run, part, scope)
        if len(texts) * len(added) > MOST_CHOICES:
            added = (HOLE,)
        texts = [text + more for text in texts for more in added]
    spans = (node.end_lineno or node.lineno) > node.lineno
    found = [strings.bounded(text, node.lineno if spans else 0) for text in texts]
    return found[0] if len(found) == 1 else Choice(tuple(found))


def _formatted(run: Run, part: ast.expr, scope: Scope) -> tuple[str, ...]:
    """The texts that one part of an f-string may come to."""
    if isinstance(part, ast.Constant):
        return (str(part.value),)
    if not isinstance(part, ast.FormattedValue):
        return (HOLE,)
    value = evaluate(run, part.value, scope)
    if part.format_spec is not None:
        evaluate(run, part.format_spec, scope)
    plain = part.format_spec is None and part.conversion in (-1, 115)
    return tuple(dict.fromkeys(shown(option) for option in options(value))) if plain else (HOLE,)


def _binary(run: Run, node: ast.BinOp, scope: Scope) -> Value:
    left, right = evaluate(run, node.left, scope), evaluate(run, node.right, scope)
    if isinstance(node.op, ast.Add):
        return strings.added(left, right)
    if isinstance(node.op, ast.Mod) and isinstance(left, Text):
        return strings.percent(left, right)
    if isinstance(node.op, ast.Mult):
        return strings.repeated(left, right)
    if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        return joined((left, right), every=isinstance(node.op, ast.BitAnd))
    return ANYTHING


def _unary(run: Run, node: ast.UnaryOp, scope: Scope) -> Value:
    value = evaluate(run, node.operand, scope)
    if isinstance(node.op, ast.Not):
        known = truth(value)
        return ANYTHING if known is None else Plain(not known)
    if isinstance(node.op, ast.Invert):
        return negated(value)
    number = value.value if isinstance(value, Plain) else None
    return Plain(-number) if isinstance(node.op, ast.USub) and isinstance(number, (int, float)) else value


def _boolean(run: Run, node: ast.BoolOp, scope: Scope) -> Value:
    """`a and b`, `a or b`: what is not reached is not followed, what may not be reached may not run."""
    stops = isinstance(node.op, ast.Or)
    result: Value = ANYTHING
    unsure = 0
    try:
        for index, part in enumerate(node.values):
            value = evaluate(run, part, scope)
            result = value if index == 0 or not unsure else either(result, value)
            known = truth(value)
            if known is stops:
                return result
            if known is None:
                run.unsure += 1
                unsure += 1
        return result
    finally:
        run.unsure -= unsure


def _compare(run: Run, node: ast.Compare, scope: Scope) -> Value:
    values = [evaluate(run, part, scope) for part in (node.left, *node.comparators)]
    if len(values) != 2:
        return ANYTHING
    return compared(node.ops[0], values[0], values[1])


def _if(run: Run, node: ast.IfExp, scope: Scope) -> Value:
    known = truth(evaluate(run, node.test, scope))
    if known is not None:
        return evaluate(run, node.body if known else node.orelse, scope)
    with run.maybe():
        return either(evaluate(run, node.body, scope), evaluate(run, node.orelse, scope))


def _lambda(run: Run, node: ast.Lambda, scope: Scope) -> Value:
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            evaluate(run, default, scope)
    return Function(node, scope)


def _walrus(run: Run, node: ast.NamedExpr, scope: Scope) -> Value:
    value = evaluate(run, node.value, scope)
    scope.names[node.target.id] = value
    return value


def _comprehension(run: Run, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Value:
    inner = Scope(outer=scope)
    found: list[Value] = []
    known = _generate(run, node, list(node.generators), inner, found)
    return Items(tuple(found)) if known and not isinstance(node, ast.DictComp) else ANYTHING


def _generate(
    run: Run,
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp,
    generators: list[ast.comprehension],
    scope: Scope,
    found: list[Value],
) -> bool:
    """Go through a comprehension; whether every item of it is known."""
    if not generators:
        if isinstance(node, ast.DictComp):
            evaluate(run, node.key, scope)
            evaluate(run, node.value, scope)
        else:
            found.append(evaluate(run, node.elt, scope))
        return True
    first, *rest = generators
    over = evaluate(run, first.iter, scope)
    sure = True
    for item, exact in iterated(over):
        assign(run, first.target, item, scope)
        tests = [truth(evaluate(run, test, scope)) for test in first.ifs]
        if False in tests:
            continue
        exact = exact and None not in tests
        sure = sure and exact
        if exact:
            sure = _generate(run, node, rest, scope, found) and sure
        else:
            with run.maybe(looped=not isinstance(over, Items)):
                _generate(run, node, rest, scope, found)
    return sure


def iterated(over: Value) -> Iterator[tuple[Value, bool]]:
    """The items of a value, each with whether it is really there; one that stands for all where nobody knows."""
    items, pairs = listed(over), paired(over)
    if items is not None and len(items) <= _MOST_ITEMS:
        yield from ((item, True) for item in items)
    elif pairs is not None and len(pairs) <= _MOST_ITEMS:
        yield from ((key, True) for key, _ in pairs)
    elif isinstance(over, Choice):
        for option in over.options:
            yield from ((item, False) for item, _ in iterated(option))
    else:
        yield (Row(over.table) if isinstance(over, (Rows, Change)) else Unknown(_foreign(over))), False


def _foreign(value: Value) -> bool:
    return isinstance(value, Unknown) and value.foreign


def assign(run: Run, target: ast.expr, value: Value, scope: Scope) -> None:
    """Bind names; a tuple is taken apart where its parts are known."""
    if isinstance(target, ast.Name):
        scope.names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = listed(value)
        for index, part in enumerate(target.elts):
            known = parts is not None and len(parts) == len(target.elts)
            assign(run, part, parts[index] if parts and known else Unknown(_foreign(value)), scope)
    elif isinstance(target, ast.Starred):
        assign(run, target.value, ANYTHING, scope)
    elif isinstance(target, (ast.Attribute, ast.Subscript)):
        _assign_part(run, target, value, scope)


def _assign_part(run: Run, target: ast.Attribute | ast.Subscript, value: Value, scope: Scope) -> None:
    """`row.name = value` is an update by the mapper; a changed list or dictionary is no longer known."""
    from diana_tools.analysis.python.methods import written

    holder = evaluate(run, target.value, scope)
    if isinstance(target, ast.Attribute):
        written(run, holder, target.attr, value, target)
        return
    key = evaluate(run, target.slice, scope)
    if isinstance(holder, Imported) and holder.path != "os.environ":
        run.gap("AC002.outside", target)
    if isinstance(holder, (Items, Pairs)):
        if isinstance(holder, Pairs) and holder.known and not run.unsure and isinstance(key, Text):
            holder.pairs = (*(pair for pair in holder.pairs if pair[0] != key), (key, value))
        else:
            holder.forget()


def _call(run: Run, node: ast.Call, scope: Scope) -> Value:
    return call(run, node, scope)


_Reader = Callable[[Run, ast.expr, Scope], Value]
_Node = TypeVar("_Node", bound=ast.expr)


def _on(kind: type[_Node], read: Callable[[Run, _Node, Scope], Value]) -> tuple[type[ast.expr], _Reader]:
    """A reader together with the kind of node it is for."""

    def checked(run: Run, node: ast.expr, scope: Scope) -> Value:
        return read(run, node, scope) if isinstance(node, kind) else ANYTHING

    return kind, checked


_READERS: dict[type[ast.expr], _Reader] = dict(
    (
        _on(ast.Constant, _constant),
        _on(ast.Name, _name),
        _on(ast.Attribute, _attribute),
        _on(ast.Subscript, _subscript),
        _on(ast.List, _items),
        _on(ast.Tuple, _items),
        _on(ast.Set, _items),
        _on(ast.Dict, _pairs),
        _on(ast.JoinedStr, _joined),
        _on(ast.BinOp, _binary),
        _on(ast.UnaryOp, _unary),
        _on(ast.BoolOp, _boolean),
        _on(ast.Compare, _compare),
        _on(ast.IfExp, _if),
        _on(ast.Lambda, _lambda),
        _on(ast.NamedExpr, _walrus),
        _on(ast.ListComp, _comprehension),
        _on(ast.SetComp, _comprehension),
        _on(ast.GeneratorExp, _comprehension),
        _on(ast.DictComp, _comprehension),
        _on(ast.Call, _call),
    )
)
