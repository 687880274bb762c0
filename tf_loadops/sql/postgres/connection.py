"""One message to the server and its answer, so that no caller gets another one's.

The op that asks keeps connection and result in a resource that belongs to its node, and the op that reads looks into
whatever is there by then: a second caller of the same graph replaces it in between. So everything from asking to the
last value happens under a lock, and the resource goes before the lock does, and with it the connection. There are a few
such slots, by name, which all graphs of a process share: as many reads go on at the same time, and as many connections.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.compiled import apart
from tf_loadops.errors import gate
from tf_loadops.paths import fresh, plain
from tf_loadops.sql.postgres.dsn import label, telling
from tf_loadops.sql.postgres.extra import core_ops
from tf_loadops.sql.postgres.program import NAMES, PROBE, WORDS
from tf_loadops.sql.rows import as_it_is, slept

Tensor = Any

SLOTS = 4
"""How many reads of a process go on at the same time; the others wait. It is the most connections, too."""

_DATABASE = r"^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?"

PAUSE = 100_000
"""Microseconds; twice as long after the second failure to connect, five times as long after the third."""


def ask(dsn: Tensor, message: Tensor) -> Tensor:
    """Sends a message that `program` made and receives its answer.

    Args:
      dsn: string scalar, guarded.
      message: string scalar.

    Returns:
      The answer, uint8 [bytes].

    Raises:
      tf.errors.InvalidArgumentError: at run time, if no connection can be made, or it is lost.
    """
    answer, done = _tried(dsn, message)
    return tf.ensure_shape(tf.cond(done, lambda: answer, lambda: apart(lambda: _again(dsn, message))), [None])


def _again(dsn: Tensor, message: Tensor) -> Tensor:
    """After a failure: the answer, or a refusal that says why.

    A graph cannot see why an op failed, only whether a connection can be made. There are three more attempts at that,
    and no more: a server may lock out who tries a wrong password often.
    """
    where = label(dsn)
    elsewhere = tf.strings.regex_replace(dsn, _DATABASE, r"\1/template1")
    lost = tf.strings.join([
        where, ": the connection was lost while the query ran: the server ended it, or is starting anew. Nothing was "
        "changed. Call again. (It also ends like this where PostgreSQL is older than 12, or has no PL/pgSQL.)",
    ])  # fmt: skip
    no_database = tf.strings.join([
        where, ": no connection was made: the server lets this user in, but not into this database. Check that it "
        "exists, and that the user may CONNECT to it.",
    ])  # fmt: skip

    def asked(otherwise: Tensor) -> Tensor:
        """The query, which no connection has been made for so far."""
        answer, done = _tried(dsn, message)
        cut = tf.cond(done, lambda: False, lambda: _tried(dsn, tf.constant(PROBE))[1])
        return gate(done, lambda: tf.where(cut, lost, otherwise), answer)

    def told() -> Tensor:
        """The last attempt is one whose failure stops the graph, with libpq's own reason."""
        _, count, _, _ = core_ops().io_sql_iterable_init(PROBE, telling(dsn, where))
        with tf.control_dependencies([count]):
            return asked(tf.strings.join([where, ": no connection was made at first, and now one can be. Call again."]))

    def unreached() -> Tensor:
        slept(tf.constant(2 * PAUSE, tf.int64))
        _, is_up = _tried(elsewhere, tf.constant(PROBE))
        slept(tf.constant(5 * PAUSE, tf.int64))
        return tf.cond(is_up, lambda: asked(no_database), told)

    # Where connecting works at once, the query was being run when the connection was lost.
    _, reached = _tried(dsn, tf.constant(PROBE))
    nothing = tf.zeros([0], tf.uint8)
    return tf.cond(reached, lambda: gate(tf.constant(False), lambda: lost, nothing), unreached)


