"""The manifests: each valid by the schema of what reads it, as far as a registry ships one, and all of one mind."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from consumer.common.settings import Settings, load
from consumer.kafka.options import MAX_RECORD_BYTES
from consumer.kafka.topics import new_topic
from consumer.postgres.database import pool
from schemas.registry import TOPICS
from tests.npm import package
from tests.prometheus_rule import MANIFEST, prometheus_rule
from tests.secured import marked_commands

DEPLOY = Path(__file__).parents[3] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
PRODUCTION = KUBERNETES / "overlays" / "production"
KUBERNETES_VERSIONS = ("1.30", "1.34")
# The kinds of operators: where the npm registry has their schemas, and those of which no registry ships one.
MODELS = {
    "ScaledObject": ("@kubernetes-models/keda@2.0.0", "keda.sh/v1alpha1"),
    "TriggerAuthentication": ("@kubernetes-models/keda@2.0.0", "keda.sh/v1alpha1"),
    "ServiceMonitor": ("@kubernetes-models/prometheus-operator@6.0.0", "monitoring.coreos.com/v1"),
    "PrometheusRule": ("@kubernetes-models/prometheus-operator@6.0.0", "monitoring.coreos.com/v1"),
    "HTTPRoute": ("@kubernetes-models/gateway-api@2.0.0", "gateway.networking.k8s.io/v1"),
}
STRIMZI = {"KafkaTopic", "KafkaUser"}
RESOURCES = {"--topic": "topic", "--group": "group", "--transactional-id": "transactionalId"}
PATCHES = {"kustomization.yaml", "replicas.yaml"}
MOST_WORKERS = 6
CONNECTIONS_OF_A_WORKER: int = signature(pool).parameters["size"].default

Manifest = dict[str, Any]


def manifests() -> Iterator[Manifest]:
    """Read the manifests as they stand there, patches and kustomizations left out."""
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        if file.name not in PATCHES:
            yield from yaml.safe_load_all(file.read_text())


def built(folder: Path) -> list[Manifest]:
    """Let kustomize build; without it the test is skipped."""
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    if not kustomize and not kubectl:
        message = "kustomize is not installed: go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
        if os.environ.get("REQUIRE_KUSTOMIZE"):
            pytest.fail(message)
        pytest.skip(f"{message} (REQUIRE_KUSTOMIZE=1 makes this a failure)")
    build = [kustomize, "build"] if kustomize else [kubectl, "kustomize"]
    done = subprocess.run([*build, folder], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


ALL = list(manifests())
BY_KIND: dict[str, list[Manifest]] = {}
for one in ALL:
    BY_KIND.setdefault(one["kind"], []).append(one)
WORKLOADS = [*BY_KIND["Deployment"], *BY_KIND["Job"], *BY_KIND["CronJob"]]
SERVING = [one for one in BY_KIND["Deployment"] if one["metadata"]["name"] != "giftledger-console"]


def name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def named(kind: str, of: str) -> Manifest:
    (found,) = [manifest for manifest in BY_KIND[kind] if manifest["metadata"]["name"] == of]
    return found


def template(workload: Manifest) -> Manifest:
    spec = workload["spec"]
    found: Manifest = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found


def labels(workload: Manifest) -> dict[str, str]:
    """Give a pod's labels, with the one that the base's kustomization adds."""
    own: dict[str, str] = template(workload)["metadata"]["labels"]
    return own | {"app.kubernetes.io/part-of": "giftledger"}


def selects(selector: Manifest, of_pod: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= of_pod.items())


def validate(manifest: Manifest, version: str = KUBERNETES_VERSIONS[-1]) -> None:
    """Validate a manifest by the schema of its kind, where there is one."""
    if manifest["kind"] in MODELS:
        validate_by_model(manifest)
    elif manifest["kind"] not in STRIMZI:
        kubernetes_validate.validate(manifest, version, strict=True)


def validate_by_model(manifest: Manifest) -> None:
    kind = manifest["kind"]
    models, api = MODELS[kind]
    assert manifest["apiVersion"] == api
    module = package(models) / api / f"{kind}.js"
    script = f"import {{{kind}}} from '{module}'; new {kind}({json.dumps(manifest)}).validate()"
    node = shutil.which("node")
    assert node, "npm is there, and node is not"
    done = subprocess.run(  # noqa: S603 - our own arguments
        [node, "--input-type=module", "--eval", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("manifest", [one for one in ALL if one["kind"] not in {*MODELS, *STRIMZI}], ids=name)
def test_a_manifest_is_valid(manifest: Manifest, version: str) -> None:
    validate(manifest, version)


@pytest.mark.parametrize("manifest", [one for one in ALL if one["kind"] in MODELS], ids=name)
def test_a_manifest_of_an_operator_is_valid(manifest: Manifest) -> None:
    validate(manifest)


def test_a_manifest_of_an_operator_with_a_mistake_is_not_valid() -> None:
    wrong = named("ScaledObject", "giftledger-worker")
    wrong = {**wrong, "spec": {**wrong["spec"], "maxReplicaCount": "six"}}
    with pytest.raises(AssertionError, match="maxReplicaCount"):
        validate(wrong)


def test_what_kustomize_builds_is_valid_and_of_one_namespace() -> None:
    for folder, namespace in ((PRODUCTION, "giftledger"), (KUBERNETES / "kafka", "kafka")):
        for manifest in built(folder):
            validate(manifest)
            assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == namespace, name(manifest)


def test_production_has_alerts_and_dashboards_and_runs_images_by_their_digests() -> None:
    production = built(PRODUCTION)
    kinds = {manifest["kind"] for manifest in production}
    assert {"PrometheusRule", "ServiceMonitor", "ScaledObject", "HorizontalPodAutoscaler", "Ingress"} <= kinds
    (dashboards,) = [one for one in production if one["metadata"]["name"] == "giftledger-dashboards"]
    assert {json.loads(content)["uid"] for content in dashboards["data"].values()} == {
        json.loads(file.read_text())["uid"] for file in (DEPLOY / "grafana" / "dashboards").glob("*.json")
    }
    pods = [template(one)["spec"] for one in production if one["kind"] in {"Deployment", "Job", "CronJob"}]
    assert len(pods) == 5
    for pod in pods:
        assert re.fullmatch(r"\S+/giftledger@sha256:[0-9a-f]{64}", pod["containers"][0]["image"])


def test_a_value_stands_wherever_it_is_meant_and_no_default_is_left(tmp_path: Path) -> None:
    """Change every value, use every component, and look for what was there before."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("local"))
    overlay = tmp_path / "deploy" / "kubernetes" / "overlays" / "production"
    values = yaml.safe_load((overlay / "values.yaml").read_text())
    given = enumerate(values["data"].items(), start=17_001)
    changed = {key: str(number) if default.isdecimal() else f"changed-{key}" for number, (key, default) in given}
    (overlay / "values.yaml").write_text(yaml.safe_dump({**values, "data": changed}))
    file = overlay / "kustomization.yaml"
    content = yaml.safe_load(file.read_text())
    every = {f"../../components/{path.name}" for path in (KUBERNETES / "components").iterdir()} | {"../../../grafana"}
    assert set(content["components"]) <= every
    file.write_text(yaml.safe_dump({**content, "components": [*sorted(every - {VALUES}), VALUES]}))

    found = [one for one in built(overlay) if one["metadata"]["name"] != "giftledger-dashboards"]
    text = yaml.safe_dump_all({**one, "apiVersion": ""} for one in found)

    for key, default in values["data"].items():
        assert changed[key] in text, key
        if key not in NOT_ONLY_A_VALUE:
            assert not re.search(rf"[ \"']{re.escape(default)}([\"'#.]|$)", text, re.MULTILINE), (key, default)


