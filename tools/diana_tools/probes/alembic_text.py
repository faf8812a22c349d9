"""What a migration file says of itself, read as a syntax tree by the project's own interpreter."""

import ast
import re

_LEAVES = re.compile(r"^\s*(commit|rollback|begin|end)\b", re.IGNORECASE)
_RUNS_SQL = ("execute", "exec_driver_sql", "text", "DDL")


def reversible(tree):
    """True: there is a way down that does something. False: none, or one that only raises. None: nobody can tell."""
    found = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    up, down = found.get("upgrade"), found.get("downgrade")
    if down is None or up is None or down.args.args:
        return False if down is None and "downgrade" not in _names(tree) else None
    body = _acts(down)
    if not body:
        return not _acts(up)
    if isinstance(body[0], ast.Raise):
        return False
    return None if any(isinstance(node, ast.Raise) for node in ast.walk(down)) else True


def transactional(tree):
    """False when a migration leaves the transaction that Alembic opened for it."""
    return not any(_leaves(node) for node in ast.walk(tree))


def _leaves(node):
    if isinstance(node, ast.Attribute):
        return node.attr == "autocommit_block"
    if isinstance(node, ast.keyword):
        return node.arg == "isolation_level" and _constant(node.value) == "AUTOCOMMIT"
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name not in _RUNS_SQL:
        return name == "commit"
    return any(isinstance(_constant(one), str) and _LEAVES.match(_constant(one)) for one in node.args)


def _constant(node):
    return node.value if isinstance(node, ast.Constant) else None


def _acts(function):
    """The body without docstring, `pass` and `...`."""
    return [
        node
        for node in function.body
        if not isinstance(node, ast.Pass) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def _names(tree):
    """Names that the module binds at its top, other than by def."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name) for alias in node.names)
    return names
