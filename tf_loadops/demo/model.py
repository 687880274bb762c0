"""A species classifier for the Palmer penguins whose input is the path of a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_loadops as tlo

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
WORDS = {"island": ["Biscoe", "Dream", "Torgersen"], "sex": ["female", "male"]}
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]


def penguin_schema(path: str) -> tlo.Schema:
    """Infers the file's schema, and reads every measurement as float32, so that a missing one is NaN."""
    schema = tlo.infer_schema(path, na_values=("", "NA"))
    return schema.select([*NUMBERS, *WORDS, "species"]).with_dtype("float32", NUMBERS)


def build_classifier(measurements: Any) -> keras.Model:
    """Builds the part that is trained: a dict of columns in, one probability per species out.

    Args:
      measurements: float32 Tensor [rows, 4], the training file's NUMBERS; Standardize takes its statistics from it.

    Returns:
      The compiled model; inputs Tensor [rows] by column name, output Tensor [rows, 3].
    """
    standardize = tlo.Standardize(name="standardize")  # a missing measurement counts for nothing, and becomes the mean
    standardize.adapt(measurements)
    numbers = {name: keras.Input(shape=(), dtype="float32", name=name) for name in NUMBERS}
    words = {name: keras.Input(shape=(), dtype="string", name=name) for name in WORDS}
    parts = [standardize(keras.ops.stack(list(numbers.values()), axis=1))]
    for name, vocabulary in WORDS.items():
        # A missing or unknown word is the "out of vocabulary" bit, never a guess.
        lookup = keras.layers.StringLookup(vocabulary=vocabulary, output_mode="one_hot", name=f"{name}_one_hot")
        parts.append(lookup(words[name]))
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()(parts))
    scores = keras.layers.Dense(len(SPECIES), activation="softmax", name="scores")(hidden)
    model = keras.Model({**numbers, **words}, scores, name="classifier")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: keras.Model, schema: tlo.Schema, path: str, epochs: int, callbacks: Sequence[Any] = ()) -> None:
    """Trains on the file at `path`: the loader reads its rows and labels once, and they stay in memory."""
    loader = tlo.CSVDataLoader(schema=schema, features=[*NUMBERS, *WORDS], label="species", output="columns")
    columns, species = loader(tf.constant(path))
    number_of = keras.layers.StringLookup(vocabulary=SPECIES, num_oov_indices=0)
    rows = tf.data.Dataset.from_tensor_slices((columns, number_of(species)))
    batches = rows.shuffle(len(rows), seed=0).batch(32)
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))


def build_server(model: keras.Model, schema: tlo.Schema) -> keras.Model:
    """Puts the loader in front and the species' names behind: a path in, one answer per row of the file out."""
    path = keras.Input(shape=(), dtype="string", name="path")
    columns = tlo.CSVDataLoader(schema=schema, features=[*NUMBERS, *WORDS], output="columns")(path)
    scores = model(columns)
    name_of = keras.layers.StringLookup(vocabulary=SPECIES, num_oov_indices=0, invert=True, name="species")
    outputs = {"species": name_of(keras.ops.argmax(scores, axis=-1)), "probability": keras.ops.max(scores, axis=-1)}
    return keras.Model(path, outputs, name="penguins")


def answers(model: keras.Model, path: str) -> list[tuple[str, float]]:
    """The model's species and probability for each row of the file at `path`."""
    outputs = model(tf.constant([path]))
    species = [name.decode() for name in np.asarray(outputs["species"]).tolist()]
    return list(zip(species, np.asarray(outputs["probability"]).tolist(), strict=True))
