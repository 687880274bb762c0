"""SQLite databases in the graph."""
