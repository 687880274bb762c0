"""Calls from many threads at once each get their own file's values."""

from concurrent.futures import ThreadPoolExecutor

from .values import assert_same, plain

THREADS = 8
CALLS = 6


def test_loaded_model(made):
    case = made.case
    states = [(made.source, case.first.expected), (made.second, case.second.expected)]

    made.load_path(made.source)  # threads that come first together would each optimise the graph

    def work(thread: int) -> int:
        for call in range(CALLS):
            path, expected = states[(thread + call) % 2]
            assert_same(plain(made.load_path(path)), expected, case.tolerance)
        return CALLS

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(work, range(THREADS))) == THREADS * CALLS
