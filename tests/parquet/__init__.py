"""Parquet: the corpus of Apache's parquet-testing, damaged files, and the files of other writers."""
