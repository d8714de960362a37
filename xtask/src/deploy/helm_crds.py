"""The shapes of the custom resources that the chart makes, as far as it makes them: a field that is not here is a mistake.

Written after the projects' own references: keda.sh/docs, external-secrets.io/latest/api/externalsecret,
secrets-store-csi-driver.sigs.k8s.io, gateway-api.sigs.k8s.io/reference/spec, prometheus-operator.dev/docs/api-reference,
argo-rollouts.readthedocs.io/en/stable/features/specification.
"""

import jsonschema

TEXT, WHOLE, FLAG, ANY = {"type": "string", "minLength": 1}, {"type": "integer"}, {"type": "boolean"}, {}


def shape(optional=None, **needed) -> dict:
    return {"type": "object", "additionalProperties": False, "properties": needed | (optional or {}), "required": list(needed)}


def several(it) -> dict:
    return {"type": "array", "items": it, "minItems": 1}


def one_of(*values) -> dict:
    return {"enum": list(values)}


TARGET = shape(apiVersion=TEXT, kind=TEXT, name=TEXT)
BACKENDS = several(shape(name=TEXT, port=WHOLE, optional={"weight": {"type": "integer", "minimum": 0, "maximum": 1_000_000}}))
STEP = {"oneOf": [shape(setWeight=WHOLE), shape(pause={"type": "object"})]}
TEMPLATES = shape(templates=several(shape(templateName=TEXT)))
ROUTING = {"oneOf": [shape(alb=shape(ingress=TEXT, servicePort=WHOLE)), shape(plugins={"type": "object"})]}
PARENT = shape(name=TEXT, optional={"namespace": TEXT, "sectionName": TEXT, "group": TEXT, "kind": TEXT, "port": WHOLE})

SPECS = {
    ("keda.sh/v1alpha1", "TriggerAuthentication"): shape(podIdentity=shape(provider=one_of("aws"), identityOwner=one_of("keda", "workload"))),
    ("keda.sh/v1alpha1", "ScaledObject"): shape(
        scaleTargetRef=TARGET,
        minReplicaCount=WHOLE,
        maxReplicaCount=WHOLE,
        pollingInterval=WHOLE,
        advanced=shape(horizontalPodAutoscalerConfig=shape(behavior={"type": "object"})),
        triggers=several(
            shape(
                type=one_of("aws-sqs-queue"),
                authenticationRef=shape(name=TEXT),
                # Numbers are text in KEDA's metadata.
                metadata=shape(queueURL={"type": "string", "pattern": "^https://"}, queueLength=TEXT, awsRegion=TEXT, scaleOnInFlight=TEXT),
            )
        ),
    ),
    ("external-secrets.io/v1", "ExternalSecret"): shape(
        refreshInterval=TEXT,
        secretStoreRef=shape(name=TEXT, kind=one_of("SecretStore", "ClusterSecretStore")),
        target=shape(name=TEXT, creationPolicy=one_of("Owner")),
        data=several(shape(secretKey=TEXT, remoteRef=shape(key=TEXT, optional={"property": TEXT}))),
    ),
    ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"): shape(
        provider=one_of("aws"),
        # All parameters are text, `objects` being YAML in it.
        parameters=shape(usePodIdentity=one_of("true", "false"), objects=TEXT, optional={"region": TEXT}),
        secretObjects=several(shape(secretName=TEXT, type=one_of("Opaque"), data=several(shape(objectName=TEXT, key=TEXT)))),
    ),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): shape(
        parentRefs=several(PARENT),
        rules=several(
            shape(
                matches=several(shape(path=shape(type=one_of("PathPrefix"), value=TEXT))),
                backendRefs=BACKENDS,
                optional={"timeouts": shape(request={"type": "string", "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$"})},
            )
        ),
        optional={"hostnames": several(TEXT)},
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): shape(
        selector=shape(matchLabels={"type": "object"}, matchExpressions=several(shape(key=TEXT, operator=one_of("In"), values=several(TEXT)))),
        endpoints=several(
            shape(port=TEXT, path=TEXT, interval=TEXT, relabelings=several(shape(sourceLabels=several(TEXT), targetLabel=TEXT, replacement=TEXT)))
        ),
        podTargetLabels=several(TEXT),
    ),
    ("argoproj.io/v1alpha1", "Rollout"): shape(
        revisionHistoryLimit=WHOLE,
        selector=shape(matchLabels={"type": "object"}),
        template=ANY,
        strategy={
            "oneOf": [
                shape(
                    canary=shape(
                        maxSurge=TEXT,
                        maxUnavailable=WHOLE,
                        optional={"steps": several(STEP), "analysis": TEMPLATES, "stableService": TEXT, "canaryService": TEXT, "trafficRouting": ROUTING},
                    )
                ),
                shape(blueGreen=shape(activeService=TEXT, previewService=TEXT, autoPromotionEnabled=FLAG, optional={"prePromotionAnalysis": TEMPLATES})),
            ]
        },
        optional={"replicas": WHOLE},
    ),
}


def is_custom(it: dict) -> bool:
    return (it["apiVersion"], it["kind"]) in SPECS


def check(it: dict) -> None:
    name = f"{it['kind']} {it['metadata']['name']}"
    assert set(it) == {"apiVersion", "kind", "metadata", "spec"}, f"{name}: {sorted(it)}"
    for error in jsonschema.Draft202012Validator(SPECS[it["apiVersion"], it["kind"]]).iter_errors(it["spec"]):
        raise AssertionError(f"{name}: {'/'.join(map(str, error.path))}: {error.message}")
