"""Functions, classes and imports of a migration; calls of its own functions are followed from here."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from diana_tools.analysis.python.fragments import fragment
from diana_tools.analysis.python.handing import handed_over
from diana_tools.analysis.python.modules import known
from diana_tools.analysis.python.run import DEEPEST_CALL, Flow, Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    NONE,
    Arguments,
    Class,
    Function,
    Imported,
    Items,
    Scope,
    Text,
    Unknown,
    Value,
)

# Decorators that neither run what they decorate nor make something else of it, as far as we look.
_DECORATORS = ("builtins.", "functools.", "contextlib.", "dataclasses.", "typing.", "enum.", "abc.")
_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"})
_MAKING = frozenset({"_generate_next_value_", "_missing_", "__new__", "__init__", "__set_name__", "__init_subclass__"})
# Methods whose text goes into statements as it stands: how a type of the file's own is spelled.
_SPELLING = frozenset({"get_col_spec", "compile"})
_MOST_AGAIN = 2
RESULT = "return"
"""Where a function's scope keeps what it returns; no identifier, so that no name can meet it."""


def define(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Flow:
    """A function: its defaults and annotations are evaluated now, its decorators are called with it."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            run.evaluate(run, default, scope)
    places = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
    annotations = [place.annotation for place in places if place is not None]
    _annotations(run, [*annotations, node.returns], scope)
    scope.names[node.name] = _decorated(run, node, Function(node, scope), scope)
    return Flow.NEXT


def _annotations(run: Run, nodes: Sequence[ast.expr | None], scope: Scope) -> None:
    run.typing += 1
    for node in nodes:
        if node is not None:
            run.evaluate(run, node, scope)
    run.typing -= 1


def _decorated(
    run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, value: Value, scope: Scope
) -> Value:
    """What decorators make of a function or class; one whose code we do not read may run it, or replace it."""
    for decorator in reversed(node.decorator_list):
        made = run.evaluate(run, decorator, scope)
        if isinstance(made, Function):
            value = run.inline(run, made, Arguments((value,)))
        elif not (isinstance(made, Imported) and made.path.startswith(_DECORATORS)):
            if isinstance(value, Function):
                with run.maybe():
                    run.inline(run, value, Arguments(loose=True))
            value = Unknown(foreign=True)
            if made != ANYTHING:
                run.gap("AC002.imported_call", decorator)
    return value


def class_(run: Run, node: ast.ClassDef, scope: Scope) -> Flow:
    """A class: its body runs now, and its methods are followed as if each may be called, by Python or SQLAlchemy too.

    Where the file itself makes an object of the class, that is a gap as well.
    """
    inner = Scope(outer=scope)
    bases = [run.evaluate(run, base, scope) for base in (*node.bases, *(word.value for word in node.keywords))]
    run.block(run, node.body, inner)
    enum = any(isinstance(base, Imported) and base.last.endswith(("Enum", "Flag")) for base in bases)
    table = inner.names.get("__tablename__")
    members = tuple(key for key in inner.names if not key.startswith("_"))
    methods = tuple(part.name for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)))
    run.methods.update(name for name in methods if not name.startswith("__"))
    methods += tuple(name for base in bases if isinstance(base, Class) for name in base.methods)
    _hooks(run, node, bases, methods, enum=enum)
    for label, method in list(inner.names.items()):
        if isinstance(method, Function):
            with run.maybe():
                made = run.inline(run, method, Arguments(loose=True))
            if label in _SPELLING:
                fragment(run, made, node)
        else:
            handed_over(run, Arguments((method,)), node)
    made = Class(node.name, table.text if isinstance(table, Text) else "", members, enum, methods)
    scope.names[node.name] = _decorated(run, node, made, scope)
    return Flow.NEXT


def _hooks(run: Run, node: ast.ClassDef, bases: Sequence[Value], methods: Sequence[str], *, enum: bool) -> None:
    """What Python calls while it makes a class: code that is not followed."""
    of_base = any(isinstance(base, Class) and "__init_subclass__" in base.methods for base in bases)
    made = [
        base for base in bases[len(node.bases) :] if not isinstance(base, Imported) or base.path not in _METACLASSES
    ]
    if made or of_base or (enum and not _MAKING.isdisjoint(methods)):
        run.gap("AC002.unknown_call", node)


def _load(run: Run, module: str, node: ast.AST) -> None:
    """Loading a module runs its code: a gap, unless it is one of those known, and no file of the project."""
    if module.partition(".")[0] in run.own or not known(module):
        run.gap("AC002.imported_module", node)


def import_(run: Run, node: ast.Import, scope: Scope) -> Flow:
    """`import x.y as z`."""
    for alias in node.names:
        _load(run, alias.name, node)
        path = alias.name if alias.asname else alias.name.partition(".")[0]
        scope.names[alias.asname or path] = Imported(path)
    return Flow.NEXT


def import_from(run: Run, node: ast.ImportFrom, scope: Scope) -> Flow:
    """`from x import y as z`."""
    module = "." * node.level + (node.module or "")
    _load(run, module, node)
    for alias in node.names:
        scope.names[alias.asname or alias.name] = Imported(f"{module}.{alias.name}")
    return Flow.NEXT


def delete(run: Run, node: ast.Delete, scope: Scope) -> Flow:
    """`del x`."""
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope.names.pop(target.id, None)
        else:
            run.evaluate(run, target, scope)
    return Flow.NEXT


def global_(_run: Run, node: ast.Global | ast.Nonlocal, scope: Scope) -> Flow:
    """What a function may change from inside is known nowhere."""
    holder: Scope | None = scope
    while holder is not None:
        for name in node.names:
            if name in holder.names or holder.outer is None:
                holder.names[name] = ANYTHING
        holder = holder.outer
    return Flow.NEXT


def inline(run: Run, function: Function, given: Arguments) -> Value:
    """Follow a call of a function of the same file; what it returns."""
    again = sum(node is function.node for node in run.following)
    if again > _MOST_AGAIN:
        # Already followed with arguments that may be anything: that covers this call as well.
        return ANYTHING
    if len(run.following) >= DEEPEST_CALL:
        run.gap("AC002.too_deep", function.node)
        return ANYTHING
    scope = Scope(outer=function.scope)
    _bind(run, function, Arguments(loose=True) if again == _MOST_AGAIN else given, scope)
    run.following.append(function.node)
    try:
        if isinstance(function.node, ast.Lambda):
            return run.evaluate(run, function.node.body, scope)
        run.block(run, function.node.body, scope)
        return scope.names.get(RESULT, NONE)
    finally:
        run.following.pop()


def _bind(run: Run, function: Function, given: Arguments, scope: Scope) -> None:
    arguments = function.node.args
    places = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(places) - len(arguments.defaults)) + list(arguments.defaults)
    for index, (parameter, default) in enumerate(zip(places, defaults, strict=True)):
        value = given.get(index, parameter.arg)
        scope.names[parameter.arg] = value or _default(run, default, function, given)
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        value = given.get(-1, parameter.arg)
        scope.names[parameter.arg] = value or _default(run, default, function, given)
    if arguments.vararg is not None:
        rest = Items(given.positional[len(places) :], not given.loose)
        scope.names[arguments.vararg.arg] = rest
    if arguments.kwarg is not None:
        scope.names[arguments.kwarg.arg] = ANYTHING


def _default(run: Run, default: ast.expr | None, function: Function, given: Arguments) -> Value:
    if default is None or given.loose:
        return ANYTHING
    return run.evaluate(run, default, function.scope)
