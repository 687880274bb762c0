"""A second process that reads Parquet files, so that one that dies or hangs takes no test with it.

Run as a program it takes a job a line, as JSON, and answers with a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pickle
import select
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]


class Reader:
    """The other process; started when it is asked for the first time, and again after it died.

    Args:
      folder: where it leaves what it read.
      engine: as of `tlo.read_parquet`.
    """

    def __init__(self, folder: pathlib.Path, engine: str = "auto") -> None:
        self.folder, self.engine, self.process = folder, engine, None
        self.starts = 0

    def read(self, path: Any, columns: list[dict[str, Any]], limit: float, graph: bool = False) -> dict[str, Any]:
        """Reads columns of a file.

        Args:
          path: the file.
          columns: the arguments of each Column.
          limit: seconds after which it is a hang, the time that building the graph takes included.
          graph: whether to read in a function that is traced once for these columns; otherwise eagerly.

        Returns:
          A dict with `outcome`: "read" (with `values` and `valid`, dicts of arrays, and `counts`), "refused" (with its
          `message`), "raised" (with `message`, something that is no refusal), "crash" or "hang"; and `seconds`, how
          long reading took, once there was a graph.
        """
        if self.process is None:
            self._start()
        out = self.folder / f"{self.starts}.pickle"
        job = json.dumps(
            {"path": str(path), "columns": columns, "out": str(out), "graph": graph, "engine": self.engine}
        )
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{job}\n")
            self.process.stdin.flush()
        line = self._line(limit)
        if line is None:
            answer = {"outcome": "hang", "message": f"no answer after {limit} s", "seconds": limit}
            self.close()
        elif not line:
            code = self.process.wait()
            said = f"the process ended with {code}: {self._last_words()}"
            answer = {"outcome": "crash", "message": said, "seconds": 0.0}
            self.close()
        else:
            answer = json.loads(line)
            if answer["outcome"] == "read":
                answer |= pickle.loads(out.read_bytes())
        return answer

    def close(self) -> None:
        """Ends the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _start(self) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.starts += 1
        self.errors = self.folder / f"{self.starts}.err"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(pathlib.Path(__file__))], cwd=self.folder, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert self._line(300) == "ready\n", self._last_words()

    def _line(self, limit: float) -> str | None:
        """The next line; "" at the end, None where none came in time."""
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        return self.process.stdout.readline() if ready else None

    def _last_words(self) -> str:
        return self.errors.read_text(errors="replace")[-300:]


def main() -> None:
    """Answers jobs until there is no more."""
    import tensorflow as tf

    import tf_loadops as tlo
    from tf_loadops.errors import message_of

    functions: dict[str, Any] = {}

    def function_of(columns: list[dict[str, Any]], engine: str) -> Any:
        schema = tlo.Schema([tlo.Column(**column) for column in columns])
        return lambda path: tlo.read_parquet(path, schema, allow_empty=True, engine=engine)

    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        read, again = function_of(job["columns"], job["engine"]), not job["graph"]
        if job["graph"]:
            key = json.dumps([job["columns"], job["engine"]])
            if key not in functions:
                again = True
                spec = [tf.TensorSpec([], tf.string)]
                functions[key] = tf.function(read, input_signature=spec, autograph=False)
            read = functions[key]
        path = tf.constant(job["path"])
        seconds = []
        for _ in range(3 if again else 1):  # one of them may come to build a graph, which is not what is timed
            begun = time.monotonic()
            try:
                values, valid, counts = ({k: v.numpy() for k, v in part.items()} for part in read(path))
                made = pickle.dumps({"values": values, "valid": valid, "counts": counts})
                pathlib.Path(job["out"]).write_bytes(made)
                answer = {"outcome": "read"}
            except tf.errors.InvalidArgumentError as error:
                message = message_of(error)
                is_refusal = message.startswith(job["path"])
                answer = {"outcome": "refused" if is_refusal else "raised", "message": message}
            except Exception as error:
                answer = {"outcome": "raised", "message": f"{type(error).__name__}: {error}"}
            seconds.append(time.monotonic() - begun)
        print(json.dumps({**answer, "seconds": min(seconds)}), flush=True)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    main()
