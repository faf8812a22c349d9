"""The ways to take a check away; each looks at a node and yields what may be changed there, by the operator's name."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

Change = Callable[[], None]
Put = Callable[[ast.AST], None]
Found = Iterator[tuple[str, Change]]

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip
_EDGE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_LOOSER = {0o600: 0o644, 0o700: 0o755, 0o022: 0, 0o077: 0}
"""Modes that let others in, and masks that see nobody."""


_RESTRICTING = frozenset({"O_NOFOLLOW", "O_EXCL", "O_APPEND", "O_NONBLOCK", "LOCK_EX", "LOCK_SH", "LOCK_NB"})
"""Flags that hold something back; Python itself sees to O_CLOEXEC."""
SHAPING = frozenset({"parents", "missing_ok", "ensure_ascii", "by_alias", "include_url", "include_context",
                     "include_input"})  # fmt: skip
"""Keywords that decide nothing: they shape a text or make a folder's folders."""


def _tests(node: ast.AST, put: Put, last: bool) -> Found:
    """Each condition always true, and always false."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and not isinstance(node.test, ast.Constant):
        for value in (True, False):
            yield str(value).lower(), lambda value=value: setattr(node, "test", ast.Constant(value))
    elif isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            for value in (True, False):
                yield str(value).lower(), lambda n=number, v=value: node.ifs.__setitem__(n, ast.Constant(v))


def _cases(node: ast.AST, put: Put, last: bool) -> Found:
    """Each case of a match never taken, and taken whatever its guard says."""
    if isinstance(node, ast.match_case):
        if not isinstance(node.pattern, ast.MatchAs) or node.pattern.pattern is not None:
            yield "case_drop", lambda: setattr(node, "guard", ast.Constant(False))
        if node.guard is not None:
            yield "true", lambda: setattr(node, "guard", ast.Constant(True))


def _operands(node: ast.AST, put: Put, last: bool) -> Found:
    """Each operand of and/or taken out, and each `not`."""
    if isinstance(node, ast.BoolOp) and not _defaulting(node):
        word = "and_drop" if isinstance(node.op, ast.And) else "or_drop"
        for number in range(len(node.values)):
            yield word, lambda n=number: put(_without(node, n))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not_drop", lambda: put(node.operand)


def _defaulting(node: ast.BoolOp) -> bool:
    """`x or ""` gives a value where there is none, and checks nothing."""
    last = node.values[-1]
    named = isinstance(last, ast.Attribute) and last.attr == "__name__"
    return isinstance(node.op, ast.Or) and (named or isinstance(last, ast.Constant))


def _without(node: ast.BoolOp, number: int) -> ast.expr:
    kept = [value for place, value in enumerate(node.values) if place != number]
    return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)


def _comparisons(node: ast.AST, put: Put, last: bool) -> Found:
    """Each comparison turned round, and its edge moved."""
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            other = _OPPOSITE[type(operator)]
            yield "flip", lambda n=number, o=other: node.ops.__setitem__(n, o())
            edge = _EDGE.get(type(operator))
            if edge is not None:
                yield "edge", lambda n=number, o=edge: node.ops.__setitem__(n, o())


def _statements(node: ast.AST, put: Put, last: bool) -> Found:
    """Each raise, early return, call for its effect, yield and running sum left out."""
    match node:
        case ast.Raise():
            yield "raise_drop", lambda: put(ast.copy_location(ast.Pass(), node))
        case ast.Return() if not last:
            yield "return_drop", lambda: put(ast.copy_location(ast.Pass(), node))
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            yield "call_drop", lambda: put(ast.copy_location(ast.Pass(), node))
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            yield "yield_drop", lambda: put(ast.copy_location(ast.Pass(), node))
        case ast.AugAssign():
            yield "sum_drop", lambda: put(ast.copy_location(ast.Pass(), node))
        case _:
            return


def _values(node: ast.AST, put: Put, last: bool) -> Found:
    """Each flag of a call taken out or turned round, each mode loosened, any and all exchanged."""
    match node:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            flags = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
            for one, other in ((right, left), (left, right)):
                if isinstance(one, ast.Attribute) and one.attr in _RESTRICTING and not _implied(one.attr, flags):
                    yield "flag_drop", lambda other=other: put(other)
        case ast.Call(func=ast.Name(id="any" | "all") as name):
            yield "any_all", lambda: setattr(name, "id", "any" if name.id == "all" else "all")
        case ast.Constant(value=bool(value)):
            yield "bool_flip", lambda: put(ast.Constant(not value))
        case ast.Constant(value=int(value)) if value in _LOOSER:
            yield "mode", lambda: put(ast.Constant(_LOOSER[value]))
        case _:
            return


def _tables(node: ast.AST, put: Put, last: bool) -> Found:
    """Each row of a table of checks left out, and each pair of a comparison of tuples."""
    match node:
        case ast.Compare(left=ast.Tuple(elts=ones), comparators=[ast.Tuple(elts=others)]) if len(ones) == len(others):
            for number in range(len(ones)):
                yield "pair_drop", lambda n=number: _both(ones, others, n)
        case ast.Tuple(elts=rows) if len(rows) > 1 and all(isinstance(row, ast.Tuple) for row in rows):
            for number in range(len(rows)):
                yield "row_drop", lambda n=number: rows.__delitem__(n)
        case _:
            return


def _both(ones: list[ast.expr], others: list[ast.expr], number: int) -> None:
    del ones[number], others[number]


def parts(node: ast.AST) -> Found:
    """Each element of a list, and each argument of a call, left out: for what a digest is made of."""
    if isinstance(node, ast.List):
        for number in range(len(node.elts)):
            yield "part_drop", lambda n=number: node.elts.__delitem__(n)
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        for number in range(len(node.args)):
            yield "part_drop", lambda n=number: node.args.__delitem__(n)


def _implied(flag: str, others: set[str]) -> bool:
    """To make a file that must not be there follows no link (open(2)); the inner of chained flags sees both."""
    return flag == "O_NOFOLLOW" and "O_EXCL" in others


OPERATORS: tuple[Callable[[ast.AST, Put, bool], Found], ...] = (
    _tests, _cases, _operands, _comparisons, _statements, _values, _tables,
)  # fmt: skip


def limits(statement: ast.stmt, numbers: tuple[str, ...], lists: tuple[str, ...]) -> Iterator[tuple[str, str, Change]]:
    """A module's constants: each number or duration doubled, in a dict or tuple each value; each element left out."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return
    name, value = statement.targets[0].id, statement.value
    if name in numbers and isinstance(value, ast.Dict):
        for number, one in enumerate(value.values):
            yield name, "double", lambda n=number, v=one: value.values.__setitem__(n, _doubled(v))
    elif name in numbers:
        yield name, "double", lambda: setattr(statement, "value", _doubled(value))
    if name in lists:
        elements = value.args[0] if isinstance(value, ast.Call) else value
        if isinstance(elements, (ast.Tuple, ast.Set)):
            for number in range(len(elements.elts)):
                yield name, "item_drop", lambda n=number: elements.elts.__delitem__(n)


def _doubled(value: ast.expr) -> ast.expr:
    return ast.BinOp(copy.deepcopy(value), ast.Mult(), ast.Constant(2))
