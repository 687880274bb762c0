"""Thin Keras layers over the graph functions."""
