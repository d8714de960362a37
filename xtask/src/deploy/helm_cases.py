"""What each values file is for, found in what it renders; and what the chart refuses."""

import json
import re

import yaml

from common import ROOT
from helm_release import CHART, SERVICES, chart_file, component, containers, first_key, labels, refusal, render, values
from helm_rules import permitted

MINIMAL = "ci/minimal-values.yaml"
ALB = "alb.ingress.kubernetes.io/"
# As deploy/iam/policies.json calls them, and the address that it does not know.
SECRETS = {
    "OUTCROP__AUTH__KEY_SECRET": "key-secret",
    "OUTCROP__INTERNAL__SECRET": "internal-secret",
    "OUTCROP__STORE__PASSWORD": "database-password",
    "OUTCROP__CACHE__PASSWORD": "cache-password",
    "OUTCROP__RESPONSE_CACHE__URL": "answer-cache-url",
}


def container(release, kind, name) -> dict:
    return release.get(kind, name)["spec"]["template"]["spec"]["containers"][0]


def annotations(release, kind="Ingress", name="outcrop") -> dict:
    return release.get(kind, name)["metadata"].get("annotations", {})


def minimal(release):
    assert release.names("Deployment") == ["outcrop-auth", "outcrop-gateway", "outcrop-job-worker"]
    assert release.names("StatefulSet") == ["outcrop-inference"], "usage outlives its pod unless values say otherwise"
    accounts = release.names("ServiceAccount")
    assert accounts == sorted(f"outcrop-{it}" for it in [*SERVICES, "migrate"]), accounts
    for service in SERVICES:
        workload = next(it for it in release.services_of_ours() if component(it) == service)
        found = {n.split("__", 1)[1] for n, v in release.environment(workload["spec"]["template"]).items() if isinstance(v, str) and v.startswith("secretsmanager://")}
        expected = {"INTERNAL__SECRET"} | (set() if service == "gateway" else {"STORE__PASSWORD", "AUTH__KEY_SECRET"})
        assert found == expected, f"{service} reads {found}"
        assert workload["spec"]["template"]["spec"].get("nodeSelector") is None
    assert container(release, "Job", "outcrop-migrate")["image"] == "outcrop/outcrop:" + yaml.safe_load(chart_file("Chart.yaml").read_text())["appVersion"]
    for policy in release.of("NetworkPolicy"):
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    denied = release.get("NetworkPolicy", "outcrop-default-deny")["spec"]
    assert "ingress" not in denied and all("component" not in key for key in denied["podSelector"]["matchLabels"])
    for workload in release.services_of_ours():
        zones = [it["topologyKey"] for it in workload["spec"]["template"]["spec"]["topologySpreadConstraints"]]
        assert sorted(zones) == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def eks_alb(release):
    for service in ("gateway", "auth", "inference"):
        role = annotations(release, "ServiceAccount", f"outcrop-{service}")["eks.amazonaws.com/role-arn"]
        assert role == f"arn:aws:iam::123456789012:role/outcrop-{service}"
    assert annotations(release, "ServiceAccount", "outcrop-auth")["example.com/owner"] == "platform"
    assert annotations(release, "ServiceAccount", "outcrop-migrate")["eks.amazonaws.com/role-arn"].endswith("role/outcrop-migrate")
    assert "outcrop-job-worker" not in release.names("ServiceAccount"), "an account of theirs is not made"
    gateway = release.get("Deployment", "outcrop-gateway")["spec"]["template"]
    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/outcrop"
    assert gateway["spec"]["containers"][0]["image"] == f"{registry}/gateway@sha256:{'1' * 64}"
    assert container(release, "Deployment", "outcrop-auth")["image"].startswith(f"{registry}/auth:")
    without = [name for name, t in release.templates() if t["spec"].get("imagePullSecrets") != [{"name": "registry"}]]
    assert not without, f"{without} cannot pull from the registry"
    assert all(t["spec"]["nodeSelector"]["kubernetes.io/arch"] == "arm64" for _, t in release.templates())
    first, auth = release.get("Pod", "outcrop-admin")["spec"], release.get("Deployment", "outcrop-auth")["spec"]["template"]["spec"]
    for key in ("nodeSelector", "tolerations", "serviceAccountName"):
        assert auth[key] and first.get(key) == auth[key], f"the pod that makes a first key has another {key} than auth"
    worker = release.get("Deployment", "outcrop-job-worker")["spec"]["template"]
    assert worker["spec"]["nodeSelector"]["karpenter.sh/capacity-type"] == "spot" and worker["spec"]["tolerations"]
    assert release.environment(worker)["OUTCROP__JOBS__CONCURRENCY"] == "16"
    assert release.names("ScaledObject") == ["outcrop-job-worker"] and not release.of("HorizontalPodAutoscaler")
    found = annotations(release)
    assert found[ALB + "certificate-arn"].startswith("arn:aws:acm:") and found[ALB + "wafv2-acl-arn"].startswith("arn:aws:wafv2:")
    assert json.loads(found[ALB + "listen-ports"]) == [{"HTTP": 80}, {"HTTPS": 443}] and found[ALB + "ssl-redirect"] == "443"
    assert "idle_timeout.timeout_seconds=620" in found[ALB + "load-balancer-attributes"]
    assert found[ALB + "healthcheck-path"] == "/readyz"
    # EMF goes to an agent of theirs.
    assert release.environment(gateway)["OUTCROP__METRICS__EMF"].startswith("tcp://")
    # The load balancer closes idle connections first.
    assert int(release.environment(gateway)["OUTCROP__SERVER__KEEP_ALIVE_MS"]) > 620_000
    assert not any("actions." in it for it in found), "one version needs no weights"
    settings = release.get("ConfigMap", "outcrop-settings")["data"]
    assert settings["OUTCROP__SERVER__PUBLIC_URL"] == "https://ai.example.com" and settings["AWS_REGION"] == "eu-central-1"
    environment = release.environment(gateway)
    assert environment["OUTCROP__CACHE__PASSWORD"] == "secretsmanager://outcrop/cache#password"
    readable = json.loads((ROOT / "deploy/iam/policies.json").read_text())["secrets"]
    for service in [*SERVICES, "migrate"]:
        template = next(t for _, t in release.templates() if component(t) == service)
        read = {SECRETS[n] for n, v in release.environment(template).items() if isinstance(v, str) and v.startswith("secretsmanager://")}
        assert read == set(readable[service]), f"{service} reads {sorted(read)}; its role may read {readable[service]}"
    stranger = {"metadata": {"labels": {"app": "stranger"}}, "spec": {"containers": []}}
    assert not permitted(release, stranger, gateway, 8080), "only the load balancer's subnets reach the gateway"


