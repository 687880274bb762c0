"""Data that comes with the package; README.md beside this file names sources and licences."""

from __future__ import annotations

import importlib.resources


def penguins() -> str:
    r"""Returns the path of the Palmer penguins CSV file.

    344 rows; columns species, island, bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g, sex, year;
    missing values are written NA.

    Returns:
      The absolute path of a file on disk.

    Example:
      >>> with open(penguins(), encoding="utf-8") as file:
      ...     file.readline()
      'species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n'

    Source: Gorman, Williams & Fraser (2014), PLoS ONE 9(3) e90081; Horst, Hill & Gorman (2020), palmerpenguins.
    Licence: CC0-1.0.
    """
    # TensorFlow opens files by name, so the package must be unpacked on disk, as pip always leaves it.
    return str(importlib.resources.files(__name__).joinpath("penguins.csv"))
