"""What is free, from what Linux says of it; expected numbers are computed by hand."""

from __future__ import annotations

import pathlib
import sys

import pytest
import tensorflow as tf

from tf_loadops import memory

KIB = 1024
MACHINE = "MemTotal:  24684092 kB\nMemFree:   1000 kB\nMemAvailable:    5000 kB\nSwapFree:  {} kB\nHugetlb: 0 kB\n"
LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max address space         {:<20} {:<20} bytes     \n"
    "Max file locks            unlimited            unlimited            locks     \n"
)
STATUS = "Name:\t\xd0\nVmPeak:\t  9000 kB\nVmSize:\t  2000 kB\nVmRSS:\t  900 kB\nRssAnon:\t  100 kB\n"
SECOND_STAT = "anon 7\nfile 99999\ninactive_file 2048\nactive_file 1000\nslab_reclaimable 24\nslab 99\n"
FIRST_STAT = "cache 7\ninactive_file 1\nactive_file 1\ntotal_inactive_file 4096\ntotal_active_file 1024\n"
NO_LIMIT = "9223372036854771712\n"


def free(folder: pathlib.Path, *texts: str | None) -> int:
    """What is free if files hold these texts, in the order of `memory._FILES`; None if there is no such file."""
    for number, text in enumerate(texts):
        if text is not None:
            (folder / str(number)).write_bytes(text.encode("latin-1"))  # a name of bytes that are no letters
    files = tf.constant([str(folder / str(number)) for number in range(len(memory._FILES))])
    found = [int(part) for part in memory._least(files)]
    assert found == [int(part) for part in tf.function(memory._least, autograph=False)(files)]
    assert found[1] == (100 * KIB if STATUS in texts else 0)
    return found[0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], memory.ENOUGH),
        (["", "", "", "", "", ""], memory.ENOUGH),
        (["garbage\n"] * 9, memory.ENOUGH),
        ([MACHINE.format(0)], 5000 * KIB),
        ([MACHINE.format(7)], 5007 * KIB),
        (["MemAvailable: 3 kB"], 3 * KIB),  # the first line, and the last one
        (["MemAvailable: 99999999999999999999 kB\n"], memory.ENOUGH),  # no int64
        ([None, LIMITS.format(4_000_000, 9_000_000), STATUS], 4_000_000 - 2000 * KIB),
        ([None, LIMITS.format("unlimited", "unlimited"), STATUS], memory.ENOUGH - 2000 * KIB),
        ([None, LIMITS.format(1000, 1000), STATUS], 0),  # set below what the process had
        ([None, LIMITS.format(1000, "unlimited")], 1000),
        ([MACHINE.format(0), None, None, "1000000\n", "400000\n", SECOND_STAT], 1_000_000 - (400_000 - 3072)),
        ([MACHINE.format(1), None, None, "1000000\n", "400000\n"], 1_000_000 - 400_000 + KIB),  # and swap
        ([MACHINE.format(0), None, None, "max\n", "400000\n", SECOND_STAT], 5000 * KIB),
        ([None, None, None, "1000\n", "2000\n", SECOND_STAT], 1000),  # the contents of files go first
        ([None, None, None, "1000\n", "5072\n", SECOND_STAT], 0),
        ([*[None] * 6, "900000\n", "400000\n", FIRST_STAT], 900_000 - (400_000 - 5120)),
        ([*[None] * 6, NO_LIMIT, "400000\n", FIRST_STAT], memory.ENOUGH - (400_000 - 5120)),
        ([MACHINE.format(0), LIMITS.format(3_000_000, 3_000_000), STATUS, "1000\n", "0\n", None, "999\n", "0\n"], 999),
    ],
)
def test_the_least_of_what_is_said(texts: list[str | None], expected: int, tmp_path: pathlib.Path) -> None:
    assert free(tmp_path, *texts) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is free")
def test_what_is_free_here() -> None:
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    machine = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    in_graph = tf.function(memory.available, autograph=False)
    for found in (memory.available(), in_graph()):
        assert 0 < int(found) <= 1.2 * KIB * (machine["MemAvailable"] + machine["SwapFree"])  # it changes meanwhile
    _, held = memory._looked_up()
    assert int(held) > 100 << 20  # TensorFlow alone has more


def test_it_is_looked_up_on_every_call(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_FILES", (str(file), *["/nowhere"] * 8))
    found = tf.function(memory.available, autograph=False)
    for size in (1, 30, 2):
        file.write_text(f"MemAvailable: {size} kB\n")
        assert int(found()) == int(memory.available()) == size * KIB
