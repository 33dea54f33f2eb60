"""Fixtures: one mock provider and one gateway per test process, and a maker for odd gateways."""

import pytest

from harness import Gateway, Mock, capsem_binary
from servers import postgres, postgres_server, redis, redis_server  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def capsem_bin():
    return capsem_binary()


@pytest.fixture(scope="session")
def mock():
    mock = Mock()
    yield mock
    mock.stop()


@pytest.fixture(scope="session")
def gateway(mock):
    """The shipped policies. Shared: tests must not depend on counts of requests they did not make."""
    gateway = Gateway(mock.url)
    yield gateway
    gateway.close()


@pytest.fixture(scope="session")
def debug_gateway(mock):
    """The Debug policy alone."""
    gateway = Gateway(mock.url, policies={"debug.toml": "enabled = true\n"})
    yield gateway
    gateway.close()


@pytest.fixture
def make_gateway(mock):
    """make_gateway(policies=..., settings=..., upstream=...): a gateway that ends with the test."""
    made = []

    def make(upstream=None, **options):
        gateway = Gateway(upstream or mock.url, **options)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.close()
