"""Schemas that only the npm registry ships: fetched once, by name and version, into the cache of this machine."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

SECONDS = 120


@cache
def package(name: str) -> Path:
    """Give the folder of a package, for example ``@scope/name@1.2.3``. Without npm the test is skipped."""
    at, _, version = name.rpartition("@")
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "giftledger" / "npm" / version
    folder = cached / "node_modules" / at
    if not folder.exists():
        npm = shutil.which("npm")
        if npm is None:
            if os.environ.get("REQUIRE_NPM"):
                pytest.fail(f"npm is not installed, and REQUIRE_NPM is set: {name} cannot be had")
            pytest.skip(f"npm is not installed: {name} cannot be had (REQUIRE_NPM=1 makes this a failure)")
        cached.mkdir(parents=True, exist_ok=True)
        subprocess.run(  # noqa: S603 - our own arguments
            [npm, "install", "--silent", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", name],
            cwd=cached,
            check=True,
            timeout=SECONDS,
        )
    return folder