def _tried(dsn: Tensor, message: Tensor) -> tuple[Tensor, Tensor]:
    """The answer, and whether there was no error on the way."""
    # A dataset is the one place where a graph can survive a failing op.
    tried = tf.data.Dataset.from_tensors((fresh(dsn), message)).map(as_it_is(_locked)).ignore_errors()
    failed = tf.data.Dataset.from_tensors((tf.zeros([0], tf.uint8), False))
    return plain(tried.concatenate(failed).take(1)).get_single_element()


def _locked(dsn: Tensor, message: Tensor) -> tuple[Tensor, bool]:
    ops = core_ops()
    slot = _turn()
    names = [f"tlo_postgres_{i}" for i in range(SLOTS)]
    mutex = tf.switch_case(slot, [lambda n=n: tf.raw_ops.MutexV2(shared_name=n) for n in names])
    lock = tf.raw_ops.MutexLock(mutex=mutex)
    with tf.control_dependencies([lock]):
        dsn, message, slot = tf.identity(dsn), tf.identity(message), tf.identity(slot)
    asked = [lambda n=n: tuple(ops.io_sql_iterable_init(message, dsn, shared_name=n)) for n in names]
    result, rows, *vectors = tf.switch_case(slot, asked)
    columns, dtypes = map(_reshaped, vectors)
    answer = tf.cond(
        tf.equal(columns[0], NAMES),
        lambda: _from_names(columns),
        lambda: _from_words(result, rows, columns, dtypes),
    )
    with tf.control_dependencies([answer]):
        gone = tf.raw_ops.DestroyResourceOp(resource=result)
    with tf.control_dependencies([gone]):
        tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
        return tf.identity(answer), True


def _turn() -> Tensor:
    """A slot, one after the other; it does no harm where two calls get the same. Clocks may be forbidden."""
    counter = {"dtypes": [tf.int32], "shared_name": "tlo_postgres_turns"}
    turn = tf.raw_ops.StageSize(**counter)
    with tf.control_dependencies([turn]):
        tf.raw_ops.Stage(values=[turn], shared_name=counter["shared_name"])
        tf.cond(turn > 1000, lambda: [tf.raw_ops.StageClear(**counter), 0][1], lambda: 0)
    return turn % SLOTS


def _reshaped(vector: Tensor) -> Tensor:
    """The op says of its vectors that they were scalars, and TensorFlow would optimise accordingly."""
    return tf.ensure_shape(tf.io.parse_tensor(tf.io.serialize_tensor(vector), vector.dtype), [None])


def _from_names(columns: Tensor) -> Tensor:
    return tf.io.decode_raw(tf.strings.reduce_join(tf.io.decode_base64(columns[1:])), tf.uint8)


def _from_words(result: Tensor, rows: Tensor, columns: Tensor, dtypes: Tensor) -> Tensor:
    # A value of another type, or behind the end, would end the process.
    as_expected = tf.reduce_all(tf.equal(dtypes, tf.int64.as_datatype_enum))
    as_expected &= tf.equal(tf.strings.reduce_join(columns, separator=","), ",".join(WORDS))
    rows = gate(as_expected & (rows > 0), lambda: tf.constant("The server's answer is not what was asked for."), rows)
    size = tf.cast(rows, tf.int32)
    width = len(WORDS)
    words = tf.TensorArray(tf.int64, size, element_shape=[width])

    def step(row: Tensor, words: Any) -> tuple[Tensor, Any]:
        values = core_ops().io_sql_iterable_read(result, tf.cast(row, tf.int64), WORDS, [tf.int64] * width)
        return row + 1, words.write(row, tf.concat(values, 0))

    _, words = tf.while_loop(lambda row, _: row < size, step, (0, words))
    # The words were read as big-endian numbers.
    octets = tf.reshape(tf.reverse(tf.bitcast(words.stack(), tf.uint8), [2]), [-1])
    length = tf.reduce_sum(tf.cast(octets[:8], tf.int64) * [1 << 8 * i for i in reversed(range(8))])
    return octets[8 : 8 + length]