def eks(release):
    """What people copy: secrets as the foundations name them, metrics for the alarms that deployments watch, nothing that nobody makes."""
    names = {}
    for file, pattern in {
        "deploy/terraform/modules/security/main.tf": r'"[\w-]+" += "((?:key|internal)-secret|database|cache)"',
        "deploy/cloudformation/security.yaml": r"Name: !Sub \"outcrop/\$\{Environment\}/([\w-]+)\"",
    }.items():
        names[file] = {f"outcrop/prod/{it}" for it in re.findall(pattern, (ROOT / file).read_text())}
        assert len(names[file]) == 4, f"{file}: {names[file]}"
    for file, other in {"deploy/terraform/modules/data/redis.tf": "deploy/terraform/modules/security/main.tf", "deploy/cloudformation/data.yaml": "deploy/cloudformation/security.yaml"}.items():
        assert re.search(r"outcrop/\$\{(var\.e|E)nvironment\}/answer-cache-url", (ROOT / file).read_text()), file
        names[other].add("outcrop/prod/answer-cache-url")
    for workload in release.services_of_ours():
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        environment = release.environment(template)
        assert environment["OUTCROP__METRICS__EMF"] == "stdout" and environment["OUTCROP__TELEMETRY__ENVIRONMENT"] == "prod", f"{name}: alarms would see nothing"
        secrets = {v.removeprefix("secretsmanager://").split("#")[0] for v in environment.values() if isinstance(v, str) and v.startswith("secretsmanager://")}
        for file, made in names.items():
            assert secrets and secrets <= made, f"{name} reads {secrets - made}, which {file} does not make"
        read = {SECRETS[n] for n, v in environment.items() if isinstance(v, str) and v.startswith("secretsmanager://")}
        # Terraform lets pods of inference read the address of the Redis for answers besides (modules/iam).
        besides = {"answer-cache-url"} if component(workload) == "inference" else set()
        assert read == set(json.loads((ROOT / "deploy/iam/policies.json").read_text())["secrets"][component(workload)]) | besides, f"{name} reads {read}"
        assert ("ServiceAccount", template["spec"]["serviceAccountName"]) in release.by_name, f"{name}: nobody makes its account"
        assert not {"priorityClassName", "imagePullSecrets", "tolerations"} & template["spec"].keys(), f"{name}: asks for what a cluster may not have"
        role = annotations(release, "ServiceAccount", name)["eks.amazonaws.com/role-arn"]
        assert role.endswith(component(workload)), f"{name} takes {role}"
    assert "@sha256:" not in release.text, "a digest goes before every later tag"


