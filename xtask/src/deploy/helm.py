"""The chart helm/outcrop: linted, rendered with every values file, and held against Kubernetes' schemas and against the code.

`helm.py --write` writes what is generated: the table in its README and the names of settings in its schema.
`helm.py --play` starts the rendered pods with podman, where there are one and the images (helm_play.py).
"""

import functools
import json
import sys

import kubernetes_validate
from kubernetes_validate import utils

import helm_crds
import helm_readme
from common import say
from helm_cases import CASES, refuses, restarts, schema_is_whole, secrets_are_whole
from helm_release import CHART, fingerprint, first_key, flags, helm, render
from helm_rules import RULES

# Schemas are files of megabytes; each is read once.
utils.schema_contents = functools.cache(utils.schema_contents)

# The oldest that the chart installs on, and the newest that the schemas know.
VERSIONS = ["1.30", kubernetes_validate.latest_version()[:4]]


def lint() -> int:
    """Every values file, and the defaults alone: linting says nothing of addresses that are not there yet."""
    runs = [[]] + [files for files, _ in CASES.values()]
    for files in runs:
        helm("lint", "--strict", "--quiet", CHART, *flags(files))
    files = {f"ci/{it.name}" for it in CHART.glob("ci/*.yaml")} | {it.name for it in CHART.glob("values-*.yaml")}
    assert files == set(CASES), f"values files without a case, or the other way: {files ^ set(CASES)}"
    return len(runs)


def validated(documents, version, seen) -> None:
    for document in documents:
        # A Rollout's pods are pods.
        if document["kind"] == "Rollout":
            spec = {key: document["spec"][key] for key in ("selector", "template")}
            document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": document["metadata"], "spec": spec}
        if helm_crds.is_custom(document) or (key := (version, fingerprint(document))) in seen:
            continue
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = "/".join(map(str, error.path))
            raise AssertionError(f"{document['kind']} {document['metadata']['name']} ({version}): {where}: {error.message}") from None
        seen.add(key)


def main() -> None:
    rows = helm_readme.check(write="--write" in sys.argv)
    say(f"README.md and values.schema.json are current: {rows} values described")
    say(f"helm lint --strict: {lint()} sets of values")
    seen, counts, custom, kinds = set(), dict.fromkeys((it.__name__ for it in RULES), 0), 0, set()
    for name, (files, holds) in CASES.items():
        admin = first_key(files)
        for version in VERSIONS:
            release = render(files, kube=f"{version}.0", more=[admin])
            validated(release.documents, version, seen)
        for document in filter(helm_crds.is_custom, release.documents):
            helm_crds.check(document)
            custom += 1
            kinds.add(document["kind"])
        try:
            for rule in RULES:
                counts[rule.__name__] += rule(release)
            holds(release)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    assert kinds == {kind for _, kind in helm_crds.SPECS}, f"no case renders {({kind for _, kind in helm_crds.SPECS}) - kinds}"
    say(f"{len(CASES)} sets rendered for Kubernetes {' and '.join(VERSIONS)}: {len(seen)} different objects of its own kinds are valid")
    say(f"{custom} custom resources have the shape of their projects: {', '.join(sorted(kinds))}")
    say("held in each: " + ", ".join(f"{name} ({count})" for name, count in counts.items()))
    misspelt, faults = refuses()
    say(f"refused: {misspelt} misspelt or senseless values by the schema, {faults} contradictions by the chart")
    restarts()
    say(f"each of {secrets_are_whole()} secrets can be given; values-eks.yaml names those that the foundations make")
    leaves = schema_is_whole(json.loads((CHART / "values.schema.json").read_text()))
    say(f"the schema and values.yaml have the same {leaves} values; settings restart pods, routes do not")


if __name__ == "__main__":
    if "--play" in sys.argv:
        import helm_play

        helm_play.main()
    else:
        main()
