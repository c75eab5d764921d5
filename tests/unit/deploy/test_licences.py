"""The dependencies' licences are listed, and let giftledger be what it is: Apache-2.0, and used as one likes."""

import json
import re

import pytest

from tests.licences import REQUIREMENTS, document, names, table

FREE = {
    "Apache Software License",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MIT",
    "MIT License",
    "PSF-2.0",
}


@pytest.fixture(scope="module")
def listed() -> dict[str, str]:
    """Give each package's licence."""
    return {
        re.sub(r"[-_.]+", "-", package["Name"]).lower(): package["License"] for package in json.loads(table("json"))
    }


def test_the_list_is_current() -> None:
    written = (REQUIREMENTS.parents[1] / "LICENCES.md").read_text()
    assert written == document(), "run: make licences"


def test_every_package_of_this_platform_is_listed(listed: dict[str, str]) -> None:
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names()} == listed.keys()


def test_each_licence_lets_us_ship_under_our_own(listed: dict[str, str]) -> None:
    stated = {
        package: {part for part in re.split(r"; | OR | AND ", licence) if part not in FREE}
        for package, licence in listed.items()
    }
    assert {package: others for package, others in stated.items() if others} == {}
