"""drop customers.legacy_code, which nobody reads any more (or do they?)"""

import sqlalchemy as sa
from alembic import op

revision = "a1f0c0de0005"
down_revision = "a1f0c0de0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("customers") as batch:
        batch.drop_column("legacy_code")


def downgrade() -> None:
    with op.batch_alter_table("customers") as batch:
        batch.add_column(sa.Column("legacy_code", sa.String(20)))
