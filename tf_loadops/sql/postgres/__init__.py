"""PostgreSQL in the graph: one program a call, run by the server, and its answer as bytes."""
