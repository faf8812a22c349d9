"""products.weight_kg in whole kilograms"""

import sqlalchemy as sa
from alembic import op

revision = "a1f0c0de0006"
down_revision = "a1f0c0de0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("products") as batch:
        batch.alter_column("weight_kg", existing_type=sa.Numeric(8, 3), type_=sa.Integer(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("products") as batch:
        batch.alter_column("weight_kg", existing_type=sa.Integer(), type_=sa.Numeric(8, 3), existing_nullable=False)
