"""add customers.loyalty_points and an index for it"""

import sqlalchemy as sa
from alembic import op

revision = "a1f0c0de0004"
down_revision = "a1f0c0de0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("loyalty_points", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_customers_loyalty", "customers", ["loyalty_points"])


def downgrade() -> None:
    op.drop_index("ix_customers_loyalty", table_name="customers")
    with op.batch_alter_table("customers") as batch:
        batch.drop_column("loyalty_points")
