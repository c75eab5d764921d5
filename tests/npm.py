"""Schemas that only the npm registry ships: fetched once, by name and version, into the cache of this machine."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

SECONDS = 120
SYSTEMS_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def package(name: str) -> Path:
    """Give the folder of a package, for example ``@scope/name@1.2.3``. Where it cannot be had the test is skipped."""
    had = _had(name)
    if isinstance(had, Path):
        return had
    if os.environ.get("REQUIRE_NPM"):
        pytest.fail(f"{had}, and REQUIRE_NPM is set")
    pytest.skip(f"{had} (REQUIRE_NPM=1 makes this a failure)")


@cache
def _had(name: str) -> Path | str:
    """Give a package's folder, or why it cannot be had: that is asked once."""
    at, _, version = name.rpartition("@")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = caches / "giftledger" / "npm" / f"{at.replace('/', '-')}-{version}"
    folder = cached / "node_modules" / at
    if (folder / "package.json").exists():
        return folder
    return _why_not_installed(name, cached) or folder


def _why_not_installed(name: str, folder: Path) -> str | None:
    npm = shutil.which("npm")
    if npm is None:
        return f"npm is not installed: {name} cannot be had"
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--silent", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    # npm trusts whom the system trusts, too, as pip and uv do.
    trusted = {"NODE_EXTRA_CA_CERTS": str(SYSTEMS_AUTHORITIES)} if SYSTEMS_AUTHORITIES.exists() else {}
    try:
        subprocess.run(  # noqa: S603 - a program of the system's
            [npm, "install", *options, name],
            env=trusted | os.environ,
            check=True,
            timeout=SECONDS,
            capture_output=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"npm cannot install {name}: {error}"
    return None
