"""PostgreSQL: a real server, started here."""
