"""The API of these tests, served anew for each of them, and one browser for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.browser import CHROMIUM, Browser
from tests.api.served import Served, serving
from tests.conftest import DEMANDED


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium. Shared: open a tab of your own."""
    if not CHROMIUM:
        missing = "chromium is not installed (Debian: apt-get install chromium; elsewhere say CHROMIUM=/path/to/it)"
        if DEMANDED:
            pytest.fail(f"every server must be here, but {missing}", pytrace=False)
        pytest.skip(missing)
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running
