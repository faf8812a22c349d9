"""Which names a Python source imports and reaches through its imports, from its syntax tree; nothing is imported."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

METHODS = frozenset({"subprocess_exec", "subprocess_shell", "create_subprocess_exec", "create_subprocess_shell"})
"""Methods of an event loop that start a process, whatever the loop is called."""


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of `a.b.c` with what the imports say `a` is; empty for anything else."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, known)
        return f"{before}.{node.attr}" if before else ""
    return ""


def imports(tree: ast.AST) -> dict[str, str]:
    """Local name to full name, of every import anywhere in the tree; relative ones keep their dots."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                known[name.asname or first] = name.name if name.asname else first
                known.setdefault(name.name, name.name)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for name in node.names:
                known[name.asname or name.name] = f"{module}.{name.name}" if node.module else f"{module}{name.name}"
    return known


def names_used(tree: ast.AST) -> Iterator[str]:
    """Every full name that the code imports or reaches through an import, and the builtins it names."""
    known = imports(tree)
    yield from known.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield dotted(node, known)
            if node.attr in METHODS:
                yield node.attr
        elif isinstance(node, ast.Name) and node.id not in known and hasattr(builtins, node.id):
            yield node.id
