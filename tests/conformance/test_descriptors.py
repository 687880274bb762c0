"""Calls leave no file open."""

import os

import pytest

from .values import assert_same, plain


def open_files(folder) -> list[str]:
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            continue  # the one that listed the directory
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are listed in /proc, which is not here")
def test_no_descriptor_is_left_open(made):
    for _ in range(200):
        outputs = made.load_path(made.source)
    assert_same(plain(outputs), made.case.first.expected, made.case.tolerance)
    assert open_files(made.folder) == []
