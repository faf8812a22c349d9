"""Python statements in the order in which they would run; branches that nobody can decide are followed both."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TypeVar

from diana_tools.analysis.python import definitions
from diana_tools.analysis.python.answers import either, listed, options, truth
from diana_tools.analysis.python.definitions import RESULT
from diana_tools.analysis.python.expressions import assign, evaluate, iterated
from diana_tools.analysis.python.operations import rebuild
from diana_tools.analysis.python.run import Flow, Run
from diana_tools.analysis.python.strings import added
from diana_tools.analysis.python.values import (
    ANYTHING,
    NONE,
    Batch,
    Choice,
    Context,
    Imported,
    Items,
    Pairs,
    Plain,
    Scope,
    Text,
    Value,
)


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
    run.typing += 1
    evaluate(run, node.annotation, scope)
    run.typing -= 1
    if node.value is not None:
        assign(run, node.target, evaluate(run, node.value, scope), scope)
    return Flow.NEXT


def _augmented(run: Run, node: ast.AugAssign, scope: Scope) -> Flow:
    old, more = evaluate(run, node.target, scope), evaluate(run, node.value, scope)
    new = added(old, more) if isinstance(node.op, ast.Add) else ANYTHING
    if isinstance(old, Items):
        known = isinstance(new, Items) and new.known and not run.unsure
        old.items, old.known = (new.items, True) if known and isinstance(new, Items) else ((), False)
        return Flow.NEXT
    assign(run, node.target, new, scope)
    return Flow.NEXT


def _return(run: Run, node: ast.Return, scope: Scope) -> Flow:
    value = evaluate(run, node.value, scope) if node.value is not None else NONE
    scope.names[RESULT] = either(scope.names[RESULT], value) if RESULT in scope.names else value
    return Flow.RETURN


def _raise(run: Run, node: ast.Raise, scope: Scope) -> Flow:
    """An exception's own class is not followed, everything else that its expression calls is."""
    for part in (node.exc, node.cause):
        if isinstance(part, ast.Call):
            callee = evaluate(run, part.func, scope)
            if isinstance(callee, Imported) and not callee.path.startswith("alembic.op"):
                for argument in (*part.args, *(word.value for word in part.keywords)):
                    evaluate(run, argument, scope)
                continue
        if part is not None:
            evaluate(run, part, scope)
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
        elif RESULT in scope.names:
            before[RESULT] = _merged(before, scope.names, RESULT)
    if not ends:
        scope.names = before
        # Where the branches leave differently, the loop or the function around them goes on somewhere.
        return flows[0] if len(set(flows)) == 1 else Flow.CONTINUE
    scope.names = ends[0]
    for other in ends[1:]:
        for key in scope.names.keys() | other.keys():
            scope.names[key] = _merged(scope.names, other, key)
    if RESULT in before:
        scope.names[RESULT] = _merged(scope.names, before, RESULT)
    return Flow.NEXT


def _merged(first: dict[str, Value], second: dict[str, Value], key: str) -> Value:
    """What a name may be behind two branches; a result that only one of them has is the only one there is."""
    if key == RESULT and (key not in first or key not in second):
        return first.get(key) or second[key]
    return either(first.get(key, ANYTHING), second.get(key, ANYTHING))


def _for(run: Run, node: ast.For | ast.AsyncFor, scope: Scope) -> Flow:
    over = evaluate(run, node.iter, scope)
    known = listed(over)
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
    if listed(over) != known:
        # The body made the list longer that it goes through.
        _once(run, node, ANYTHING, scope, looped=False)
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
                    scope.names[inner.id] = ANYTHING
                before[inner.id] = scope.names[inner.id]
    return before


def _either(before: dict[str, Value], scope: Scope) -> None:
    """Behind a loop that may not have run, names are what they were or what it made them."""
    for name, value in before.items():
        now = scope.names.get(name, ANYTHING)
        grown = any(isinstance(option, Text) for option in options(now))
        scope.names[name] = ANYTHING if grown else either(value, now)


def _try(run: Run, node: ast.Try | ast.TryStar, scope: Scope) -> Flow:
    with run.maybe():
        flow = block(run, node.body, scope)
        for caught in node.handlers:
            if caught.type is not None:
                evaluate(run, caught.type, scope)
            if caught.name:
                scope.names[caught.name] = ANYTHING
            block(run, caught.body, scope)
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
    # `with suppress(...)` swallows what is raised inside, and goes on.
    raises = any(isinstance(inner, ast.Raise) for part in node.body for inner in ast.walk(part))
    return Flow.NEXT if raises else flow


def _match(run: Run, node: ast.Match, scope: Scope) -> Flow:
    evaluate(run, node.subject, scope)
    for case in node.cases:
        if case.guard is not None:
            evaluate(run, case.guard, scope)
    return _branches(run, [case.body for case in node.cases] + [[]], scope)


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
        _on(ast.FunctionDef, definitions.define),
        _on(ast.AsyncFunctionDef, definitions.define),
        _on(ast.ClassDef, definitions.class_),
        _on(ast.Import, definitions.import_),
        _on(ast.ImportFrom, definitions.import_from),
        _on(ast.Match, _match),
        _on(ast.Delete, definitions.delete),
        _on(ast.Global, definitions.global_),
        _on(ast.Nonlocal, definitions.global_),
    )
)
