"""PostgreSQL's SQL: parsed by PostgreSQL's own parser, one reader a kind of statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from diana_tools.analysis.sql import pg_drops, pg_tables
from diana_tools.analysis.sql.known import ESCAPES, harmless
from diana_tools.analysis.sql.pg_bodies import read_routine
from diana_tools.analysis.sql.pg_rows import changes, changes_rows, copied, relation
from diana_tools.analysis.sql.tokens import first_token
from diana_tools.analysis.sql.tree import Node, parse
from diana_tools.analysis.statement import Action, Collected, Gap, Reading, Statement, plain

_HARMLESS_WORDS = """
AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt AlterDatabaseStmt
AlterDefaultPrivilegesStmt AlterDomainStmt AlterEventTrigStmt AlterExtensionContentsStmt AlterExtensionStmt
AlterFdwStmt AlterForeignServerStmt AlterFunctionStmt AlterObjectDependsStmt AlterOpFamilyStmt AlterOperatorStmt
AlterOwnerStmt AlterPolicyStmt AlterPublicationStmt AlterRoleSetStmt AlterStatsStmt AlterSubscriptionStmt
AlterSystemStmt AlterTSConfigurationStmt AlterTSDictionaryStmt AlterTableMoveAllStmt AlterTableSpaceOptionsStmt
AlterTypeStmt AlterUserMappingStmt CheckPointStmt ClosePortalStmt ClusterStmt CommentStmt ConstraintsSetStmt
CreateExtensionStmt CreateFdwStmt
CreateForeignServerStmt CreateOpFamilyStmt CreatePolicyStmt
CreatePublicationStmt CreateStatsStmt CreateSubscriptionStmt CreateTableSpaceStmt
CreateUserMappingStmt CreatedbStmt DeallocateStmt DiscardStmt DropRoleStmt DropSubscriptionStmt
DropTableSpaceStmt DropUserMappingStmt FetchStmt ImportForeignSchemaStmt ListenStmt LockStmt
NotifyStmt ReassignOwnedStmt RefreshMatViewStmt ReindexStmt SecLabelStmt UnlistenStmt VacuumStmt
VariableShowStmt GrantRoleStmt
"""
_HARMLESS = frozenset(_HARMLESS_WORDS.split())
# A body is read by itself, and CALL says what it calls.
_OWN_CALLS = frozenset({"DoStmt", "CreateFunctionStmt", "CallStmt"})
# Objects that compute nothing; what DEFINE makes besides them calls routines under another name.
_DEFINED = frozenset({"OBJECT_COLLATION", "OBJECT_TSCONFIGURATION", "OBJECT_TSDICTIONARY"})
_Reader = Callable[[Node, Statement], Iterator[Statement]]


def read_postgresql(text: str, line: int = 1) -> Reading:
    """Read statements; `line` is where the text begins.

    Raises:
        NotParsed: PostgreSQL's parser refuses the text as a whole.
    """
    found = Collected()
    seen, line_ends = 0, 0
    prepared: set[str] = set()
    for parsed in parse(text):
        written = text[parsed.start : parsed.end]
        begin = parsed.start + first_token(written)
        line_ends += text.count("\n", seen, begin)
        seen = begin
        shown = plain(text[begin : parsed.end])
        base = Statement(Action.READ, line=line + line_ends, text=shown, calls=_calls(parsed.node))
        name = parsed.node.text("name")
        read = parsed.node.kind == "ExecuteStmt" and name in prepared
        found.add(Reading((base,)) if read else interpret(parsed.node, base))
        if parsed.node.kind == "PrepareStmt":
            prepared.add(name)
    return found.reading()


def interpret(node: Node, base: Statement) -> Reading:
    """What one statement does, and what it calls; a kind that nobody knows is a gap.

    A call counts wherever it stands: a default, an index or a view runs it sooner or later.
    """
    calls = (inner for inner in node.walk() if inner.kind == "FuncCall") if node.kind not in _OWN_CALLS else ()
    return _act(node, base) + Reading(tuple(statement for call in calls for statement in _effect(call, base)))


def _act(node: Node, base: Statement) -> Reading:
    if node.kind in ("DoStmt", "CreateFunctionStmt"):
        return read_routine(node, base, read_postgresql)
    reader = _READERS.get(node.kind)
    if reader is not None:
        return Reading(tuple(reader(node, base)))
    if changes_rows(node):
        return Reading(tuple(changes(node, base)))
    if node.kind in _HARMLESS or (node.kind == "DefineStmt" and node.text("kind") in _DEFINED):
        return Reading((base,))
    return Reading((), (Gap(base.line, "AC001.statement_unknown", base.text),))


def _calls(node: Node) -> tuple[str, ...]:
    """The names of all functions that a statement calls, without their schema."""
    names = (inner.names("funcname")[-1:] for inner in node.walk() if inner.kind == "FuncCall")
    return tuple(dict.fromkeys(name for pair in names for name in pair))


def _select(node: Node, base: Statement) -> Iterator[Statement]:
    into = node.node("intoClause")
    if into is not None:
        place = into.node("rel")
        made = replace(base, action=Action.CREATE_TABLE, table=relation(place))
        yield copied(made, node, (), whole=True)
    yield from changes(node, base)
    yield base


def _effect(call: Node, base: Statement) -> Iterator[Statement]:
    names = call.names("funcname")
    name = names[-1] if names else ""
    first = next(iter(call.nodes("args")), None)
    if name == "setval":
        yield replace(base, action=Action.RESTART_SEQUENCE, name=_string(first))
    elif name == "set_config":
        if _string(first) == "search_path":
            yield replace(base, action=Action.SET_PATH)
    elif name in ESCAPES:
        yield replace(base, action=Action.ESCAPE, name=name)
    elif not _computes(names):
        yield replace(base, action=Action.CALL, name=name)


def _computes(names: tuple[str, ...]) -> bool:
    """Whether a function is PostgreSQL's own, or one of an extension that only computes, by its qualified name."""
    schema, name = (names[-2] if len(names) > 1 else ""), (names[-1] if names else "")
    if schema == "pg_catalog":
        return True
    return harmless(name) if not schema else name.startswith(("st_", "uuid_generate_"))