def without_metrics():
    """What alarms of CloudWatch are made of is off unless values say so, and goes where they say."""
    assert "OUTCROP__METRICS__EMF" not in render([MINIMAL]).text
    policy = render([MINIMAL], ["metrics.emf=tcp://agent.monitoring:25888"]).get("NetworkPolicy", "outcrop-gateway")["spec"]
    assert any(rule["ports"] == [{"port": 25888}] for rule in policy["egress"]), "CloudWatch's agent cannot be reached"


def secrets_are_whole():
    """Every setting that is a secret can be given to the chart, to those who have it."""
    table = (CHART / "templates/_settings.tpl").read_text()
    known = set(re.findall(r"(?m)^\w+: \{setting: ([a-z_.]+), key: [a-z-]+, for: ", table))
    told = set(re.findall(r"(?m)^\| `([a-z0-9_.]+)` \| [^|]* \| secret \|", (ROOT / "docs/configuration.md").read_text()))
    assert told | {"response_cache.url"} == known, f"secrets that the chart does not know, or the other way: {(told | {'response_cache.url'}) ^ known}"
    return len(known)


def never_smaller():
    """Who makes a release highly available, or takes it back, changes nothing that Kubernetes lets nobody change."""
    claims = [render(files).get("StatefulSet", "outcrop-inference")["spec"]["volumeClaimTemplates"] for files in ([MINIMAL], [MINIMAL, "values-ha.yaml"])]
    assert claims[0] == claims[1], "an upgrade to values-ha.yaml is refused: volumeClaimTemplates cannot be changed"


def followed(release):
    """Who reads a Secret at its start starts anew with it."""
    for workload in release.services_of_ours():
        read = {entry["valueFrom"]["secretKeyRef"]["name"] for c in containers(workload["spec"]["template"]) for entry in c.get("env", []) if "secretKeyRef" in entry.get("valueFrom", {})}
        watched = annotations(release, workload["kind"], workload["metadata"]["name"])["secret.reloader.stakater.com/reload"]
        assert read == {watched}, f"{workload['metadata']['name']} reads {read}; Reloader looks at {watched}"


def pod_identity(release):
    assert not any("eks.amazonaws.com/role-arn" in annotations(release, "ServiceAccount", it) for it in release.names("ServiceAccount"))
    assert "169.254.170.23/32" in release.text, "the agent of Pod Identity is asked for credentials"
    secret = release.get("ExternalSecret", "outcrop-secrets")["spec"]
    assert {"secretKey": "database-password", "remoteRef": {"key": "outcrop/database", "property": "password"}} in secret["data"]
    hooked = release.get("ExternalSecret", "outcrop-migrate-secrets")["spec"]["data"]
    assert [it["secretKey"] for it in hooked] == ["database-password"], "the migration gets the password of the database, and no more"
    worker = release.environment(release.get("Deployment", "outcrop-job-worker")["spec"]["template"])
    assert "OUTCROP__ALERTS__WEBHOOK_URL" in worker and "OUTCROP__TELEMETRY__OTLP_HEADERS" in worker
    gateway = release.environment(release.get("Deployment", "outcrop-gateway")["spec"]["template"])
    assert "OUTCROP__ALERTS__WEBHOOK_URL" not in gateway and "OUTCROP__AUTH__KEY_SECRET" not in gateway
    followed(release)


