"""Replicas' moments are merged exactly once: two devices in one process, and two worker processes on loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tests.standardize.replica import rows

ROOT = Path(__file__).parents[2]
SECONDS = 240


def _start(kind, **env):
    command = [sys.executable, "-m", "tests.standardize.replica", kind]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "no_proxy": "127.0.0.1,localhost", **env}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _results(processes):
    try:
        done = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, complaint) in zip(processes, done, strict=True):
        assert process.returncode == 0, complaint
    return [json.loads(out.splitlines()[-1]) for out, _ in done]


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _two_workers():
    workers = [f"127.0.0.1:{port}" for port in _free_ports(2)]
    cluster = {"worker": workers}
    configs = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in range(2)]
    return _results([_start("workers", TF_CONFIG=config) for config in configs])


def _floats(result, way):
    return {name: np.array([float.fromhex(value) for value in values]) for name, values in result[way].items()}


def _require(result):
    x = rows().astype(np.longdouble)
    wide = np.ma.masked_invalid(x)
    assert result["replicas"] == 2
    for way in ("adapted", "merged"):
        m = _floats(result, way)
        assert m["count"].tolist() == [1001, 1001, 1000]
        assert m["missing"].tolist() == [0, 0, 1]
        assert (m["min"].tolist(), m["max"].tolist()) == (wide.min(0).tolist(), wide.max(0).tolist())
        np.testing.assert_allclose(m["mean"], wide.mean(0).astype(float), rtol=1e-12)
        np.testing.assert_allclose(np.sqrt(m["m2"] / m["count"]), wide.std(0).astype(float), rtol=1e-12)
    past = pd.DataFrame(rows()[:, :2]).ewm(halflife=100)
    m = _floats(result, "running")
    np.testing.assert_allclose(m["mean"][:2], past.mean().iloc[-1], rtol=1e-11)
    np.testing.assert_allclose((m["m2"] / m["count"])[:2], past.var(bias=True).iloc[-1], rtol=1e-9)
    assert result["outside run"] == (
        "The statistics of 2 replicas are merged inside strategy.run(...), where each has its own batch. Received: a "
        "call outside of it. Call strategy.run(layer.update, args=(batch,)), or layer.adapt(dataset)."
    )


def test_two_devices():
    (result,) = _results([_start("mirrored")])
    _require(result)
    assert result["plain input"] == "accepted"


def test_two_worker_processes():
    try:
        one, other = _two_workers()
    except AssertionError as error:
        if "already in use" not in str(error):
            raise
        one, other = _two_workers()  # somebody took the port between its choice and its use
    _require(one)
    assert one == other
    assert one["plain input"] == (
        "2 workers take statistics together, so it must be plain who reads what. Pass "
        "strategy.experimental_distribute_dataset(dataset), or Moments that are the same on every worker. Received: "
        "ndarray."
    )


