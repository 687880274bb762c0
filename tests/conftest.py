"""What every test shares: a quiet TensorFlow, and property tests that are the same on each run in CI."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow

from hypothesis import settings

# The first example of a property compiles a graph, so time says nothing here.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
