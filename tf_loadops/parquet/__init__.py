"""Parquet files in the graph: footer → pages → values → Table."""
