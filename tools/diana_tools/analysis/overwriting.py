"""Which columns of an UPDATE lose what they held."""

from __future__ import annotations

from diana_tools.analysis.ledger import Ledger
from diana_tools.analysis.statement import UNKNOWN, Statement


def overwritten(statement: Statement, ledger: Ledger) -> tuple[str, ...]:
    """Columns whose old values go: not new ones, not those that are only filled where they were NULL."""
    if ledger.spares(statement.table):
        return ()
    if not statement.columns:
        return (UNKNOWN,)
    return tuple(
        column.name
        for column in statement.columns
        if not column.fills and not ledger.spares_column(statement.table, column.name)
    )
