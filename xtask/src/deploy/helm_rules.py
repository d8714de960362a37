"""What holds for every release of the chart, whatever its values."""

import ipaddress
import re

import yaml

from common import ROOT, setting_names, unknown_settings
from helm_release import (
    SERVICES,
    component,
    containers,
    labels,
    matches,
    ports,
)

# Which function of `outcrop_wiring`, or type, in a service's main stands for calls of whom.
CALLS = {
    "outcrop_wiring::authenticator(": {"auth"},
    "Forwarder::new(": {"auth", "inference", "job-worker"},
    "outcrop_wiring::inference(": {"inference"},
    "outcrop_wiring::job_desk(": {"job-worker"},
}
# Secrets and accounts that values name, and that are made by somebody else.
OUTSIDE = {"outcrop-mine", "outcrop-test-key", "registry", "jobs-of-ours", "outcrop-efs", "ai-tls"}


def source(service: str) -> str:
    return (ROOT / f"services/{service}/src/main.rs").read_text()


def calls_in_code() -> set[tuple[str, str]]:
    found = {(service, to) for service in SERVICES for sign, all_of in CALLS.items() if sign in source(service) for to in all_of}
    assert {caller for caller, _ in found} == {"gateway", "inference", "job-worker"}, f"the mains have changed: {found}"
    return found


def health_paths() -> set[str]:
    text = (ROOT / "crates/http/src/health.rs").read_text()
    found = set(re.findall(r'web::resource\("(/\w+)"\)', text))
    assert found == {"/healthz", "/readyz"}, found
    return found


def metric_names() -> set[str]:
    text = (ROOT / "docs/metrics.md").read_text()
    return set(re.findall(r"^\| `[a-z0-9_.]+` \| `([a-z0-9_]+)` \|", text, re.MULTILINE))


def selectors(release) -> int:
    """Whatever chooses pods chooses those that it means, by labels that they have."""
    for workload in release.workloads():
        selector = workload["spec"]["selector"]["matchLabels"]
        assert release.chosen_by(selector) == [workload], f"{workload['metadata']['name']} chooses others' pods"
    for service in release.of("Service"):
        name, chosen = service["metadata"]["name"], release.chosen_by(service["spec"]["selector"])
        assert len(chosen) == 1, f"Service {name} chooses {len(chosen)} workloads"
        assert component(chosen[0]) == component(service), f"Service {name} chooses {component(chosen[0])}"
        known = ports(chosen[0]["spec"]["template"])
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in known, f"Service {name}: {port['targetPort']} is no port of its pods"
    for budget in release.of("PodDisruptionBudget"):
        chosen = release.chosen_by(budget["spec"]["selector"]["matchLabels"])
        assert len(chosen) == 1, f"budget {budget['metadata']['name']} is for {len(chosen)} workloads"
        least = least_pods(release, chosen[0])
        assert least > budget["spec"]["maxUnavailable"] > 0, f"{budget['metadata']['name']}: all {least} pods may be away at once"
    return len(release.of("Service", "PodDisruptionBudget"))


def scalers(release) -> dict[str, dict]:
    found = {}
    for scaler in release.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = release.get(target["kind"], target["name"])
        assert workload["apiVersion"] == target["apiVersion"], target
        assert target["name"] not in found, f"{target['name']} is scaled twice"
        assert "replicas" not in workload["spec"], f"{target['name']} is scaled, and an upgrade would set its replicas back"
        found[target["name"]] = scaler
    return found


def least_pods(release, workload) -> int:
    scaler = scalers(release).get(workload["metadata"]["name"])
    if not scaler:
        return workload["spec"]["replicas"]
    return scaler["spec"].get("minReplicas", scaler["spec"].get("minReplicaCount"))


def scaling(release) -> int:
    known, metrics = scalers(release), metric_names()
    for name, scaler in known.items():
        spec = scaler["spec"]
        if scaler["kind"] == "ScaledObject":
            assert spec["minReplicaCount"] >= 1, f"{name}: the job worker answers requests, too"
            release.get("TriggerAuthentication", spec["triggers"][0]["authenticationRef"]["name"])
            continue
        assert spec["metrics"], f"{name} is scaled by nothing"
        assert spec["minReplicas"] <= spec["maxReplicas"], name
        for metric in (it["pods"]["metric"]["name"] for it in spec["metrics"] if it["type"] == "Pods"):
            assert metric in metrics, f"{name}: docs/metrics.md has no {metric}"
    for workload in release.workloads():
        assert workload["metadata"]["name"] in known or workload["spec"].get("replicas") is not None
    return len(known)


