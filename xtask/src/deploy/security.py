"""checkov over everything that is deployed, offline, and a look for secrets over the whole checkout.

An exception stands beside what it is for, with its reason: in a template as checkov's own comment, for what is rendered or cannot
bear one in the table below. An exception that nobody needs any more is a failure, as is a file that checkov could not read.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml
from common import ROOT, run, say

FRAMEWORKS = ["cloudformation", "terraform", "kubernetes", "dockerfile", "github_actions"]
# Templates, by the folders that hold them.
FOLDERS = {
    "cloudformation": ["deploy/cloudformation", "deploy/ecs", "deploy/ec2", "deploy/lambda", "deploy/iam", "deploy/observability/cloudwatch"],
    "terraform": ["deploy/terraform"],
    "dockerfile": ["deploy/docker"],
    "github_actions": [".github"],
}
# The chart, as it is meant to run: images by digest, in a namespace of its own. What is only for trials is left out.
CHART_VALUES = ["minimal", "eks-alb"]
NAMESPACE = "outcrop"

# check, file and resource (both as regular expressions), why not.
EXCEPTIONS = [
    ("CKV_DOCKER_7", r"/deploy/docker/", r"FROM$", "the base is an argument: its default has a tag, and whoever builds names a digest"),
    ("CKV_GHA_7", r"/deploy(?:-ecs)?\.yml$", r"^on\(", "a deployment must be told which released version; nothing is built from it"),
    ("CKV_K8S_11", r"/helm/", r"\.outcrop", "a limit of CPU throttles streams although cores are idle; requests divide cores fairly, memory is limited"),
    ("CKV_K8S_8", r"/helm/", r"^Pod\..*outcrop-test$", "`helm test` runs once and ends"),
    ("CKV_K8S_9", r"/helm/", r"^Pod\..*outcrop-test$", "`helm test` runs once and ends"),
]

# What no file of ours may hold. Short names of what they are, then what they look like.
SECRETS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "an AWS secret key": r"(?i)aws_?secret_?access_?key['\"]?\s*[:=]\s*['\"]?[A-Za-z0-9/+]{40}\b",
    "a Bedrock API key": r"\bABSK[A-Za-z0-9+/]{60,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*\\?n?\s*[A-Za-z0-9+/]{40}",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "a token of Slack": r"\bxox[abprs]-[0-9A-Za-z-]{20,}",
    "a key of a model vendor": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{40,}",
    "a password in an address": r"\b(?:postgres(?:ql)?|rediss?|https?)://[^\s:@/'\"<>${}`]+:[^\s:@/'\"<>${}`*]{8,}@(?!127\.|localhost|db\b|host\b)[\w.-]+\.\w+",
}
# File (regular expression), what is found there, why it is none.
NO_SECRETS = [
    (r"^services/job-worker/tests/it/webhooks/guard\.rs$", "a password in an address", "an address that must be refused"),
]
LARGEST = 1_000_000


def gather(folder):
    """A copy of what checkov is to read, with the chart rendered, so that one run sees it all."""
    counted = {}
    for framework, sources in FOLDERS.items():
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / source, dirs_exist_ok=True)
                names = [it for it in (folder / source).rglob("*") if it.is_file()]
                counted[framework] = counted.get(framework, 0) + len(names)
    chart = ROOT / "helm/outcrop"
    values = [word for name in CHART_VALUES for word in ("--values", chart / f"ci/{name}-values.yaml")]
    digests = [word for it in ("gateway", "auth", "inference", "job-worker", "outcrop") for word in ("--set", f"image.digests.{it}=sha256:{'0' * 64}")]
    rendered = run(["helm", "template", "outcrop", chart, "--namespace", NAMESPACE, *values, *digests])
    objects = [it for it in yaml.safe_load_all(rendered) if it]
    for it in objects:
        # Where `helm install` puts what names no namespace.
        it["metadata"].setdefault("namespace", NAMESPACE)
    (folder / "helm").mkdir()
    (folder / "helm/outcrop.yaml").write_text(yaml.safe_dump_all(objects))
    return len(objects)


def checkov(folder) -> list[dict]:
    """What checkov says, per framework."""
    args = ["checkov", "--skip-download", "--quiet", "--compact", "--output", "json", "--directory", str(folder)]
    # It asks for a newer version of itself otherwise.
    env = {**os.environ, "CHECKOV_RUN_SCA_PACKAGE_SCAN": "false", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*args, "--framework", *FRAMEWORKS], capture_output=True, text=True, env=env, cwd=folder, timeout=600, check=False
    )
    assert done.returncode in (0, 1) and done.stdout.strip(), f"checkov ended with {done.returncode}: {done.stderr[-2000:]}"
    said = json.loads(done.stdout)
    return said if isinstance(said, list) else [said]


def judge(said):
    """Fails for whatever failed without an exception."""
    used, failures = set(), []
    for part in said:
        results, summary = part["results"], part["summary"]
        assert not results.get("parsing_errors"), f"checkov cannot read {results['parsing_errors']}"
        silent = [it for it in results.get("skipped_checks", []) if len(it["check_result"].get("suppress_comment") or "") < 10]
        silent = [f"{it['check_id']} {it['resource']} in {it['file_path']}" for it in silent]
        assert not silent, "skipped without a reason:\n" + "\n".join(silent)
        excused = 0
        for it in results["failed_checks"]:
            fitting = [n for n, one in enumerate(EXCEPTIONS) if excepts(one, it)]
            used.update(fitting)
            excused += bool(fitting)
            if not fitting:
                failures.append(f"{it['check_id']} {it['check_name']}: {it['resource']} in {it['file_path']}:{it['file_line_range'][0]}")
        say(
            f"checkov {part['check_type']}: {summary['passed']} checks of {summary['resource_count']} resources passed, "
            f"{summary['skipped'] + excused} skipped with a reason"
        )
    assert not failures, "\n" + "\n".join(sorted(set(failures)))
    stale = [EXCEPTIONS[it] for it in range(len(EXCEPTIONS)) if it not in used]
    assert not stale, f"exceptions that nobody needs: {stale}"
    missing = set(FRAMEWORKS) - {part["check_type"] for part in said}
    assert not missing, f"checkov found nothing to check for {missing}"


def excepts(exception, failed) -> bool:
    check, file, resource, _why = exception
    return failed["check_id"] == check and re.search(file, failed["file_path"]) and re.search(resource, failed["resource"])


def secrets():
    """Reads what Git knows or would add."""
    listed = run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    looks = {what: re.compile(pattern) for what, pattern in SECRETS.items()}
    found, read, used = [], 0, set()
    for name in sorted(set(listed.split("\0")) - {""}):
        path = ROOT / name
        if not path.is_file() or path.stat().st_size > LARGEST:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        read += 1
        for what, look in looks.items():
            for match in look.finditer(text):
                excused = [n for n, (file, kind, _) in enumerate(NO_SECRETS) if kind == what and re.search(file, name)]
                used.update(excused)
                if not excused and "EXAMPLE" not in match.group(0):
                    found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}")
    assert not found, "\n" + "\n".join(found)
    stale = [NO_SECRETS[it] for it in range(len(NO_SECRETS)) if it not in used]
    assert not stale, f"exceptions that nobody needs: {stale}"
    say(f"{read} files hold no secrets ({len(SECRETS)} kinds looked for)")


def main():
    secrets()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        objects = gather(folder)
        say(f"the chart: {objects} objects of {' and '.join(CHART_VALUES)}")
        judge(checkov(folder))


main()
