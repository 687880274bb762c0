"""What every loader promises: one registry of cases (`cases.py`), and one test file per promise."""
