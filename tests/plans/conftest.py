import pytest

from tests.plans import made
from tests.plans.planning import Plan


@pytest.fixture(scope="session")
def fresh() -> Plan:
    return made.fresh()


@pytest.fixture(scope="session")
def known() -> Plan:
    return made.known()
