"""Reading Alembic migrations as Python text: evaluated statically, never imported or executed."""
