"""What the tests of the analysis stand on: labelled migrations, short ways to write them, and how they are analysed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from diana_tools.analyze import Analysis, MigrationText, analyze
from diana_tools.measured import Schema, SchemaObject


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled migration.

    `loses` is what a careful person says: does running it destroy data, or can nobody tell from the text?
    `finds` are pairs of rule and object that must be among the findings, `never` rules that must not be.
    `unread` says whether a part of it must be named as unread. `wrong`: we know that we judge it wrongly, and it
    counts against the measured precision or recall.
    """

    name: str
    text: str
    dialect: str
    loses: bool
    finds: tuple[tuple[str, str], ...] = ()
    never: tuple[str, ...] = ()
    unread: bool = False
    wrong: bool = False
    direction: str = "up"
    earlier: tuple[str, ...] = ()
    live: Schema | None = None
    more: tuple[str, ...] = field(default=())


def alembic(body: str, *, top: str = "", down: str = "pass", extra: str = "") -> str:
    """A migration with this body of `upgrade`."""
    return "\n".join(
        (
            "import sqlalchemy as sa",
            "from alembic import context, op",
            textwrap.dedent(top),
            "revision = '1'",
            "down_revision = None",
            "",
            textwrap.dedent(extra),
            "def upgrade():",
            textwrap.indent(textwrap.dedent(body).strip() or "pass", "    "),
            "",
            "def downgrade():",
            textwrap.indent(textwrap.dedent(down).strip(), "    "),
            "",
        )
    )


def up(name: str, body: str, loses: bool, *finds: tuple[str, str], dialect: str = "postgresql", top: str = "",
       down: str = "pass", extra: str = "", never: tuple[str, ...] = (), unread: bool = False, wrong: bool = False,
       earlier: tuple[str, ...] = (), live: Schema | None = None, more: tuple[str, ...] = ()) -> Case:  # fmt: skip
    """A case on `upgrade`."""
    text = alembic(body, top=top, down=down, extra=extra)
    return Case(name, text, dialect, loses, finds, never, unread, wrong, "up", earlier, live, more)


def sql(name: str, text: str, loses: bool, *finds: tuple[str, str], dialect: str = "postgresql",
        never: tuple[str, ...] = (), unread: bool = False, wrong: bool = False, earlier: tuple[str, ...] = (),
        live: Schema | None = None) -> Case:  # fmt: skip
    """A case of plain SQL."""
    return Case(name, text, dialect, loses, finds, never, unread, wrong, "up", earlier, live)


def schema(*objects: tuple[str, str, str]) -> Schema:
    """A measured schema."""
    return Schema(tuple(SchemaObject(*parts) for parts in objects))


def migration(number: int, text: str) -> MigrationText:
    """A text as the planner hands it over."""
    language = "alembic-python" if "def upgrade" in text or "def downgrade" in text else "sql"
    return MigrationText(f"m{number}", f"versions/m{number}.py", text, language)


def look(case: Case) -> Analysis:
    """Analyse a case."""
    texts = [migration(number, text) for number, text in enumerate((case.text, *case.more))]
    earlier = [migration(100 + number, text) for number, text in enumerate(case.earlier)]
    return analyze(texts, case.dialect, earlier, case.live, case.direction)


def read(text: str, dialect: str = "postgresql", direction: str = "up") -> Analysis:
    """Analyse one text with nothing known around it."""
    return analyze([migration(0, text)], dialect, [], None, direction)


def loses(analysis: Analysis) -> bool:
    """Whether the analysis calls for a destructive confirmation (guard: data loss, or anything unread)."""
    return any(finding.data_loss for finding in analysis.findings) or bool(analysis.unread)


SHOP = schema(
    ("table", "users", ""),
    ("column", "users.id", "integer not null"),
    ("column", "users.email", "character varying(200) not null"),
    ("column", "users.name", "text"),
    ("column", "users.age", "integer"),
    ("column", "users.price", "numeric(10,2)"),
    ("column", "users.status", "status"),
    ("column", "users.seen_at", "timestamp without time zone"),
    ("type", "status", "enum ('new', 'paid', 'it''s')"),
    ("table", "orders", ""),
    ("column", "orders.id", "bigint not null"),
    ("column", "orders.user_id", "integer"),
    ("constraint", "orders.orders_user_id_fkey", "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE"),
    ("view", "active_users", "SELECT id FROM users WHERE age > 18;"),
    ("function", "purge_users()", "CREATE OR REPLACE FUNCTION public.purge_users()\n RETURNS void\n LANGUAGE sql\n"
     "AS $function$ DELETE FROM users $function$\n"),
    ("function", "tidy(integer)", "CREATE OR REPLACE FUNCTION public.tidy(integer)\n RETURNS integer\n LANGUAGE sql\n"
     "AS $function$ SELECT $1 + 1 $function$\n"),
    ("table", "lonely", ""),
    ("column", "lonely.id", "integer not null"),
    ("column", "lonely.note", "text"),
    ("schema", "audit", ""),
    ("table", "audit.log", ""),
    ("column", "audit.log.id", "integer not null"),
)  # fmt: skip