def reads_by_itself():
    """What is secret as a whole may be a reference too: those who read it are told where it is."""
    release = render([MINIMAL], ["secrets.names.responseCacheUrl=outcrop/prod/answer-cache-url", "secrets.names.otlpHeaders=outcrop/prod/headers"])
    for service in SERVICES:
        environment = release.environment(next(t for w, t in release.templates() if component(t) == service))
        assert environment["OUTCROP__TELEMETRY__OTLP_HEADERS"] == "secretsmanager://outcrop/prod/headers", service
        found = environment.get("OUTCROP__RESPONSE_CACHE__URL")
        assert found == ("secretsmanager://outcrop/prod/answer-cache-url" if service == "inference" else None), f"{service}: {found}"


def secrets_csi(release):
    for service in [*SERVICES, "migrate"]:
        provider = release.get("SecretProviderClass", f"outcrop-{service}")["spec"]
        objects = yaml.safe_load(provider["parameters"]["objects"])
        aliases = {it["objectAlias"] for it in objects} | {path["objectAlias"] for it in objects for path in it.get("jmesPath", [])}
        kept = provider["secretObjects"][0]["data"]
        assert all(it["objectName"] in aliases for it in kept), f"{service}: {kept} of {aliases}"
    followed(release)
    objects = yaml.safe_load(release.get("SecretProviderClass", "outcrop-migrate")["spec"]["parameters"]["objects"])
    assert objects == [{"objectName": "outcrop/database", "objectType": "secretsmanager", "objectAlias": "whole-database-password", "jmesPath": [{"path": "password", "objectAlias": "database-password"}]}]


def existing_secret(release):
    assert not release.of("Secret", "ExternalSecret", "Job", "StatefulSet")
    data = release.get("ConfigMap", "outcrop-settings")["data"]
    assert data["OUTCROP__USAGE__MAX_SPOOL_BYTES"] == "1073741824", "numbers are not written with exponents"
    assert data["OUTCROP__RESPONSE_CACHE__ENABLED"] == "false"
    inference = release.get("Deployment", "outcrop-inference")["spec"]["template"]["spec"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "outcrop-efs"}} in inference["volumes"]
    for service in SERVICES:
        started = release.get("Deployment", f"outcrop-{service}")["spec"]["template"]["spec"].get("initContainers", [])
        assert bool(started) == (service != "gateway"), f"{service} migrates: {started}"
    assert len(release.of("HorizontalPodAutoscaler")) == 4
    metrics = release.get("HorizontalPodAutoscaler", "outcrop-inference")["spec"]["metrics"]
    assert [it["type"] for it in metrics] == ["Pods"], "CPU can be left out"
    assert [it["name"] for it in release.get("Pod", "outcrop-test")["spec"]["containers"]] == ["ready", "chat"]
    monitor = release.get("ServiceMonitor", "outcrop")
    assert labels(monitor)["release"] == "prometheus"
    job = monitor["spec"]["endpoints"][0]["relabelings"][0]
    assert job["targetLabel"] == "job" and job["replacement"] == "outcrop-$1", "the rules of alarms see jobs called outcrop alone"
    # Each pod is read once.
    chosen = [s["metadata"]["name"] for s in release.of("Service") if any(p["name"] == "metrics" for p in s["spec"]["ports"])]
    assert chosen == [f"outcrop-{it}" for it in sorted(SERVICES)], chosen


def weights(release, expected):
    """Both sets are whole, and each calls its own services."""
    for suffix in expected:
        for service in SERVICES:
            release.get("Service", f"outcrop-{service}{suffix}")
        data = release.get("ConfigMap", f"outcrop-settings{suffix}")["data"]
        assert data["OUTCROP__SERVICES__INFERENCE"] == f"http://outcrop-inference{suffix}:8080"
    assert sum(expected.values()) == 100


def gateway_api(release):
    weights(release, {"": 75, "-canary": 25})
    route = release.get("HTTPRoute", "outcrop")["spec"]
    assert {it["name"]: it["weight"] for it in route["rules"][0]["backendRefs"]} == {"outcrop-gateway": 75, "outcrop-gateway-canary": 25}
    canary = release.get("Deployment", "outcrop-gateway-canary")
    assert canary["spec"]["template"]["spec"]["containers"][0]["image"].endswith("/gateway:0.2.0") and canary["spec"]["replicas"] == 1
    assert release.names("Job") == ["outcrop-migrate", "outcrop-migrate-canary"], "the database is ready for both"
    assert container(release, "Job", "outcrop-migrate-canary")["image"].endswith(":0.2.0")


