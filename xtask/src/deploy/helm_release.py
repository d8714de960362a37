"""A rendered release of the chart, and how to look things up in it."""

import functools
import json
import os
import pathlib
import re
import shutil
import tempfile

import yaml

from common import ROOT, run

CHART = ROOT / "helm/outcrop"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SERVICES = ["gateway", "auth", "inference", "job-worker"]
WORKLOADS = ["Deployment", "StatefulSet", "Rollout"]
# Helm keeps caches and settings in the home folder, unless it is told otherwise: a check leaves nothing behind.
_HOME = tempfile.TemporaryDirectory(prefix="outcrop-helm-")
ENV = {**os.environ, "HELM_CACHE_HOME": _HOME.name, "HELM_CONFIG_HOME": _HOME.name, "HELM_DATA_HOME": _HOME.name}


def helm(*args) -> str:
    return run(["helm", *args], env=ENV)


def flags(files=(), sets=()) -> list[str]:
    args = []
    for file in files:
        args += ["-f", str(CHART / file)]
    for pair in sets:
        args += ["--set", pair]
    return args


def render(files=(), sets=(), kube="1.30.0", release="outcrop", namespace="ai", more=()) -> "Release":
    text = helm("template", release, CHART, "--namespace", namespace, "--kube-version", kube, *flags(files, sets))
    return Release(text, more)


def refusal(files=(), sets=()) -> str:
    """What helm says when it does not render these values; fails if it does."""
    try:
        helm("template", "outcrop", CHART, *flags(files, sets))
    except AssertionError as error:
        return str(error)
    raise AssertionError(f"rendered, and should not: {list(files)} {list(sets)}")


@functools.cache
def _chart_that_tells() -> pathlib.Path:
    """A copy of the chart that renders its notes as an object: `helm template` leaves NOTES.txt away, and all else asks a cluster."""
    copy = pathlib.Path(_HOME.name) / "outcrop"
    shutil.copytree(CHART, copy)
    notes = (CHART / "templates/NOTES.txt").read_text()
    (copy / "templates/told.yaml").write_text('{{ define "told" }}' + notes + '{{ end }}{{ dict "kind" "Told" "text" (include "told" .) | toJson }}')
    return copy


def first_key(files=(), sets=()) -> dict:
    """The pod of the `kubectl run` that `helm status` prints."""
    told = yaml.load(helm("template", "outcrop", _chart_that_tells(), "--namespace", "ai", "--show-only", "templates/told.yaml", *flags(files, sets)), LOADER)
    image, overrides = re.search(r"(?s)--image=(\S+) .*--overrides='([^']*)'\n", told["text"]).groups()
    pod = {"apiVersion": "v1", "kind": "Pod", **json.loads(overrides)}
    pod["metadata"]["name"] = "outcrop-admin"
    assert [it["image"] for it in pod["spec"]["containers"]] == [image], f"the notes name {image}, and what goes before it another"
    return pod


def values() -> dict:
    return yaml.load((CHART / "values.yaml").read_text(), LOADER)


class Release:
    def __init__(self, text: str, more=()):
        """`more`: objects that others make of it."""
        self.text = text
        self.documents = [*(it for it in yaml.load_all(text, LOADER) if it), *more]
        self.by_name = {(it["kind"], it["metadata"]["name"]): it for it in self.documents}
        assert len(self.by_name) == len(self.documents), "two objects have one kind and name"

    def of(self, *kinds) -> list[dict]:
        return [it for it in self.documents if it["kind"] in kinds]

    def names(self, kind) -> list[str]:
        return sorted(it["metadata"]["name"] for it in self.of(kind))

    def get(self, kind, name) -> dict:
        assert (kind, name) in self.by_name, f"no {kind} {name}; there are {self.names(kind)}"
        return self.by_name[kind, name]

    def workloads(self) -> list[dict]:
        return self.of(*WORKLOADS)

    def services_of_ours(self) -> list[dict]:
        """The workloads of the four services, of all versions."""
        return [it for it in self.workloads() if component(it) in SERVICES]

    def templates(self) -> list[tuple[str, dict]]:
        """Every pod there can be, with the name of what makes it."""
        found = [(it["metadata"]["name"], it["spec"]["template"]) for it in self.workloads() + self.of("Job")]
        return found + [(it["metadata"]["name"], it) for it in self.of("Pod")]

    def chosen_by(self, selector: dict) -> list[dict]:
        return [it for it in self.workloads() if matches(selector, labels(it["spec"]["template"]))]

    def environment(self, template: dict) -> dict:
        """What the first container finds in its environment; of secrets, where they come from."""
        found = {}
        container = template["spec"]["containers"][0]
        for source in container.get("envFrom", []):
            found |= self.get("ConfigMap", source["configMapRef"]["name"])["data"]
        for entry in container.get("env", []):
            found[entry["name"]] = entry.get("value", entry.get("valueFrom"))
        return found


def labels(it: dict) -> dict:
    return it["metadata"].get("labels", {})


def component(it: dict) -> str:
    return labels(it).get("app.kubernetes.io/component", "")


def matches(selector: dict, have: dict) -> bool:
    return all(have.get(key) == value for key, value in selector.items())


def containers(template: dict) -> list[dict]:
    return template["spec"]["containers"] + template["spec"].get("initContainers", [])


def ports(template: dict) -> dict[str, int]:
    return {p["name"]: p["containerPort"] for c in template["spec"]["containers"] for p in c.get("ports", [])}


def fingerprint(it: dict) -> str:
    return json.dumps(it, sort_keys=True)


def chart_file(name: str) -> pathlib.Path:
    return CHART / name