def pods(release) -> int:
    """Nobody is root, writes where it should not, or is told of the cluster."""
    for name, template in release.templates():
        spec, user = template["spec"], template["spec"]["securityContext"]
        assert user["runAsNonRoot"] and user["runAsUser"] >= 999 and user["seccompProfile"]["type"] == "RuntimeDefault", name
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        # Volumes belong to root: without the group a pod that is not root could not write into its own.
        assert user["fsGroup"] == user["runAsGroup"] == user["runAsUser"], f"{name}: its volumes are {user.get('fsGroup')}'s"
        mounted = {mount["name"] for c in containers(template) for mount in c.get("volumeMounts", [])}
        volumes = {it["name"]: it for it in spec.get("volumes") or []}
        claims = {c["metadata"]["name"] for w in release.of("StatefulSet") if w["spec"]["template"] is template for c in w["spec"]["volumeClaimTemplates"]}
        assert mounted == volumes.keys() | claims, f"{name}: mounted {mounted}, there are {set(volumes) | claims}"
        assert not any("hostPath" in it for it in volumes.values()), name
        for container in containers(template):
            held = container["securityContext"]
            assert held == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, name
            image = container["image"]
            assert re.fullmatch(r"[^:@]+(:[0-9]+/[^:@]+)?(:[\w.-]+|@sha256:[0-9a-f]{64})", image), f"{name}: image {image}"
            assert not image.endswith(":latest"), image
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"], name
    return len(release.templates())


def lifecycle(release) -> int:
    paths = health_paths()
    for workload in release.services_of_ours():
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        container = template["spec"]["containers"][0]
        for probe, path in {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}.items():
            asked = container[probe]["httpGet"]
            assert asked["path"] == path and path in paths, f"{name}: {probe} asks {asked['path']}"
            assert ports(template)[asked["port"]] == 8080, f"{name}: {probe}"
        # Dependencies are asked for two seconds.
        assert container["readinessProbe"]["timeoutSeconds"] > 2, name
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = int(release.environment(template)["OUTCROP__SERVER__DRAIN_MS"]) / 1000
        grace = template["spec"]["terminationGracePeriodSeconds"]
        assert grace >= pause + drain + 10, f"{name}: killed after {grace} s, and it pauses {pause} s and drains {drain} s"
        if component(workload) == "gateway" and (kept := kept_by_load_balancer(release)):
            assert grace >= kept >= pause + drain, f"{name}: the load balancer cuts streams after {kept} s, and they have {pause} + {drain} s"
    return len(release.services_of_ours())


def kept_by_load_balancer(release) -> int:
    """How long an ALB lets connections to a pod that goes finish, from the pod's removal on; 0 without one."""
    for ingress in release.of("Ingress"):
        told = ingress["metadata"].get("annotations", {}).get("alb.ingress.kubernetes.io/target-group-attributes", "")
        if found := re.search(r"deregistration_delay\.timeout_seconds=(\d+)", told):
            return int(found[1])
    return 0


def deployable(release) -> int:
    """The role of the pipeline may touch every object that the chart makes."""
    may = {(group, kind) for rule in yaml.safe_load((ROOT / "deploy/eks/deployer.yaml").read_text().split("\n---\n")[0])["rules"] if "delete" in rule["verbs"]
           for group in rule["apiGroups"] for kind in rule["resources"]}  # fmt: skip
    for document in release.documents:
        group = document["apiVersion"].rpartition("/")[0]
        kind = document["kind"].lower()
        plural = {"ingress": "ingresses", "networkpolicy": "networkpolicies", "secretproviderclass": "secretproviderclasses"}.get(kind, kind + "s")
        assert (group, plural) in may, f"deploy/eks/deployer.yaml does not let the pipeline touch {plural}.{group}"
    return len(release.documents)


