"""README.md is true where a test can tell."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from consumer.cli.commands import main
from consumer.common.settings import Settings

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.encode_name)
def test_every_setting_stands_in_the_readme(field: msgspec.structs.FieldInfo) -> None:
    assert f"`{field.encode_name}`" in README


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_stands_in_the_changelog_and_is_explained(command: str) -> None:
    assert main.commands[command].help
    assert command in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_version_is_the_newest_in_the_changelog() -> None:
    versions = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == versions[0]


@pytest.mark.parametrize("target", ["make demo", "make test", "make up", "make help", "make verify"])
def test_the_make_targets_that_the_readme_names_exist(target: str) -> None:
    assert target in README
    assert f"\n{target.split()[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