def alb_canary(release):
    weights(release, {"": 95, "-canary": 5})
    action = json.loads(annotations(release)[ALB + "actions.outcrop-gateway"])
    assert action["type"] == "forward"
    assert {it["serviceName"]: it["weight"] for it in action["forwardConfig"]["targetGroups"]} == {"outcrop-gateway": 95, "outcrop-gateway-canary": 5}
    backend = release.get("Ingress", "outcrop")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "outcrop-gateway", "port": {"name": "use-annotation"}}
    assert container(release, "Deployment", "outcrop-auth-canary")["image"] == f"outcrop/auth@sha256:{'3' * 64}"
    assert "@" not in container(release, "Deployment", "outcrop-auth")["image"]


def blue_green(release):
    action = json.loads(annotations(release)[ALB + "actions.outcrop-gateway"])
    assert {it["serviceName"]: it["weight"] for it in action["forwardConfig"]["targetGroups"]} == {"outcrop-gateway-blue": 100, "outcrop-gateway-green": 0}
    assert release.get("Service", "outcrop-gateway")["spec"]["selector"]["track"] == "blue"
    rules = release.get("Ingress", "outcrop")["spec"]["rules"]
    assert [it["host"] for it in rules] == ["ai.example.com", "next.example.com"]
    assert rules[1]["http"]["paths"][0]["backend"]["service"]["name"] == "outcrop-gateway-green"
    files = [MINIMAL, "ci/blue-green-values.yaml"]
    switched = render(files, ["blueGreen.active=green"])
    action = json.loads(annotations(switched)[ALB + "actions.outcrop-gateway"])
    assert {it["serviceName"]: it["weight"] for it in action["forwardConfig"]["targetGroups"]} == {"outcrop-gateway-blue": 0, "outcrop-gateway-green": 100}
    before, after = pod_templates(release), pod_templates(switched)
    shared = ("Deployment", "outcrop-job-worker")
    for each in (before, after):
        assert sorted(key for key in each if "job-worker" in key[1]) == [shared], "two sets would share the jobs"
    for key in before.keys() | after.keys():
        assert key == shared or before.get(key) == after.get(key), f"a switch changes the pods of {key[1]}"
    assert {"blue", "green"} == {labels(it)["track"] for key, it in before.items() if key != shared}
    one_worker(release, switched)
    fresh = pod_templates(render(files, ["blueGreen.green.tag=0.3.0"]))
    changed = sorted(name for (kind, name), it in fresh.items() if before[kind, name] != it)
    assert changed == [f"outcrop-{it}-green" for it in ("auth", "gateway", "inference")], f"a new green changes {changed}"
    taken = first_key(files, ["blueGreen.active=green"])["spec"]["containers"][0]
    assert taken["image"] == "outcrop/outcrop:0.2.0" and taken["envFrom"] == [{"configMapRef": {"name": "outcrop-settings-green"}}]


def pod_templates(release) -> dict[tuple[str, str], dict]:
    """The whole of each, annotations among it: whatever differs makes pods anew."""
    return {(it["kind"], it["metadata"]["name"]): it["spec"]["template"] for it in release.services_of_ours()}


