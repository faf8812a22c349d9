"""the first season: what was sold, to whom"""

from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op

revision = "a1f0c0de0002"
down_revision = "a1f0c0de0001"
branch_labels = None
depends_on = None

CUSTOMERS, PRODUCTS, ORDERS = 1800, 240, 3200
NAMES = ("Ada", "Bo", "Chidi", "Dunya", "Elif", "Farid", "Greta", "Hana", "Ines", "Jun", "Kofi", "Lena")
THINGS = ("kettle", "lamp", "chair", "bicycle bell", "notebook", "radio", "rucksack", "thermos")


def upgrade() -> None:
    customers = sa.table("customers", sa.column("id"), sa.column("email"), sa.column("name"), sa.column("legacy_code"))
    op.bulk_insert(
        customers,
        [
            {
                "id": n,
                "email": f"{NAMES[n % 12].lower()}.{n}@example.org",
                "name": f"{NAMES[n % 12]} {n}",
                "legacy_code": f"L-{n * 7919 % 100000:05d}" if n % 3 else None,
            }
            for n in range(1, CUSTOMERS + 1)
        ],
    )
    products = sa.table("products", sa.column("id"), sa.column("title"), sa.column("weight_kg"))
    op.bulk_insert(
        products,
        [
            {"id": n, "title": f"{THINGS[n % 8]} no. {n}", "weight_kg": n % 9 + (0 if n % 4 == 0 else 0.25 * (n % 4))}
            for n in range(1, PRODUCTS + 1)
        ],
    )
    orders = sa.table("orders", sa.column("id"), sa.column("customer_id"), sa.column("placed_on", sa.Date()))
    first = date(2026, 1, 2)
    op.bulk_insert(
        orders,
        [
            {"id": n, "customer_id": n * 31 % CUSTOMERS + 1, "placed_on": first + timedelta(days=n * 300 // ORDERS)}
            for n in range(1, ORDERS + 1)
        ],
    )
    lines = sa.table(
        "order_lines",
        sa.column("order_id"),
        sa.column("product_id"),
        sa.column("quantity"),
        sa.column("price_cents"),
    )
    op.bulk_insert(
        lines,
        [
            {
                "order_id": n,
                "product_id": (n * 17 + k * 5) % PRODUCTS + 1,
                "quantity": (n + k) % 4 + 1,
                "price_cents": (n * 13 + k * 97) % 9000 + 490,
            }
            for n in range(1, ORDERS + 1)
            for k in range(n % 3 + 1)
        ],
    )


def downgrade() -> None:
    for table in ("order_lines", "orders", "products", "customers"):
        op.execute(sa.table(table).delete())
