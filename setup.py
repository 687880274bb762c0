"""Builds the distribution `tf-loadops`; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "tf_loadops/version.py").read_text(encoding="utf-8"), re.M)[1]

# xdist 3.8 cannot group tests under pytest 9.
# What runs the test suite: tests/ imports nothing outside these and the base dependencies.
POSTGRES = ["psycopg[binary]>=3.1", "pyarrow>=14"]
TEST = [
    "pytest>=8,<9", "pytest-xdist>=3.6", "hypothesis>=6.100", "pandas>=2", "polars>=1", "duckdb>=1", "setuptools>=64",
    "wheel", *POSTGRES,
]  # fmt: skip

setup(
    name="tf-loadops",
    version=VERSION,
    description="Keras layers that load, check and standardize data in the graph: CSV, Parquet, SQLite, PostgreSQL",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    py_modules=["_tf_loadops_cli"],
    packages=find_packages(include=["tf_loadops", "tf_loadops.*"]),
    package_data={"tf_loadops": ["py.typed"], "tf_loadops.data": ["*.csv", "README.md"]},
    install_requires=["tensorflow>=2.16", "numpy"],
    extras_require={
        # tensorflow-io 0.37.1 is the last release, and its ops load on TensorFlow 2.16 and 2.17 only.
        "io": ["tensorflow-io==0.37.1", "tensorflow>=2.16,<2.18"],
        # What takes a snapshot of a query: as .db and .csv by psycopg, as .parquet with pyarrow.
        "postgres": POSTGRES,
        "test": TEST,
        # cuDF takes part where it is installed; benchmarks/stablehlo.py runs what it wrote where JAX is.
        "bench": [*POSTGRES, "connectorx", "pandas", "polars", "scikit-learn"],
        "dev": [*TEST, "mypy>=1.10", "ruff>=0.6"],
    },
    entry_points={"console_scripts": ["tf-loadops = _tf_loadops_cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
