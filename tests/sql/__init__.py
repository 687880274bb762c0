"""SQLite in the graph; the oracle is Python's sqlite3."""
