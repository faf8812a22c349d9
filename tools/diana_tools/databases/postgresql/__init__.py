"""PostgreSQL."""

from diana_tools.databases.base import Database
from diana_tools.databases.postgresql.engine import Postgresql

DATABASE: Database = Postgresql()
