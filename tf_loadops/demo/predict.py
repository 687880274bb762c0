"""Predicts with an exported SavedModel. It imports TensorFlow and nothing else.

Usage: python predict.py SAVED_MODEL CSV_FILE
"""

import sys

import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
outputs = model.signatures["serving_default"](path=tf.constant([sys.argv[2]]))
if "tf_loadops" in sys.modules:
    sys.exit("tf_loadops was imported: this run shows nothing")
for species, probability in zip(outputs["species"].numpy(), outputs["probability"].numpy(), strict=True):
    print(f"{species.decode()},{probability:.4f}")