VALUES = "../../components/values"
# These words are other things' names, too.
NOT_ONLY_A_VALUE = {"kafka-group", "kafka-namespace", "ingress-class", "gateway", "gateway-namespace"}


def test_every_file_is_named_in_its_kustomization() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        content = yaml.safe_load(file.read_text())
        patches = {patch["path"] for patch in content.get("patches", [])}
        listed = {*content.get("resources", []), *content.get("components", []), *patches}
        there = {path.name for path in file.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert there <= listed
        assert all((file.parent / path).exists() for path in listed)


@pytest.mark.parametrize(
    "component", sorted({path.name for path in (KUBERNETES / "components").iterdir()} - {"values"})
)
def test_a_component_stands_in_the_overlay_and_is_explained(component: str) -> None:
    assert f"components/{component} " in (PRODUCTION / "kustomization.yaml").read_text().replace("\n", " \n")
    rows = [line for line in (DEPLOY / "README.md").read_text().splitlines() if line.startswith("|")]
    assert any(f"`{component}`" in row.split("|")[1] for row in rows)


def test_the_alerts_manifest_is_that_of_the_rules() -> None:
    assert MANIFEST.read_text() == prometheus_rule(), "make rules"


@pytest.mark.parametrize("workload", WORKLOADS, ids=name)
def test_a_pod_is_restricted(workload: Manifest) -> None:
    pod = template(workload)["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == BY_KIND["ServiceAccount"][0]["metadata"]["name"]
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("deployment", SERVING, ids=name)
def test_a_deployment_has_probes_and_time_to_stop(deployment: Manifest) -> None:
    pod = template(deployment)["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "admin"}
    assert {"name": "admin", "containerPort": Settings().admin_port} in container["ports"]
    assert pod["terminationGracePeriodSeconds"] >= Settings().shutdown_grace_seconds + 5 + 7


@pytest.mark.parametrize("deployment", SERVING, ids=name)
def test_a_deployment_is_spread_over_zones_and_nodes_and_loses_one_pod_at_a_time(deployment: Manifest) -> None:
    spread = template(deployment)["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert all(selects(one["labelSelector"], labels(deployment)) for one in spread)
    (budget,) = [
        budget["spec"]
        for budget in BY_KIND["PodDisruptionBudget"]
        if selects(budget["spec"]["selector"], labels(deployment))
    ]
    assert budget["maxUnavailable"] == 1


def test_the_console_is_away_until_it_is_wanted() -> None:
    assert named("Deployment", "giftledger-console")["spec"]["replicas"] == 0


def test_selectors_find_their_pods() -> None:
    pods = [labels(workload) for workload in WORKLOADS]
    for service in BY_KIND["Service"]:
        assert any(service["spec"]["selector"].items() <= pod.items() for pod in pods), name(service)
    for policy in BY_KIND["NetworkPolicy"]:
        assert any(selects(policy["spec"]["podSelector"], pod) for pod in pods), name(policy)
    for deployment in BY_KIND["Deployment"]:
        assert selects(deployment["spec"]["selector"], labels(deployment))


@pytest.mark.parametrize("place", ["", "managed-"])
def test_only_what_needs_it_reaches_kafka_or_the_database(place: str) -> None:
    def reaching(service: str) -> set[str]:
        selector = named("NetworkPolicy", f"giftledger-{place}{service}")["spec"]["podSelector"]
        return {name(workload) for workload in WORKLOADS if selects(selector, labels(workload))}

    both = {f"Deployment/giftledger-{name}" for name in ("worker", "balances", "console")}
    commands = {"Job/giftledger-migrate", "CronJob/giftledger-prune", "CronJob/giftledger-reconcile"}
    assert reaching("kafka") == {"Deployment/giftledger-ingress", *both}
    assert reaching("postgres") == {*commands, *both}


def test_nothing_is_open_that_no_policy_names() -> None:
    closed = named("NetworkPolicy", "giftledger-nothing")["spec"]
    assert all(selects(closed["podSelector"], labels(workload)) for workload in WORKLOADS)
    assert closed.keys() == {"podSelector", "policyTypes"}


def test_names_are_asked_of_the_cluster_and_of_the_node() -> None:
    (rule,) = named("NetworkPolicy", "giftledger-names")["spec"]["egress"]
    assert [next(iter(one)) for one in rule["to"]] == ["namespaceSelector", "ipBlock"]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_every_way_in_leads_to_the_public_port_and_to_nothing_else() -> None:
    public = named("Service", "giftledger-ingress")
    (port,) = public["spec"]["ports"]
    (path,) = BY_KIND["Ingress"][0]["spec"]["rules"][0]["http"]["paths"]
    (rule,) = BY_KIND["HTTPRoute"][0]["spec"]["rules"]
    assert (path["path"], path["pathType"]) == ("/webhooks", "Exact")
    assert rule["matches"] == [{"path": {"type": "Exact", "value": "/webhooks"}}]
    assert path["backend"]["service"] == {"name": public["metadata"]["name"], "port": {"name": port["name"]}}
    assert rule["backendRefs"] == [{"name": public["metadata"]["name"], "port": port["port"]}]


def test_every_setting_that_is_given_is_one_and_its_file_is_mounted(tmp_path: Path) -> None:
    generators = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["configMapGenerator"]
    generators += yaml.safe_load((PRODUCTION / "kustomization.yaml").read_text())["configMapGenerator"]
    given: dict[str, dict[str, str]] = {}
    for generator in generators:
        given.setdefault(generator["name"], {}).update(literal.split("=", 1) for literal in generator["literals"])
    for workload in WORKLOADS:
        (container,) = template(workload)["spec"]["containers"]
        settings = {entry["name"]: entry["value"] for entry in container["env"]}
        for source in container.get("envFrom", []):
            settings |= given[source["configMapRef"]["name"]]
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        for setting in [name for name in settings if name.endswith("_FILE")]:
            assert any(settings[setting].startswith(f"{path}/") for path in mounted), setting
            stand_in = tmp_path / setting
            stand_in.write_text("postgresql://x@y/z" if "DATABASE" in setting else "key=secret")
            settings[setting] = str(stand_in)
        known = {field.upper() for field in Settings.__struct_fields__}
        assert {setting.removesuffix("_FILE") for setting in settings} <= known
        load(settings)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name)
def test_who_reaches_postgres_can_be_given_its_authority(workload: Manifest) -> None:
    pod = template(workload)["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert ("postgres-ca" in volumes) == (labels(workload).get("reaches-postgres") == "yes")
    if "postgres-ca" in volumes:
        assert mounts["postgres-ca"] == "/run/postgres-ca"
        assert volumes["postgres-ca"]["configMap"] == {"name": "giftledger-postgres-ca", "optional": True}


def test_every_key_of_the_secret_that_is_used_is_described() -> None:
    described = (KUBERNETES / "base" / "kustomization.yaml").read_text()
    used = {
        item["key"]
        for workload in WORKLOADS
        for volume in template(workload)["spec"]["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    (authentication,) = BY_KIND["TriggerAuthentication"]
    used |= {reference["key"] for reference in authentication["spec"]["secretTargetRef"]}
    assert all(re.search(rf"\b{key}\b", described) for key in used)


def test_what_the_runbooks_tell_kubectl_is_about_what_there_is() -> None:
    commands = re.findall(r"kubectl [^`\n]+", (DEPLOY / "README.md").read_text())
    ours = {name(manifest).lower() for manifest in ALL}
    mounted = {
        volume["configMap"]["name"]
        for workload in WORKLOADS
        for volume in template(workload)["spec"]["volumes"]
        if "configMap" in volume
    }
    assert len(commands) > 10
    for command in commands:
        for kind, of in re.findall(r"\b(deployment|job)[/ ](giftledger[\w-]*)", command):
            assert f"{kind}/{of}" in ours, command
        for folder in re.findall(r"-k (\S+)", command):
            assert (DEPLOY.parent / folder / "kustomization.yaml").exists(), command
        for of in re.findall(r"create configmap (\S+)", command):
            assert of in mounted, command


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


def test_kafkas_users_have_the_rights_of_the_runbook() -> None:
    theirs = {
        (user["metadata"]["name"], rule["resource"]["type"], rule["resource"]["name"], operation)
        for user in BY_KIND["KafkaUser"]
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
    }
    prefixes = {
        (user["metadata"]["name"], rule["resource"]["name"])
        for user in BY_KIND["KafkaUser"]
        for rule in user["spec"]["authorization"]["acls"]
        if rule["resource"].get("patternType") == "prefix"
    }
    ours, our_prefixes = set(), set()
    for command in marked_commands("rights"):
        options = list(pairwise(command))
        (user,) = [value.removeprefix("User:") for option, value in options if option == "--allow-principal"]
        resources = [(RESOURCES[option], value) for option, value in options if option in RESOURCES]
        operations = [value for option, value in options if option == "--operation"]
        ours |= {(user, *resource, operation) for resource in resources for operation in operations}
        if ("--resource-pattern-type", "prefixed") in options:
            our_prefixes |= {(user, value) for _, value in resources}
    assert theirs == ours
    assert prefixes == our_prefixes


def test_the_autoscaler_of_workers_respects_partitions_and_connections_and_sees_every_topic_of_theirs() -> None:
    (scaled,) = BY_KIND["ScaledObject"]
    spec = scaled["spec"]
    assert spec["scaleTargetRef"]["name"] in {one["metadata"]["name"] for one in BY_KIND["Deployment"]}
    assert spec["maxReplicaCount"] == MOST_WORKERS == Settings().topic_partitions
    connections = spec["maxReplicaCount"] * CONNECTIONS_OF_A_WORKER
    assert connections < 100 - 50  # of Postgres' default, half are others'
    assert f"{connections} of its max_connections" in (KUBERNETES / "components" / "keda" / "worker.yaml").read_text()
    topics = {trigger["metadata"]["topic"] for trigger in spec["triggers"]}
    assert topics == {Settings().topic("certificates"), Settings().topic("definitions")}
    authentications = {one["metadata"]["name"] for one in BY_KIND["TriggerAuthentication"]}
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["consumerGroup"] == Settings().kafka_group_id
        assert trigger["authenticationRef"]["name"] in authentications


@pytest.mark.parametrize(("component", "workload"), [("keda", "worker"), ("ingress-autoscaling", "ingress")])
def test_what_an_autoscaler_counts_no_manifest_does(component: str, workload: str) -> None:
    patch = yaml.safe_load((KUBERNETES / "components" / component / "replicas.yaml").read_text())
    assert (patch["metadata"]["name"], patch["spec"]) == (f"giftledger-{workload}", {"replicas": None})


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