def ways_in(release) -> int:
    """Requests reach a Service: what an Ingress or an HTTPRoute names is there, and somebody tells the weights that it waits for."""
    count = 0
    routed = {r["spec"]["strategy"].get("canary", {}).get("trafficRouting", {}).get("alb", {}).get("ingress") for r in release.of("Rollout")} - {None}
    assert routed <= set(release.names("Ingress")), f"Argo Rollouts weighs at the Ingress {routed}, which is not there"
    for ingress in release.of("Ingress"):
        name, told = ingress["metadata"]["name"], ingress["metadata"].get("annotations", {})
        alb = ingress["spec"]["ingressClassName"] == "alb"
        assert alb or name not in routed, f"Ingress {name}: Argo Rollouts would weigh at an ALB, and there is none"
        backends = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        for backend in backends:
            service, port = release.get("Service", backend["name"]), backend["port"]["name"]
            if port == "use-annotation":
                weighed = name in routed or f"alb.ingress.kubernetes.io/actions.{backend['name']}" in told
                assert alb and weighed, f"Ingress {name}: nobody tells the weights of {backend['name']}"
            else:
                assert port in {it["name"] for it in service["spec"]["ports"]}, f"Ingress {name}: {backend['name']} has no port {port}"
        weighing = any(it["port"]["name"] == "use-annotation" for it in backends)
        assert weighing == (name in routed or any("/actions." in it for it in told)), f"Ingress {name}: weights that nobody reads"
        count += len(backends)
    for route in release.of("HTTPRoute"):
        backends = [it for rule in route["spec"]["rules"] for it in rule["backendRefs"]]
        for backend in backends:
            known = {it["port"] for it in release.get("Service", backend["name"])["spec"]["ports"]}
            assert backend["port"] in known, f"HTTPRoute {route['metadata']['name']}: {backend}"
        count += len(backends)
    return count


def references(release) -> int:
    """Secrets, ConfigMaps, accounts, claims: all that is named is there."""
    made = set(release.names("Secret"))
    made |= {it["spec"]["target"]["name"] for it in release.of("ExternalSecret")}
    made |= {s["secretName"] for it in release.of("SecretProviderClass") for s in it["spec"]["secretObjects"]}
    keys = {it["metadata"]["name"]: set(it["data"]) for it in release.of("Secret")}
    keys |= {it["spec"]["target"]["name"]: {d["secretKey"] for d in it["spec"]["data"]} for it in release.of("ExternalSecret")}
    keys |= {s["secretName"]: {d["key"] for d in s["data"]} for it in release.of("SecretProviderClass") for s in it["spec"]["secretObjects"]}
    count = 0
    for name, template in release.templates():
        account = template["spec"].get("serviceAccountName")
        assert account in OUTSIDE | {None} or ("ServiceAccount", account) in release.by_name, f"{name}: account {account}"
        for container in containers(template):
            for entry in container.get("env", []):
                if secret := entry.get("valueFrom", {}).get("secretKeyRef"):
                    assert secret["name"] in made | OUTSIDE, f"{name}: nobody makes the Secret {secret['name']}"
                    assert secret["key"] in keys.get(secret["name"], {secret["key"]}), f"{name}: {secret}"
                    count += 1
            for entry in container.get("envFrom", []):
                release.get("ConfigMap", entry["configMapRef"]["name"])
        for volume in template["spec"].get("volumes") or []:
            if "configMap" in volume:
                release.get("ConfigMap", volume["configMap"]["name"])
            if "csi" in volume:
                release.get("SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"])
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in set(release.names("PersistentVolumeClaim")) | OUTSIDE, claim
    return count


def settings(release) -> int:
    """Every setting exists; no secret stands in the clear; each service finds the others of its version."""
    names = setting_names(release.text)
    assert not unknown_settings(names), f"no such settings: {unknown_settings(names)}"
    hosts = set(release.names("Service"))
    for workload in release.services_of_ours():
        name, environment = workload["metadata"]["name"], release.environment(workload["spec"]["template"])
        for variable in ("OUTCROP__SERVICES__AUTH", "OUTCROP__SERVICES__INFERENCE", "OUTCROP__SERVICES__JOBS"):
            host = environment[variable].removeprefix("http://").removesuffix(":8080")
            assert host in hosts, f"{name}: {variable} is {environment[variable]}, and there is no such Service"
        secrets = [it for it in environment if re.search(r"(SECRET|PASSWORD|STATIC_KEYS?|SIGNING_KEY|FEDERATION|WEBHOOK_URL|OTLP_HEADERS)$", it) and it.startswith("OUTCROP__")]
        assert "OUTCROP__INTERNAL__SECRET" in secrets, name
        for variable in secrets:
            value = environment[variable]
            assert isinstance(value, dict) or value.startswith("secretsmanager://"), f"{name}: {variable} is in the clear"
    return len(names)


