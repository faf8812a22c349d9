"""Python statements in the order in which they would run; branches that nobody can decide are followed both."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

from diana_tools.analysis.python.answers import either, options, truth
from diana_tools.analysis.python.expressions import assign, evaluate, iterated
from diana_tools.analysis.python.operations import rebuild
from diana_tools.analysis.python.run import DEEPEST_CALL, Run
from diana_tools.analysis.python.strings import added
from diana_tools.analysis.python.values import (
    DATA,
    NONE,
    Arguments,
    Batch,
    Choice,
    Class,
    Context,
    Function,
    Imported,
    Items,
    Pairs,
    Plain,
    Scope,
    Text,
    Unknown,
    Value,
)

_DECORATORS = ("builtins.", "functools.", "contextlib.")


class Flow(Enum):
    """How a block ended."""

    NEXT = "next"
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"


_MOST_AGAIN = 2
_RESULT = "return"
"""Where a function's scope keeps what it returns; no identifier, so that no name can meet it."""


def block(run: Run, body: Sequence[ast.stmt], scope: Scope) -> Flow:
    """Follow statements one after another; what comes behind a return that surely happens is not followed."""
    unsure = 0
    try:
        for node in body:
            run.step()
            flow = _statement(run, node, scope)
            if flow is not Flow.NEXT:
                return flow
            if isinstance(node, (ast.If, ast.Try, ast.Match)) and _may_leave(node):
                # What follows runs only if the branch was not taken that leaves.
                run.unsure += 1
                unsure += 1
        return Flow.NEXT
    finally:
        run.unsure -= unsure


