"""Fixtures of the conformance suite. Other processes work in the background while this one goes on testing."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from . import c_client
from .cases import CASES, Case
from .cli import run_cli
from .workshop import Made, only_tensorflow


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request) -> Case:
    return request.param


class Workshop(dict):
    """Every case, built and exported once, when it is first asked for."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.folders = folders
        self.running: dict[str, Future] = {}  # other processes that read the sources

    def __missing__(self, case: Case) -> Made:
        self[case] = Made(case, self.folders.mktemp(case.name))
        return self[case]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory)


@pytest.fixture
def made(case, workshop) -> Made:
    return workshop[case]


@pytest.fixture
def unread(made, workshop) -> Made:
    """As `made`, once no other process reads its source any longer."""
    for future in workshop.running.values():
        future.exception()
    return made


@pytest.fixture(scope="session")
def background(request, workshop, tmp_path_factory) -> dict[str, Future]:
    """The other processes, one after another; the sources that were exported are gone after the first of them."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    selected = {chosen["case"] for chosen in parameters if isinstance(chosen.get("case"), Case)}
    made = [workshop[case] for case in CASES if case in selected]
    with ThreadPoolExecutor(max_workers=1) as pool:
        workshop.running = {
            "only_tensorflow": pool.submit(only_tensorflow, made, tmp_path_factory.mktemp("only_tensorflow")),
            "cli": pool.submit(run_cli, made, tmp_path_factory.mktemp("cli")),
            "c": pool.submit(c_client.run_client, made, tmp_path_factory.mktemp("c")),
        }
        yield workshop.running