def permitted(release, caller: dict, callee: dict, port: int) -> bool:
    """Whether the policies let pods of one workload connect to those of another: both sides must."""
    policies = release.of("NetworkPolicy")

    def side(pod, other, direction, peers):
        mine = [p for p in policies if direction in p["spec"]["policyTypes"] and matches(p["spec"]["podSelector"]["matchLabels"], labels(pod))]
        rules = [rule for p in mine for rule in p["spec"].get(direction.lower(), [])]
        return not mine or any(admits(rule, peers, pod if direction == "Ingress" else other, other) for rule in rules)

    def admits(rule, peers, listening, other):
        numbers = [it["port"] if isinstance(it["port"], int) else ports(listening).get(it["port"]) for it in rule.get("ports", [])]
        if "ports" in rule and port not in numbers:
            return False
        if peers not in rule:
            return True
        return any("podSelector" in peer and "namespaceSelector" not in peer and matches(peer["podSelector"]["matchLabels"], labels(other)) for peer in rule[peers])

    return side(caller, callee, "Egress", "to") and side(callee, caller, "Ingress", "from")


def network(release) -> int:
    """Who may call whom is who does, by the code."""
    if not release.of("NetworkPolicy"):
        return 0
    templates = {name: template for name, template in release.templates()}
    expected, count = calls_in_code() | {("test", "gateway")}, 0
    for caller in templates.values():
        for name, callee in templates.items():
            ours = component(callee) in SERVICES
            if caller is callee or not (ours or component(callee) in TRIAL):
                continue
            port = 8080 if ours else TRIAL[component(callee)]
            may = permitted(release, caller, callee, port)
            if ours:
                must = (component(caller), component(callee)) in expected
                # Without a list of callers anybody may call the gateway, but the pods here may call only whom they do.
                assert may == must, f"{component(caller)} -> {name}: {'may' if may else 'may not'}"
            else:
                assert may == (component(caller) in trial_callers(component(callee))), f"{component(caller)} -> {name}: {may}"
            assert not permitted(release, caller, callee, 22), f"{component(caller)} -> {name}:22"
            count += 1
    blocks = [peer["ipBlock"] for policy in release.of("NetworkPolicy") for rule in policy["spec"].get("egress", []) for peer in rule.get("to", []) if "ipBlock" in peer]
    for block in blocks:
        network, metadata = ipaddress.ip_network(block["cidr"]), ipaddress.ip_address("169.254.169.254")
        excepted = any(metadata in ipaddress.ip_network(it) for it in block.get("except", []))
        assert metadata not in network or excepted, f"{block} lets pods ask the node for its credentials"
    return count


TRIAL = {"postgres": 5432, "redis": 6379, "aws": 5000, "emulator": 4566}


# What a service's main says when it uses what a stand-in stands for. All follow changes of the log's filter, which Redis tells.
USES = {
    "postgres": ["outcrop_wiring::stores(", "outcrop_wiring::migrated_stores("],
    "redis": ["run_service("],
    "aws": ["outcrop_wiring::queue(", "outcrop_wiring::blobs("],
    "emulator": ["outcrop_wiring::models(", "outcrop_wiring::batch_models("],
}


def trial_callers(stand_in: str) -> set[str]:
    found = {service for service in SERVICES if any(sign in source(service) for sign in USES[stand_in])}
    assert found, stand_in
    return found | ({"admin"} if stand_in in ("postgres", "redis") else set())


def hooks(release) -> int:
    """What a hook needs is a hook, and comes before it."""
    jobs = [it for it in release.of("Job") if "helm.sh/hook" in it["metadata"].get("annotations", {})]
    weight = lambda it: int(it["metadata"]["annotations"]["helm.sh/hook-weight"])  # noqa: E731
    for job in jobs:
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        spec = job["spec"]["template"]["spec"]
        assert spec["containers"][0]["args"] == ["migrate"] and "envFrom" not in spec["containers"][0]
        needed = [("ServiceAccount", spec["serviceAccountName"])]
        for entry in spec["containers"][0]["env"]:
            if secret := entry.get("valueFrom", {}).get("secretKeyRef"):
                needed += [("ExternalSecret", secret["name"])] if ("ExternalSecret", secret["name"]) in release.by_name else []
        needed += [("SecretProviderClass", v["csi"]["volumeAttributes"]["secretProviderClass"]) for v in spec["volumes"] if "csi" in v]
        for kind, name in needed:
            assert weight(release.get(kind, name)) < weight(job), f"{kind} {name} is not there before the migration"
    return len(jobs)


RULES = [selectors, scaling, pods, lifecycle, deployable, ways_in, references, settings, network, hooks]
