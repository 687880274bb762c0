"""What a fresh process pays for CSV: the first call, tracing and compiling included, and the peak of memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import timing
from benchmarks.csv_read import write_file
from benchmarks.fresh import fresh
from benchmarks.suite import Figures, Plan

_BEGIN = """
schema = tlo.Schema([tlo.Column(f"f{i}", "float32") for i in range(10)])
signature = [tf.TensorSpec([], tf.string)]
graph = tf.function(lambda path: tlo.CSVDataLoader(schema=schema)(path), input_signature=signature, autograph=False)
path = tf.constant(sys.argv[1])
"""
_CALLS = {
    "tf_loadops, eager": "tlo.read_csv(path, schema)",
    "tf_loadops, tf.function": "graph(path)",
    "pandas to TensorFlow": "import pandas; tf.constant(pandas.read_csv(sys.argv[1]).to_numpy('float32'))",
}
_TIME = """
start = time.perf_counter()
{call}
print(json.dumps(time.perf_counter() - start))
"""
_MEMORY = """
graph(tf.constant(sys.argv[2]))  # compiled
peak = begin_memory()
x = graph(path)
size = pathlib.Path(sys.argv[1]).stat().st_size
print(json.dumps(peak() / (size + 4 * int(tf.size(x)))))
"""


def cases(plan: Plan) -> Iterator[Figures]:
    """First calls on small files, and memory on a large one."""
    for megabytes in plan.pick([0.01], [0.01, 1], [0.01, 1], [0.01, 1]):
        yield Figures(f"first call, CSV of {megabytes * 1000:g} kB", functools.partial(_first_calls, megabytes))
    if not plan.pick(True, False, False, False):
        megabytes = plan.pick(0, 100, 1000, 1000)
        yield Figures(f"peak of memory, CSV of {megabytes:g} MB", functools.partial(_memory, megabytes))


def _file(plan: Plan, megabytes: float) -> Any:
    return plan.file(
        f"numeric10-{megabytes:g}.csv", functools.partial(write_file, kind="numeric10", megabytes=megabytes)
    )


def _first_calls(megabytes: float, plan: Plan, advance: Callable[[str], None]) -> dict[str, Any]:
    path = _file(plan, megabytes)
    if megabytes < 0.1:  # the smallest file that is written otherwise has 2000 rows
        whole = path
        path = plan.file("numeric10-110.csv", lambda new: new.write_bytes(b"".join(whole.open("rb").readlines()[:110])))
    calls = {name: call for name, call in _CALLS.items() if plan.wants(name)}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(plan.rounds):
        for name, call in calls.items():
            advance(f"{name}, {round_ + 1} of {plan.rounds}")
            times[name].append(fresh(_BEGIN + _TIME.format(call=call), path))
    return {name: timing.summary(seconds, next(iter(times.values()))) for name, seconds in times.items()}


def _memory(megabytes: float, plan: Plan, advance: Callable[[str], None]) -> dict[str, Any]:
    advance("tf_loadops")
    peak = fresh(_BEGIN + _MEMORY, _file(plan, megabytes), _file(plan, 1))
    return {"tf_loadops": {**timing.summary([peak]), "unit": "times file and result"}}