def _string(node: Node | None) -> str:
    while node is not None and node.kind == "TypeCast":
        node = node.node("arg")
    value = node.node("sval") if node is not None and node.kind == "A_Const" else None
    return value.text("sval") if value is not None else ""


def _call(node: Node, base: Statement) -> Iterator[Statement]:
    function = node.node("funccall")
    yield replace(base, action=Action.CALL, name=(function.names("funcname") or ("?",))[-1] if function else "?")


def _explain(node: Node, base: Statement) -> Iterator[Statement]:
    """EXPLAIN runs nothing, EXPLAIN ANALYZE runs everything."""
    query = node.node("query")
    analyze = [option for option in node.nodes("options") if option.text("defname") == "analyze"]
    if analyze and query is not None and _switched_on(analyze[-1]):
        yield from changes(query, base)
    yield base


def _switched_on(option: Node) -> bool:
    """An option without a value is on; off, false and 0 are off."""
    value = option.node("arg")
    if value is None:
        return True
    if value.kind == "String":
        return value.text("sval").lower() not in ("off", "false", "0")
    return value.flag("boolval") or value.number("ival") != 0


def _prepare(node: Node, base: Statement) -> Iterator[Statement]:
    query = node.node("query")
    yield from interpret(query, base).statements if query is not None else (base,)


def _copy(node: Node, base: Statement) -> Iterator[Statement]:
    query = node.node("query")
    if query is not None:
        yield from changes(query, base)
    if node.flag("is_program"):
        yield replace(base, action=Action.ESCAPE, name="PROGRAM")
    action = Action.INSERT if node.flag("is_from") else Action.READ
    yield replace(base, action=action, table=relation(node.node("relation")))


def _index(node: Node, base: Statement) -> Iterator[Statement]:
    yield replace(
        base,
        action=Action.CREATE_INDEX,
        table=relation(node.node("relation")),
        name=node.text("idxname"),
        kind="unique" if node.flag("unique") else "",
        concurrently=node.flag("concurrent"),
    )


def _enum(node: Node, base: Statement) -> Iterator[Statement]:
    members = ",".join("'" + name.replace("'", "''") + "'" for name in node.names("vals"))
    name = ".".join(node.names("typeName"))
    yield replace(base, action=Action.CREATE_TYPE, kind="enum", name=name, new_type=f"enum({members})")


def _alter_enum(node: Node, base: Statement) -> Iterator[Statement]:
    renamed = bool(node.text("oldVal"))
    yield replace(
        base,
        action=Action.RENAME_ENUM_VALUE if renamed else Action.ADD_ENUM_VALUE,
        name=".".join(node.names("typeName")),
        new_type=node.text("newVal"),
        old_type=node.text("oldVal"),
        guarded="newValNeighbor" in node.fields,
    )


