"""views for the shop's desk"""

from alembic import op

revision = "a1f0c0de0003"
down_revision = "a1f0c0de0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE VIEW order_totals AS SELECT order_id, sum(quantity * price_cents) AS cents"
        " FROM order_lines GROUP BY order_id"
    )
    op.execute(
        "CREATE VIEW sales_by_month AS SELECT strftime('%Y-%m', o.placed_on) AS month,"
        " sum(l.quantity * l.price_cents) AS cents FROM orders AS o"
        " JOIN order_lines AS l ON l.order_id = o.id GROUP BY month"
    )


def downgrade() -> None:
    op.execute("DROP VIEW sales_by_month")
    op.execute("DROP VIEW order_totals")
