"""The API of these tests, served anew for each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.served import Served, serving


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served
