"""Putting a mutant in the place of the real code, in this process: live functions get the changed file's code.

Everything that was imported before, by whatever name, keeps the same function objects, so nothing is imported again.
What is neither a function nor a module's constant (a class's own fields) is not changed here.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType

from mutation.mutants import Mutant, compiled, mutated

Functions = dict[tuple[str, str, int], list[FunctionType]]


class NotLive(Exception):
    """The mutant cannot take the place of code that is already there."""


def live() -> Functions:
    """All functions of this process, by file, qualified name and first line."""
    found: Functions = {}
    for one in gc.get_objects():
        if type(one) is FunctionType:
            code = one.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(one)
    return found


def swap(mutant: Mutant, functions: Functions) -> None:
    """Give every live function of the mutant's file the code that it has in the changed file.

    Raises:
        NotLive: nothing of what is live would change.
    """
    if mutant.constant:
        _rename(mutant)
        return
    changed = False
    for code in _codes(compiled(mutant)):
        for function in functions.get((code.co_filename, code.co_qualname, code.co_firstlineno), ()):
            if function.__code__ != code:
                if function.__code__.co_freevars != code.co_freevars:
                    raise NotLive(mutant.name)
                function.__code__ = code
                changed = True
    if not changed:
        raise NotLive(mutant.name)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _rename(mutant: Mutant) -> None:
    """Give a module's constant its changed value, wherever it was imported by its name."""
    module = sys.modules[mutant.source.module]
    old = getattr(module, mutant.constant)
    (statement,) = (
        one for one in mutated(mutant).body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id == mutant.constant
    )  # fmt: skip
    # The file's own expression, changed by one operator, with its own names.
    new = eval(compile(ast.Expression(statement.value), "limit", "eval"), dict(vars(module)))
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(mutant.constant) is old:
            setattr(other, mutant.constant, new)
