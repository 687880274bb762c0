"""One process of test_distribution: takes the statistics of the same rows in every way a strategy offers."""

import json
import sys

import numpy as np
import tensorflow as tf

from tf_loadops import LoadError, Moments, Standardize
from tf_loadops.standardize import merge_replicas


def rows():
    """1001 rows in batches of 64: neither the rows nor the last batch divide evenly."""
    x = np.random.default_rng(3).normal([0, 1e6, 5], [1, 0.1, 3], (1001, 3))
    x[5, 2] = np.nan
    return x


def _digits(moments):
    return {name: [value.hex() for value in field.numpy().tolist()] for name, field in moments._asdict().items()}


def _refusal(run):
    try:
        run()
    except LoadError as error:
        return str(error)
    return "accepted"


def main(kind):
    """Prints what came out, as JSON."""
    if kind == "mirrored":
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    out = {"replicas": strategy.num_replicas_in_sync}
    with strategy.scope():
        adapted = Standardize(name="a")
        running = Standardize("running", half_life=100.0)
        running.build((None, 3))
        batches = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(rows()).batch(64))
        adapted.adapt(batches)

        @tf.function(input_signature=[batches.element_spec])
        def step(batch):
            return strategy.run(lambda x: (running.update(x), merge_replicas(Moments.of(x)))[1], args=(batch,))

        total = Moments.zeros(3)
        for batch in batches:
            merged = [strategy.experimental_local_results(field)[-1] for field in step(batch)]
            total = total.merge(Moments(*merged))
        out |= {name: _digits(m) for name, m in (("adapted", adapted.moments), ("merged", total))}
        out["running"] = _digits(running.moments)
        out["plain input"] = _refusal(lambda: adapted.adapt(rows()))
        out["outside run"] = _refusal(lambda: running.update(rows()))
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1])
