"""SQLite."""

from diana_tools.databases.base import Database
from diana_tools.databases.sqlite.engine import Sqlite

DATABASE: Database = Sqlite()
