"""NIST's certified data sets, and how many digits of a certified value a result has."""

import math
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "nist"

# name: (observations, certified mean, certified standard deviation (n - 1), digits of it that float64 data can give)
SETS = {
    "Lew": (200, -177.435000000000, 277.332168044316, 12),
    "Lottery": (218, 518.958715596330, 291.699727470969, 12),
    "Mavro": (50, 2.00185600000000, 0.000429123454003053, 12),
    "Michelso": (100, 299.852400000000, 0.0790105478190518, 12),
    "NumAcc1": (3, 10000002.0, 1.0, 12),
    "NumAcc2": (1001, 1.2, 0.1, 12),
    "NumAcc3": (1001, 1000000.2, 0.1, 9),
    "NumAcc4": (1001, 10000000.2, 0.1, 8),
}


def values(name):
    """The numbers as text, from the run of one-number lines that ends the file."""
    run = []
    for line in reversed((DATA / f"{name}.dat").read_text().split("\n")):
        word = line.strip()
        if word and not _is_number(word):
            break
        run.extend([word] if word else [])
    return run[::-1]


def digits(value, certified):
    """The log relative error: the number of correct decimal digits, 15 at most, as NIST counts them."""
    if value == certified:
        return 15.0
    return min(15.0, -math.log10(abs(value - certified) / abs(certified)))


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True
