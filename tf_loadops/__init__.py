"""Keras layers and graph functions that load data inside the TensorFlow graph."""

from tf_loadops.csv.reader import parse_csv as parse_csv
from tf_loadops.csv.reader import read_csv as read_csv
from tf_loadops.errors import LoadError as LoadError
from tf_loadops.export import export_saved_model as export_saved_model
from tf_loadops.infer import infer_schema as infer_schema
from tf_loadops.layers.csv import CSVDataLoader as CSVDataLoader
from tf_loadops.layers.csv import PreprocessingDataLoader as PreprocessingDataLoader
from tf_loadops.layers.lookup import SQLiteLookup as SQLiteLookup
from tf_loadops.layers.parquet import ParquetDataLoader as ParquetDataLoader
from tf_loadops.layers.postgres_lookup import PostgresLookup as PostgresLookup
from tf_loadops.layers.sql import DatabaseDataLoader as DatabaseDataLoader
from tf_loadops.layers.standardize import Standardize as Standardize
from tf_loadops.parquet.reader import read_parquet as read_parquet
from tf_loadops.schema import Column as Column
from tf_loadops.schema import Dialect as Dialect
from tf_loadops.schema import Schema as Schema
from tf_loadops.sql.postgres.reader import read_postgres as read_postgres
from tf_loadops.sql.postgres.snapshot import snapshot as snapshot
from tf_loadops.sql.reader import read_sqlite as read_sqlite
from tf_loadops.standardize import Moments as Moments
from tf_loadops.table import Table as Table
from tf_loadops.version import __version__ as __version__
