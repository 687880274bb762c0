"""What every test shares: a quiet TensorFlow, property tests that are the same on each run in CI, and their workers."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
os.environ.pop("TF_LOADOPS_CACHE", None)  # what is tested is traced

import pytest
from hypothesis import settings

# The first example of a property compiles a graph, so time says nothing here.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps what shares traced graphs in one worker process: the tests of a file, and the whole conformance suite."""
    for item in items:
        folder = item.path.parent
        group = folder if folder.name == "conformance" else item.path
        item.add_marker(pytest.mark.xdist_group(group.relative_to(pathlib.Path(__file__).parent).as_posix()))


def pytest_configure() -> None:
    """Eager reads run op by op until a graph pays; the older TensorFlow builds graphs at once, so both are tested."""
    import tensorflow as tf

    from tf_loadops import compiled

    if tf.__version__ < "2.20":
        compiled.PRICE = 0.0
