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
    """Give the folder of a package, for example ``@scope/name@1.2.3``. Where it cannot be had the test is skipped."""
    at, _, version = name.rpartition("@")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = caches / "giftledger" / "npm" / f"{at.replace('/', '-')}-{version}"
    folder = cached / "node_modules" / at
    if not (folder / "package.json").exists():
        _install(name, cached)
    return folder


def _install(name: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _unavailable(f"npm is not installed: {name} cannot be had")
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--silent", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    try:
        subprocess.run([str(npm), "install", *options, name], check=True, timeout=SECONDS, capture_output=True)  # noqa: S603
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        _unavailable(f"npm cannot install {name}: {error}")


def _unavailable(reason: str) -> None:
    if os.environ.get("REQUIRE_NPM"):
        pytest.fail(f"{reason}, and REQUIRE_NPM is set")
    pytest.skip(f"{reason} (REQUIRE_NPM=1 makes this a failure)")