def _may_leave(node: ast.stmt) -> bool:
    return any(isinstance(inner, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for inner in ast.walk(node))


def _statement(run: Run, node: ast.stmt, scope: Scope) -> Flow:
    follow = _STATEMENTS.get(type(node))
    if follow is not None:
        return follow(run, node, scope)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(run, child, scope)
    return Flow.NEXT


def _assign(run: Run, node: ast.Assign, scope: Scope) -> Flow:
    value = evaluate(run, node.value, scope)
    for target in node.targets:
        assign(run, target, value, scope)
    return Flow.NEXT


def _annotated(run: Run, node: ast.AnnAssign, scope: Scope) -> Flow:
    if node.value is not None:
        assign(run, node.target, evaluate(run, node.value, scope), scope)
    return Flow.NEXT


def _augmented(run: Run, node: ast.AugAssign, scope: Scope) -> Flow:
    old, more = evaluate(run, node.target, scope), evaluate(run, node.value, scope)
    new = added(old, more) if isinstance(node.op, ast.Add) else DATA
    if isinstance(old, Items):
        known = isinstance(new, Items) and new.known and not run.unsure
        old.items, old.known = (new.items, True) if known and isinstance(new, Items) else ((), False)
        return Flow.NEXT
    assign(run, node.target, new, scope)
    return Flow.NEXT


def _return(run: Run, node: ast.Return, scope: Scope) -> Flow:
    value = evaluate(run, node.value, scope) if node.value is not None else NONE
    scope.names[_RESULT] = either(scope.names[_RESULT], value) if _RESULT in scope.names else value
    return Flow.RETURN


def _raise(run: Run, node: ast.Raise, scope: Scope) -> Flow:
    for part in (node.exc, node.cause):
        if isinstance(part, ast.Call):
            for argument in part.args:
                evaluate(run, argument, scope)
    return Flow.RETURN


def _break(_run: Run, _node: ast.Break, _scope: Scope) -> Flow:
    return Flow.BREAK


def _continue(_run: Run, _node: ast.Continue, _scope: Scope) -> Flow:
    return Flow.CONTINUE


def _if(run: Run, node: ast.If, scope: Scope) -> Flow:
    known = truth(evaluate(run, node.test, scope))
    if known is not None:
        return block(run, node.body if known else node.orelse, scope)
    return _branches(run, (node.body, node.orelse), scope)


def _branches(run: Run, bodies: Sequence[Sequence[ast.stmt]], scope: Scope) -> Flow:
    """Follow every branch from the same beginning; names come out as any of those that go on has them."""
    before = dict(scope.names)
    ends: list[dict[str, Value]] = []
    flows: list[Flow] = []
    for body in bodies:
        scope.names = dict(before)
        with run.maybe():
            flow = block(run, body, scope)
        flows.append(flow)
        if flow is Flow.NEXT:
            ends.append(scope.names)
        elif _RESULT in scope.names:
            before[_RESULT] = _merged(before, scope.names, _RESULT)
    if not ends:
        scope.names = before
        return flows[0] if len(set(flows)) == 1 else Flow.RETURN
    scope.names = ends[0]
    for other in ends[1:]:
        for key in scope.names.keys() | other.keys():
            scope.names[key] = _merged(scope.names, other, key)
    if _RESULT in before:
        scope.names[_RESULT] = _merged(scope.names, before, _RESULT)
    return Flow.NEXT


def _merged(first: dict[str, Value], second: dict[str, Value], key: str) -> Value:
    if key in first and key in second:
        return either(first[key], second[key])
    return either(first.get(key, DATA), second.get(key, DATA)) if key != _RESULT else first.get(key) or second[key]


def _for(run: Run, node: ast.For | ast.AsyncFor, scope: Scope) -> Flow:
    over = evaluate(run, node.iter, scope)
    for item, exact in iterated(over):
        if exact:
            assign(run, node.target, item, scope)
            flow = block(run, node.body, scope)
            if flow is Flow.RETURN:
                return flow
            if flow is Flow.BREAK:
                return Flow.NEXT
        else:
            _once(run, node, item, scope, looped=not isinstance(over, (Items, Pairs, Choice)))
    block(run, node.orelse, scope)
    return Flow.NEXT


def _once(run: Run, node: ast.For | ast.AsyncFor, item: Value, scope: Scope, *, looped: bool) -> None:
    """One pass that stands for all: the body may have run before, once or never."""
    before = _forget(node.body, scope)
    assign(run, node.target, item, scope)
    with run.maybe(looped=looped):
        block(run, node.body, scope)
    _either(before, scope)


def _while(run: Run, node: ast.While, scope: Scope) -> Flow:
    before = _forget(node.body, scope)
    evaluate(run, node.test, scope)
    with run.maybe(looped=True):
        block(run, node.body, scope)
    _either(before, scope)
    block(run, node.orelse, scope)
    return Flow.NEXT


def _forget(body: Sequence[ast.stmt], scope: Scope) -> dict[str, Value]:
    """Strings and numbers that a loop's body assigns may have grown in it: they are unknown from now on.

    Gives what every name that the body assigns was before.
    """
    before: dict[str, Value] = {}
    for node in body:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and inner.id in scope.names:
                if any(isinstance(option, (Text, Plain)) for option in options(scope.names[inner.id])):
                    scope.names[inner.id] = DATA
                before[inner.id] = scope.names[inner.id]
    return before


def _either(before: dict[str, Value], scope: Scope) -> None:
    """Behind a loop that may not have run, names are what they were or what it made them."""
    for name, value in before.items():
        now = scope.names.get(name, DATA)
        grown = any(isinstance(option, Text) for option in options(now))
        scope.names[name] = DATA if grown else either(value, now)


def _try(run: Run, node: ast.Try | ast.TryStar, scope: Scope) -> Flow:
    with run.maybe():
        flow = block(run, node.body, scope)
        for handler in node.handlers:
            if handler.name:
                scope.names[handler.name] = DATA
            block(run, handler.body, scope)
        block(run, node.orelse, scope)
    after = block(run, node.finalbody, scope)
    return after if after is not Flow.NEXT else Flow.RETURN if flow is Flow.RETURN and not node.handlers else Flow.NEXT


def _with(run: Run, node: ast.With | ast.AsyncWith, scope: Scope) -> Flow:
    batches: list[Batch] = []
    outside = run.outside
    first = len(run.found.statements)
    for item in node.items:
        value = evaluate(run, item.context_expr, scope)
        batches += [value] if isinstance(value, Batch) else []
        run.outside = run.outside or value == Context("autocommit")
        if item.optional_vars is not None:
            assign(run, item.optional_vars, value, scope)
    flow = block(run, node.body, scope)
    run.outside = outside
    for batch in batches:
        rebuild(run, batch, first, node)
    return flow


def _define(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Flow:
    """A decorator that nobody knows may replace the function by anything."""
    foreign = False
    for decorator in node.decorator_list:
        made = evaluate(run, decorator, scope)
        known = isinstance(made, Imported) and made.path.startswith(_DECORATORS)
        foreign = foreign or not known
    scope.names[node.name] = Unknown(foreign=True) if foreign else Function(node, scope)
    if foreign:
        with run.maybe():
            run.inline(run, Function(node, scope), Arguments(loose=True))
    return Flow.NEXT


def _class(run: Run, node: ast.ClassDef, scope: Scope) -> Flow:
    """A class: what its body assigns is looked at, its methods are not followed."""
    inner = Scope(outer=scope)
    bases = [evaluate(run, base, scope) for base in node.bases]
    block(run, [part for part in node.body if isinstance(part, (ast.Assign, ast.AnnAssign, ast.Expr))], inner)
    enum = any(isinstance(base, Imported) and base.last.endswith(("Enum", "Flag")) for base in bases)
    table = inner.names.get("__tablename__")
    members = tuple(key for key in inner.names if not key.startswith("_"))
    scope.names[node.name] = Class(node.name, table.text if isinstance(table, Text) else "", members, enum)
    return Flow.NEXT


def _import(_run: Run, node: ast.Import, scope: Scope) -> Flow:
    for alias in node.names:
        path = alias.name if alias.asname else alias.name.partition(".")[0]
        scope.names[alias.asname or path] = Imported(path)
    return Flow.NEXT


def _import_from(_run: Run, node: ast.ImportFrom, scope: Scope) -> Flow:
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        scope.names[alias.asname or alias.name] = Imported(f"{module}.{alias.name}")
    return Flow.NEXT


def _match(run: Run, node: ast.Match, scope: Scope) -> Flow:
    evaluate(run, node.subject, scope)
    return _branches(run, [case.body for case in node.cases] + [[]], scope)


def _delete(_run: Run, node: ast.Delete, scope: Scope) -> Flow:
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope.names.pop(target.id, None)
    return Flow.NEXT


def _global(_run: Run, node: ast.Global | ast.Nonlocal, scope: Scope) -> Flow:
    """What a function may change from inside is known nowhere."""
    holder: Scope | None = scope
    while holder is not None:
        for name in node.names:
            if name in holder.names or holder.outer is None:
                holder.names[name] = DATA
        holder = holder.outer
    return Flow.NEXT


def inline(run: Run, function: Function, given: Arguments) -> Value:
    """Follow a call of a function of the same file; what it returns."""
    again = sum(node is function.node for node in run.following)
    if again > _MOST_AGAIN:
        # Already followed with arguments that may be anything: that covers this call as well.
        return DATA
    if len(run.following) >= DEEPEST_CALL:
        run.gap("AC002.too_deep", function.node)
        return DATA
    scope = Scope(outer=function.scope)
    _bind(run, function, Arguments(loose=True) if again == _MOST_AGAIN else given, scope)
    run.following.append(function.node)
    try:
        if isinstance(function.node, ast.Lambda):
            return evaluate(run, function.node.body, scope)
        block(run, function.node.body, scope)
        return scope.names.get(_RESULT, NONE)
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
        scope.names[arguments.kwarg.arg] = DATA


def _default(run: Run, default: ast.expr | None, function: Function, given: Arguments) -> Value:
    if default is None or given.loose:
        return DATA
    return evaluate(run, default, function.scope)


_Follow = Callable[[Run, ast.stmt, Scope], Flow]
_Node = TypeVar("_Node", bound=ast.stmt)


def _on(kind: type[_Node], follow: Callable[[Run, _Node, Scope], Flow]) -> tuple[type[ast.stmt], _Follow]:
    """What follows one kind of statement, together with that kind."""

    def checked(run: Run, node: ast.stmt, scope: Scope) -> Flow:
        return follow(run, node, scope) if isinstance(node, kind) else Flow.NEXT

    return kind, checked


_STATEMENTS: dict[type[ast.stmt], _Follow] = dict(
    (
        _on(ast.Assign, _assign),
        _on(ast.AnnAssign, _annotated),
        _on(ast.AugAssign, _augmented),
        _on(ast.Return, _return),
        _on(ast.Raise, _raise),
        _on(ast.Break, _break),
        _on(ast.Continue, _continue),
        _on(ast.If, _if),
        _on(ast.For, _for),
        _on(ast.AsyncFor, _for),
        _on(ast.While, _while),
        _on(ast.Try, _try),
        _on(ast.TryStar, _try),
        _on(ast.With, _with),
        _on(ast.AsyncWith, _with),
        _on(ast.FunctionDef, _define),
        _on(ast.AsyncFunctionDef, _define),
        _on(ast.ClassDef, _class),
        _on(ast.Import, _import),
        _on(ast.ImportFrom, _import_from),
        _on(ast.Match, _match),
        _on(ast.Delete, _delete),
        _on(ast.Global, _global),
        _on(ast.Nonlocal, _global),
    )
)
