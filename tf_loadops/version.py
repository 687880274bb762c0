"""The version, stated once: setup.py reads this file, and the command line prints it."""

__version__ = "0.1.0"
