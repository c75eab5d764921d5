"""A secure deployment, for all who go to Kafka as somebody."""

from collections.abc import Iterator

import pytest

from tests.secured import Deployment, deployed_securely


@pytest.fixture(scope="package")
def deployed() -> Iterator[Deployment]:
    with deployed_securely() as deployment:
        yield deployment
