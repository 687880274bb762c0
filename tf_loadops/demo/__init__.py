"""The main job on real input: what `tf-loadops demo` runs, written to be read as an example.

`model.py` is what a user would write; `predict.py` is the other side, which has TensorFlow and nothing else.
"""
