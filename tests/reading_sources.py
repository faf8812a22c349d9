"""Reads the project's own source as a tree, to follow the ids, codes and fields of sentences as far as it can."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("agent/diana_agent", "tools/diana_tools", "prompts/diana_prompts", "config/diana_config")
DEEP = 4

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file; `name` is its path in the repository."""

    name: str
    tree: ast.Module

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Every node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def docstrings(self) -> set[ast.AST]:
        """Strings that stand alone: docstrings of modules, classes, functions and names."""
        return {node.value for node in ast.walk(self.tree) if isinstance(node, ast.Expr) and _text(node.value)}

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """Every call."""
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    @cached_property
    def texts(self) -> tuple[ast.Constant, ...]:
        """Every string that is no docstring and no part of an f-string."""
        found = (node for node in ast.walk(self.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
        return tuple(
            one for one in found if one not in self.docstrings and not isinstance(self.parents[one], ast.JoinedStr)
        )

    def function(self, node: ast.AST) -> Function | None:
        """The function around a node."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function):
                return node
        return None

    def at(self, node: ast.expr) -> str:
        """`file:line` for people."""
        return f"{self.name}:{node.lineno}"


@cache
def sources() -> tuple[Source, ...]:
    """Every file of the four packages but the throw-away shop's own project."""
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(
        Source(str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8")))
        for path in found
        if "demo/shop" not in str(path)
    )


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def called(call: ast.Call) -> str:
    """The last part of what is called: `say` for `self._catalogue.say(...)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def pattern(node: ast.JoinedStr) -> str:
    """An f-string as a regular expression over what it can become."""
    return "".join(re.escape(text) if (text := _text(part)) is not None else "(.+)" for part in node.values)


def possible(source: Source, node: ast.expr | None, depth: int = DEEP) -> set[str] | None:
    """Every text that an expression can become; a text with `(.+)` is a pattern. None where nobody can tell."""
    if node is None or depth < 0:
        return None
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.JoinedStr():
            return {pattern(node)}
        case ast.IfExp():
            return _all(source, (node.body, node.orelse), depth)
        case ast.BoolOp():
            return _all(source, node.values, depth)
        case ast.Name():
            return _named(source, node, depth - 1)
        case _:
            return _looked_up(source, node, depth)


def _looked_up(source: Source, node: ast.expr, depth: int) -> set[str] | None:
    match node:
        case ast.Call(func=ast.Attribute(attr="get", value=table), args=[_, *otherwise]):
            return _all(source, (*_values(source, table), *otherwise), depth)
        case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp(elt=found), *otherwise]):
            return _all(source, (found, *otherwise), depth)
        case ast.Call(func=ast.Name(id=name)):
            return _returned(source, name, depth - 1)
        case ast.Subscript(value=table):
            return _all(source, tuple(_values(source, table)), depth)
        case _:
            return None


def _all(source: Source, nodes: tuple[ast.expr, ...] | list[ast.expr], depth: int) -> set[str] | None:
    found: set[str] = set()
    for node in nodes:
        one = possible(source, node, depth)
        if one is None:
            return None
        found |= one
    return found if nodes else None


def _values(source: Source, table: ast.expr) -> Iterator[ast.expr]:
    """The values of a dict, or of the module's own table of that name."""
    if isinstance(table, ast.Name):
        for statement in source.tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if any(isinstance(target, ast.Name) and target.id == table.id for target in targets):
                    yield from _values(source, statement.value)
    elif isinstance(table, ast.Dict):
        yield from table.values


def _returned(source: Source, name: str, depth: int) -> set[str] | None:
    """What a function of the same module returns."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and node.name == name:
            given = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
            return _all(source, given, depth)
    return None


def _named(source: Source, name: ast.Name, depth: int) -> set[str] | None:
    """What was assigned to a name in its function, looped over, or handed in as an argument."""
    function = source.function(name)
    if function is None:
        return None
    given: list[ast.expr] = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name.id:
                given.append(value)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name.id:
                given.append(value)
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name.id:
                given.append(value)
            case ast.For(target=ast.Tuple() as target, iter=ast.Name() as table):
                given += _column(source, target, table, name.id)
            case _:
                pass
    if given:
        return _all(source, given, depth)
    return _handed_in(source, function, name.id, depth)


def _column(source: Source, target: ast.Tuple, table: ast.Name, name: str) -> Iterator[ast.expr]:
    """One column of the module's own table of tuples, in `for a, b in TABLE`."""
    names = [one.id if isinstance(one, ast.Name) else "" for one in target.elts]
    for statement in source.tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=known)], value=ast.Tuple(elts=rows)) if known == table.id:
                if name in names:
                    yield from (row.elts[names.index(name)] for row in rows if isinstance(row, ast.Tuple))
            case _:
                pass


def _handed_in(source: Source, function: Function, name: str, depth: int) -> set[str] | None:
    """What callers anywhere hand in as the parameter of that name."""
    places = [argument.arg for argument in function.args.args]
    if name not in places:
        return None
    method = places[:1] == ["self"]
    found: set[str] = set()
    for other in sources():
        for call in other.calls:
            if called(call) != function.name:
                continue
            place = places.index(name) - (1 if method and isinstance(call.func, ast.Attribute) else 0)
            keyword = next((one.value for one in call.keywords if one.arg == name), None)
            handed = keyword or (call.args[place] if place < len(call.args) else None)
            one = possible(other, handed, depth)
            if one is None:
                return None
            found |= one
    return found or None


def keys(source: Source, node: ast.expr | None, depth: int = DEEP) -> set[str] | None:
    """The names in a dict of fields; None where nobody can tell all of them."""
    match node:
        case None | ast.Constant(value=None):
            return set()
        case ast.Dict():
            names = [_text(key) for key in node.keys]
            return None if None in names else {name for name in names if name}
        case ast.BinOp(op=ast.BitOr()):
            one, other = keys(source, node.left, depth), keys(source, node.right, depth)
            return None if one is None or other is None else one | other
        case ast.Name() if depth:
            return _keys_of_name(source, node, depth - 1)
        case _:
            return None


def _keys_of_name(source: Source, name: ast.Name, depth: int) -> set[str] | None:
    function = source.function(name)
    if function is None or name.id in [argument.arg for argument in function.args.args]:
        return None
    given = [
        keys(source, node.value, depth)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name.id for one in node.targets)
    ]
    if not given or None in given:
        return None
    return {name for name in given[0] or () if all(name in (one or ()) for one in given)}