def one_worker(release, switched):
    """A switch brings the job workers that both sets use to the other version, and always leaves some that answer."""
    plain = render([MINIMAL])
    for it, colour, tag in ((release, "blue", "0.1.0"), (switched, "green", "0.2.0")):
        worker = it.get("Deployment", "outcrop-job-worker")["spec"]
        assert worker["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, "an old worker goes before a new one is ready"
        assert worker["selector"] == plain.get("Deployment", "outcrop-job-worker")["spec"]["selector"], "Kubernetes lets nobody change a selector"
        assert worker["template"]["spec"]["containers"][0]["image"] == f"outcrop/job-worker:{tag}"
        environment = it.environment(worker["template"])
        assert environment["OUTCROP__SERVICES__INFERENCE"] == f"http://outcrop-inference-{colour}:8080", environment
        for set_of in ("blue", "green"):
            assert it.get("ConfigMap", f"outcrop-settings-{set_of}")["data"]["OUTCROP__SERVICES__JOBS"] == "http://outcrop-job-worker:8080"
    services = [it.get("Service", "outcrop-job-worker") for it in (release, switched)]
    assert services[0] == services[1], "for a moment the new Service would have no pods"
    gone = {it for it in release.by_name if it not in switched.by_name} - {("Pod", "outcrop-admin")}
    assert not gone, f"a switch takes away {gone}"


def rollouts(release):
    assert release.names("Rollout") == sorted(f"outcrop-{it}" for it in SERVICES) and not release.of("Deployment")
    canary = release.get("Rollout", "outcrop-gateway")["spec"]["strategy"]["canary"]
    assert canary["trafficRouting"] == {"alb": {"ingress": "outcrop", "servicePort": 8080}}
    for role in ("stableService", "canaryService"):
        release.get("Service", canary[role])
    assert canary["analysis"]["templates"] == [{"templateName": "success-rate"}]
    assert not any("actions." in it for it in annotations(release)), "Argo Rollouts writes the weights"
    backend = release.get("Ingress", "outcrop")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": canary["stableService"], "port": {"name": "use-annotation"}}


def rollouts_blue_green(release):
    assert "outcrop-inference" in release.names("StatefulSet"), "volumes of its own are a StatefulSet's"
    strategy = release.get("Rollout", "outcrop-gateway")["spec"]["strategy"]["blueGreen"]
    for role in ("activeService", "previewService"):
        release.get("Service", strategy[role])


def rollouts_blue_green_alb(release):
    """Argo Rollouts changes which pods the Service chooses: the Ingress names the Service, whatever its class."""
    rollouts_blue_green(release)
    for it in (release, render([MINIMAL, "ci/rollouts-blue-green-alb-values.yaml"], ["ingress.className=nginx"])):
        backend = it.get("Ingress", "outcrop")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        active = it.get("Rollout", "outcrop-gateway")["spec"]["strategy"]["blueGreen"]["activeService"]
        assert backend == {"name": active, "port": {"name": "http"}}, backend


def bare(release):
    assert not release.of("NetworkPolicy", "PodDisruptionBudget", "Job", "HorizontalPodAutoscaler")
    assert "metrics" not in release.text.replace("metrics.listen", "") and release.names("Ingress") == ["gate"]
    ingress = release.get("Ingress", "gate")
    assert ingress["spec"]["tls"] == [{"hosts": ["ai.example.com"], "secretName": "ai-tls"}]
    assert not any(it.startswith(ALB) for it in annotations(release, name="gate"))
    assert all(labels(it)["example.com/cost-centre"] == "42" for it in release.documents)


def trial(release):
    stand_ins = {f"outcrop-{it}" for it in ("postgres", "redis", "aws", "emulator")}
    assert stand_ins <= set(release.names("Service")) and "amazonaws.com" not in release.text
    data = release.get("ConfigMap", "outcrop-settings")["data"]
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "OUTCROP__CACHE__URL", "OUTCROP__STORE__URL"):
        host = data[variable].split("//")[1].split("@")[-1].split(":")[0]
        assert host in stand_ins, f"{variable}: {data[variable]}"
    assert set(release.get("Secret", "outcrop-secrets")["data"]) == {"key-secret", "internal-secret", "database-password"}
    compile(release.get("ConfigMap", "outcrop-aws")["data"]["trial_aws.py"], "trial_aws.py", "exec")


def trial_storage(release):
    trial(release)
    assert release.names("PersistentVolumeClaim") == ["outcrop-postgres"]


def ha(release):
    for workload in release.services_of_ours():
        name, spec = workload["metadata"]["name"], workload["spec"]["template"]["spec"]
        zone = next(it for it in spec["topologySpreadConstraints"] if it["topologyKey"] == "topology.kubernetes.io/zone")
        assert zone["whenUnsatisfiable"] == "DoNotSchedule" and spec["nodeSelector"] == {"kubernetes.io/arch": "arm64"}, name
        scaler = release.get("HorizontalPodAutoscaler", name)["spec"]
        assert scaler["minReplicas"] >= 3, "a pod for each zone"
        release.get("PodDisruptionBudget", name)


