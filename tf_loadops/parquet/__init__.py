"""Parquet: footer, pages, encodings, codecs, reader."""