def _sequence(node: Node, base: Statement) -> Iterator[Statement]:
    restarts = any(option.text("defname") == "restart" for option in node.nodes("options"))
    action = Action.RESTART_SEQUENCE if restarts else Action.READ
    yield replace(base, action=action, name=relation(node.node("sequence")))


def _set(node: Node, base: Statement) -> Iterator[Statement]:
    name = node.text("name")
    value = next((_string(item) for item in node.nodes("args")), "")
    if name == "search_path":
        yield replace(base, action=Action.SET_PATH, name=value)
    elif name == "session_replication_role":
        off = value in ("replica", "local")
        yield replace(base, action=Action.SAFETY_OFF if off else Action.SAFETY_ON, kind="replication role")
    else:
        yield base


def _transaction(node: Node, base: Statement) -> Iterator[Statement]:
    kind = node.text("kind").removeprefix("TRANS_STMT_").lower()
    yield replace(base, action=Action.TRANSACTION, kind=kind)


def _schema(node: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.CREATE_OTHER, kind="schema", name=node.text("schemaname"))
    for element in node.nodes("schemaElts"):
        yield from interpret(element, base).statements


def _created(kind: str, name: Callable[[Node], str]) -> _Reader:
    def read(node: Node, base: Statement) -> Iterator[Statement]:
        yield replace(base, action=Action.CREATE_OTHER, kind=kind, name=name(node), replaces=node.flag("replace"))

    return read


def _rule(node: Node, base: Statement) -> Iterator[Statement]:
    name = node.text("rulename") or node.text("trigname")
    yield replace(base, action=Action.CREATE_ROUTINE, kind="rule", name=name, table=relation(node.node("relation")))
    yield from (replace(statement, conditional=True) for statement in changes(node, base))


def _trigger(node: Node, base: Statement) -> Iterator[Statement]:
    """A trigger runs its function at some later row, or in this very migration."""
    yield replace(base, action=Action.CREATE_OTHER, kind="trigger", name=node.text("trigname"))
    names = node.names("funcname")
    if not _computes(names):
        yield replace(base, action=Action.CALL, name=(names or ("?",))[-1])


def _grant(node: Node, base: Statement) -> Iterator[Statement]:
    everybody = any(role.text("roletype") == "ROLESPEC_PUBLIC" for role in node.nodes("grantees"))
    wide = node.flag("is_grant") and (everybody or not node.nodes("privileges"))
    yield replace(base, action=Action.ACCESS, kind="grant") if wide else base


def _role(node: Node, base: Statement) -> Iterator[Statement]:
    risky = {"superuser", "bypassrls", "password"}
    options = [option for option in node.nodes("options") if option.text("defname") in risky]
    granted = any(_switched_on(option) and option.node("arg") is not None for option in options)
    yield replace(base, action=Action.ACCESS, kind="role") if granted else base


def _load(_node: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.ESCAPE, name="LOAD")


_READERS: dict[str, _Reader] = {
    "SelectStmt": _select,
    "CallStmt": _call,
    "ExplainStmt": _explain,
    "PrepareStmt": _prepare,
    "DeclareCursorStmt": _prepare,
    "CopyStmt": _copy,
    "IndexStmt": _index,
    "CreateEnumStmt": _enum,
    "AlterEnumStmt": _alter_enum,
    "AlterSeqStmt": _sequence,
    "CreateSeqStmt": _created("sequence", lambda node: relation(node.node("sequence"))),
    "ViewStmt": _created("view", lambda node: relation(node.node("view"))),
    "CompositeTypeStmt": _created("type", lambda node: relation(node.node("typevar"))),
    "CreateDomainStmt": _created("domain", lambda node: ".".join(node.names("domainname"))),
    "CreateRangeStmt": _created("type", lambda node: ".".join(node.names("typeName"))),
    "CreateTrigStmt": _trigger,
    "CreateEventTrigStmt": _trigger,
    "RuleStmt": _rule,
    "VariableSetStmt": _set,
    "TransactionStmt": _transaction,
    "CreateSchemaStmt": _schema,
    "GrantStmt": _grant,
    "AlterRoleStmt": _role,
    "CreateRoleStmt": _role,
    "LoadStmt": _load,
    "CreateStmt": pg_tables.create_table,
    "CreateForeignTableStmt": pg_tables.create_table,
    "CreateTableAsStmt": pg_tables.create_table_as,
    "AlterTableStmt": pg_tables.alter_table,
    **pg_drops.READERS,
}