# Each values file, with those that go before it, and what it is for.
CASES = {
    MINIMAL: ([MINIMAL], minimal),
    "ci/eks-alb-values.yaml": (["ci/eks-alb-values.yaml"], eks_alb),
    "ci/pod-identity-values.yaml": ([MINIMAL, "ci/pod-identity-values.yaml"], pod_identity),
    "ci/secrets-csi-values.yaml": ([MINIMAL, "ci/secrets-csi-values.yaml"], secrets_csi),
    "ci/existing-secret-values.yaml": ([MINIMAL, "ci/existing-secret-values.yaml"], existing_secret),
    "ci/gateway-api-values.yaml": ([MINIMAL, "ci/gateway-api-values.yaml"], gateway_api),
    "ci/alb-canary-values.yaml": ([MINIMAL, "ci/alb-canary-values.yaml"], alb_canary),
    "ci/blue-green-values.yaml": ([MINIMAL, "ci/blue-green-values.yaml"], blue_green),
    "ci/rollouts-values.yaml": ([MINIMAL, "ci/rollouts-values.yaml"], rollouts),
    "ci/rollouts-blue-green-values.yaml": ([MINIMAL, "ci/rollouts-blue-green-values.yaml"], rollouts_blue_green),
    "ci/rollouts-blue-green-alb-values.yaml": ([MINIMAL, "ci/rollouts-blue-green-alb-values.yaml"], rollouts_blue_green_alb),
    "ci/bare-values.yaml": ([MINIMAL, "ci/bare-values.yaml"], bare),
    "ci/trial-storage-values.yaml": (["ci/trial-storage-values.yaml"], trial_storage),
    "values-trial.yaml": (["values-trial.yaml"], trial),
    "values-ha.yaml": ([MINIMAL, "values-ha.yaml"], ha),
    "values-eks.yaml": (["values-eks.yaml", "values-ha.yaml"], eks),
    # On top of values that have an Ingress, as their comments say.
    "values-canary.yaml": ([MINIMAL, "ci/alb-canary-values.yaml", "values-canary.yaml"], lambda it: weights(it, {"": 90, "-canary": 10})),
    "values-blue-green.yaml": ([MINIMAL, "ci/blue-green-values.yaml", "values-blue-green.yaml"], blue_green),
}

# A key that is misspelt, or a value that cannot be meant, at every depth: the schema refuses them by name.
MISSPELT = [
    "replica=3", "image.tags=1", "image.tag=latest", "image.digests.gateways=sha256:00", "arch=arm", "database.uri=x",
    "database.url=postgres://outcrop:secret@host/db", "services.worker.replicas=2", "services.gateway.replica=2",
    "services.gateway.autoscaling.minReplica=2", "services.inference.resources.request.cpu=1", "defaults.spread.zones=x",
    "defaults.spread.zone=Sometimes", "config.limits\\.requests_per_minute=1", "config.store\\.password=x",
    "services.auth.config.auth\\.key_secrets=x", "secrets.from=vault", "secrets.names.keySecrets=x", "spool.kind=memory",
    "keda.minReplicas=0", "ingress.alb.certificate=x", "ingress.alb.scheme=public", "canary.weight=101", "canary.replicas.worker=1",
    "blueGreen.active=red", "rollouts.strategie=canary", "networkPolicy.gatewayFrom[0].ipblock.cidr=10.0.0.0/8",
    "metrics.emf=file", "metrics.emf=tcp://agent", "trial.redis.image=redis:latest", "trial.postgres.image=postgres", "services.auth.serviceAccount.role=x", "test.key=x",
]  # fmt: skip

