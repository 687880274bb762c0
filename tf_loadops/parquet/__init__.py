"""Parquet: footer and pages are walked in the graph, and decoded there with stock ops."""