# Values that contradict one another, and the word by which the chart says so.
FAULTS = {
    "database.url is needed": ([], []),
    "cache.url is needed": ([], ["database.url=postgres://u@h/d"]),
    "queue.url is needed": ([], ["database.url=postgres://u@h/d", "cache.url=redis://r"]),
    "files.url is needed": ([], ["database.url=postgres://u@h/d", "cache.url=redis://r", "queue.url=sqs://q"]),
    "enable one of them": ([MINIMAL], ["canary.enabled=true", "rollouts.enabled=true"]),
    "tells nothing": ([MINIMAL], ["canary.enabled=true"]),
    "cannot weigh": ([MINIMAL], ["canary.enabled=true", "canary.tag=0.2.0"]),
    "neither a tag nor digests": ([MINIMAL], ["blueGreen.enabled=true"]),
    "ingress.host": ([MINIMAL], ["ingress.enabled=true"]),
    "in the clear": ([MINIMAL], ["ingress.enabled=true", "ingress.host=a.example.com"]),
    "use gatewayApi": ([MINIMAL], ["ingress.enabled=true", "ingress.host=a.example.com", "ingress.className=nginx", "canary.enabled=true", "canary.tag=0.2.0"]),
    "which needs no weights": ([MINIMAL, "ci/rollouts-values.yaml"], ["ingress.className=nginx"]),
    # What a deployment of every image by its digest sets: it would end well, and change nothing.
    "digests of their own": ([MINIMAL, "ci/blue-green-values.yaml"], ["image.tag=0.3.0", f"image.digests.auth=sha256:{'1' * 64}"]),
    "gatewayApi.parentRefs": ([MINIMAL], ["gatewayApi.enabled=true"]),
    "spool.existingClaim": ([MINIMAL], ["spool.kind=shared"]),
    "secrets.existing.name": ([MINIMAL], ["secrets.from=existing"]),
    "the same from a secret": (
        [MINIMAL], ["secrets.from=csi", "secrets.names.responseCacheUrl=x", "cache.responseUrl=rediss://r"]),
    "neither cpu nor metrics": ([MINIMAL], ["services.inference.autoscaling.enabled=true", "services.inference.autoscaling.cpu=0"]),
    "no Secret to look at": ([MINIMAL], ["secrets.reloader=true"]),
    "is for trials": ([MINIMAL], ["secrets.from=generated"]),
    "from a Secret": (["values-trial.yaml"], ["secrets.from=native"]),
    "leave it empty": (["values-trial.yaml"], ["migrate.mode=hook"]),
    "one of them is not meant": (["values-trial.yaml", MINIMAL], []),
    "keda.queueUrl": ([MINIMAL], ["keda.enabled=true"]),
    "needs aws.region": ([MINIMAL], ["keda.enabled=true", "keda.queueUrl=https://sqs.eu-central-1.amazonaws.com/123456789012/q"]),
}


def refuses() -> tuple[int, int]:
    for pair in MISSPELT:
        said = refusal([MINIMAL], [pair])
        assert "don't meet the specifications of the schema" in said, f"{pair}: {said}"
    for word, (files, sets) in FAULTS.items():
        said = refusal(files, sets)
        assert word in said, f"{sets}: {said}"
    return len(MISSPELT), len(FAULTS)


def restarts() -> None:
    """Settings restart pods; routes, which are read again by themselves, do not."""

    def sums(*sets):
        release = render([MINIMAL, "ci/existing-secret-values.yaml"], sets)
        return {it["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for it in release.services_of_ours()}

    before = sums()
    without_metrics()
    reads_by_itself()
    never_smaller()
    assert sums() == before, "the same values render alike"
    assert sums("configFiles.routes\\.toml=x") == before, "new routes restart nobody"
    assert sums("configFiles.prices\\.toml=x") != before and sums("drainMs=1000") != before


def schema_is_whole(schema: dict) -> int:
    """Every default is in the schema and every key of the schema has a default: neither is forgotten."""

    def keys(node, rule, path):
        rule = schema["definitions"][rule["$ref"].split("/")[-1]] if "$ref" in rule else rule
        if rule.get("type") != "object" or "properties" not in rule:
            return [path]
        assert rule["additionalProperties"] is False, f"{path} takes unknown keys"
        free = path == "services" or path.startswith("services.") or path.endswith(("digests", "requests", "limits"))
        missing = set(rule["properties"]) - set(node) - {"global"}
        assert not set(node) - set(rule["properties"]), f"{path}: no schema for {set(node) - set(rule['properties'])}"
        assert not missing or free, f"{path}: no default for {missing}"
        return [it for key in node for it in keys(node[key], rule["properties"][key], f"{path}.{key}".strip("."))]

    return len(keys(values(), schema, ""))
