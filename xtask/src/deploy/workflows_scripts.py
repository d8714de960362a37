"""The scripts of .github/scripts run with stand-ins for `aws`, `helm`, `kubectl`, `docker` and `cosign`, which write down how they were called;
what is said to Helm is said to the real one as well, which knows the chart."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import deploy_scripts
from common import ROOT, run, say

SCRIPTS = ROOT / ".github/scripts"
DIGEST = "sha256:" + "ab" * 32
IMAGES = ("gateway", "auth", "inference", "job-worker", "outcrop")

# Writes its arguments down as a line of JSON; answers with the file whose name is its own and first words, if there is one.
STAND_IN = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(sys.argv[0]).resolve()
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([here.name, *sys.argv[1:]]) + "\\n")
words = [here.name, *[it for it in sys.argv[1:] if not it.startswith("-")]][:4]
for length in range(len(words), 0, -1):
    answer = pathlib.Path(os.environ["ANSWERS"]) / "_".join(words[:length]).replace("/", "%")
    if "ALARM" in sys.argv and answer.with_name(answer.name + "!").exists():
        answer = answer.with_name(answer.name + "!")
    if answer.exists():
        print(answer.read_text(), end="")
        break
"""


class World:
    """A folder of stand-ins."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.answers, self.calls = self.folder / "answers", self.folder / "calls"
        (self.folder / "bin").mkdir()
        self.answers.mkdir()
        for name in ("aws", "helm", "docker", "cosign", "kubectl"):
            program = self.folder / "bin" / name
            program.write_text(STAND_IN)
            program.chmod(0o755)

    def answer(self, words, text):
        (self.answers / words.replace(" ", "_").replace("/", "%")).write_text(text)

    def run(self, script, *args, **settings):
        """How it ended, what it printed, and what it called."""
        self.calls.write_text("")
        env = {**os.environ, "CALLS": str(self.calls), "ANSWERS": str(self.answers), **settings}
        env["PATH"] = f"{self.folder / 'bin'}:{env['PATH']}"
        done = subprocess.run([SCRIPTS / script, *args], capture_output=True, text=True, env=env, cwd=self.folder, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr, [json.loads(line) for line in self.calls.read_text().splitlines()]


def release_version():
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "Cargo.toml").read_text()).group(1)
    assert run([SCRIPTS / "release-version.sh", f"v{version}"]).strip() == version
    for wrong in ("v99.0.0", version, "v1.2", "vx.y.z"):
        done = subprocess.run([SCRIPTS / "release-version.sh", wrong], capture_output=True, check=False)
        assert done.returncode != 0, f"a release of {wrong}"
    say(f"release-version.sh: v{version} is released, four other tags are not")


def released_migrations(folder):
    """The lock file as it would be written, and three that a release is refused with."""
    folder = pathlib.Path(folder)
    script = folder / ".github/scripts/released-migrations.sh"
    migration, lock = folder / "crates/postgres/migrations/0001_x.sql", folder / "crates/migrations.lock"
    script.parent.mkdir(parents=True)
    migration.parent.mkdir(parents=True)
    shutil.copy(SCRIPTS / script.name, script)
    migration.write_text("SELECT 1;\n")
    digest = hashlib.sha256(migration.read_bytes()).hexdigest()
    for release, held, passes in (("1.2.0", digest, True), ("1.10.0", digest, True), ("1.10.1", digest, False), ("1.2.0", "00", False), (None, None, False)):
        lock.write_text("# path, release, SHA-256\n" + (f"postgres/migrations/0001_x.sql {release} {held}\n" if release else ""))
        done = subprocess.run([script, "1.10.0"], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == passes, f"{lock.read_text()}{done.stderr}"
    say("released-migrations.sh: two locks pass; none, another text and a later release do not")


def watch_alarms(world):
    settings = {"ALARM_PREFIX": "Outcrop-prod-", "PAUSE_SECONDS": "0"}
    code, said, calls = world.run("watch-alarms.sh", "0", **settings)
    assert code == 1 and "there are no alarms" in said, f"nobody watches: {said}"
    world.answer("aws cloudwatch describe-alarms", "Outcrop-prod-ErrorRate\n")
    world.answer("aws cloudwatch describe-alarms!", "")
    code, said, calls = world.run("watch-alarms.sh", "0", **settings)
    assert code == 0 and "quiet" in said, said
    assert all("Outcrop-prod-" in call for call in calls) and len(calls) == 2
    world.answer("aws cloudwatch describe-alarms!", "Outcrop-prod-ErrorRate\n")
    code, said, _ = world.run("watch-alarms.sh", "10", **settings)
    assert code == 1 and "firing: Outcrop-prod-ErrorRate" in said, said
    settings = {"PROMETHEUS": "monitoring/prometheus-operated:9090", "PAUSE_SECONDS": "0"}
    for state, passes in (("inactive", True), ("firing", False), (None, False)):
        rules = [{"name": "ErrorRate", "state": state}] if state else []
        groups = [{"name": "outcrop", "rules": rules}, {"name": "others", "rules": [{"name": "NotOurs", "state": "firing"}]}]
        world.answer("kubectl get", json.dumps({"data": {"groups": groups}}))
        code, said, calls = world.run("watch-alarms.sh", "0", **settings)
        assert (code == 0) == passes and "NotOurs" not in said, said
        assert all(call[0] == "kubectl" and "/namespaces/monitoring/services/prometheus-operated:9090/proxy/" in call[3] for call in calls), calls
    say("watch-alarms.sh: quiet is success; firing is not, and nobody watching neither, by CloudWatch and by Prometheus")


def verify_images(world):
    settings = {"REGISTRY": "ghcr.io/outcrop", "REPOSITORY": "outcrop/outcrop", "VERSION": "1.2.3"}
    world.answer("docker buildx imagetools inspect", json.dumps({"digest": DIGEST}))
    code, said, calls = world.run("verify-images.sh", **settings)
    assert code == 0 and said.splitlines() == [f"{it} {DIGEST}" for it in IMAGES], said
    signed = [call for call in calls if call[0] == "cosign"]
    identity = "https://github.com/outcrop/outcrop/.github/workflows/release.yml@refs/tags/v1.2.3"
    assert len(signed) == len(IMAGES) and all(identity in call and call[2].endswith(f"@{DIGEST}") for call in signed), signed
    (world.folder / "bin/cosign").write_text("#!/bin/sh\nexit 1\n")
    code, _, _ = world.run("verify-images.sh", **settings)
    assert code != 0, "unsigned images pass"
    (world.folder / "bin/cosign").write_text(STAND_IN)
    say(f"verify-images.sh: {len(IMAGES)} images by digest, signed by our workflow for the tag; others are refused")


def deploy_helm(world):
    digests = world.folder / "digests"
    digests.write_text("".join(f"{it} {DIGEST}\n" for it in IMAGES))
    settings = {"CHART": "oci://ghcr.io/outcrop/charts/outcrop", "VERSION": "1.2.3", "DIGESTS": str(digests), "WEIGHT": "10"}
    world.answer("helm get metadata", json.dumps({"appVersion": "1.2.2", "version": "1.2.2"}))
    before(world)
    said = {}
    for step in ("all", "canary", "back"):
        world.answer("helm get values", json.dumps({"canary": {"enabled": step == "back"}}))
        code, text, calls = world.run("deploy-helm.sh", step, **settings, REVISION="7")
        assert code == 0, text
        said[step] = [call for call in calls if call[1] == "upgrade"][0]
        assert "--reset-then-reuse-values" in said[step] and ("--atomic" in said[step]) == (step != "back")
        if step == "back":
            assert calls[0][1:4] == ["rollback", "outcrop", "7"] and "--wait" in calls[0] and "1.2.2" in said[step], calls
    code, text, calls = world.run("deploy-helm.sh", "back", **settings, REVISION="7", STATUS="cancelled")
    assert code == 0 and not any("--wait" in call for call in calls), "a cancelled run has no hour left"
    version = said["canary"][said["canary"].index("--version") + 1]
    assert version == "1.2.2" and "canary.tag=1.2.3" in said["canary"], f"the chart of another version changes the present images' pods: {said['canary']}"
    assert not any(it.startswith("image.") for it in said["canary"]), said["canary"]
    assert "image.tag=1.2.3" in said["all"] and "canary.enabled=false" in said["all"], said["all"]
    for step, call in said.items():
        rendered(step, call)
    code, _, _ = world.run("deploy-helm.sh", "everything", **settings)
    assert code != 0
    say("deploy-helm.sh: before, all, canary and back; the chart takes what they set, and renders the digests")


def before(world):
    """Nothing is deployed that nobody would see fail; a release that was left locked is freed."""
    history = [{"revision": 6, "status": "superseded"}, {"revision": 7, "status": "deployed"}]
    world.answer("helm history", json.dumps(history))
    for emf, settings, passes in (("off", {}, False), (None, {}, False), ("stdout", {}, True), ("off", {"PROMETHEUS": "monitoring/prometheus:9090"}, True)):
        world.answer("helm get values", json.dumps({"metrics": {"emf": emf} if emf else {}}))
        code, said, calls = world.run("deploy-helm.sh", "before", **settings)
        assert (code == 0) == passes and (said.strip() == "7" or "metrics.emf" in said), said
        assert not any(call[1] == "rollback" for call in calls), calls
    world.answer("helm history", json.dumps([*history, {"revision": 8, "status": "pending-upgrade"}]))
    code, said, calls = world.run("deploy-helm.sh", "before", PROMETHEUS="monitoring/prometheus:9090")
    assert code == 0 and ["helm", "rollback", "outcrop", "7"] in [call[:4] for call in calls], calls


def rendered(step, call):
    """The chart refuses values that it does not know, and shows what these make of it."""
    given = [word for at, word in enumerate(call) if word in ("--set", "--set-string") or call[at - 1] in ("--set", "--set-string")]
    chart = ROOT / "helm/outcrop"
    values = [word for name in ("minimal", "alb-canary") for word in ("--values", chart / f"ci/{name}-values.yaml")]
    text = run(["helm", "template", "outcrop", chart, *values, *given])
    if step == "back":
        return
    deployed = re.findall(r"image: \"?([^\s\"]+)", text)
    pinned = {it for it in deployed if it.endswith(f"@{DIGEST}")}
    assert len(pinned) >= 4, f"{step}: {deployed}"
    assert step != "canary" or any("canary" in line for line in text.splitlines()), "no canary was rendered"


def check():
    release_version()
    with tempfile.TemporaryDirectory() as folder:
        released_migrations(folder)
    if not shutil.which("jq"):
        say("NOT CHECKED: watch-alarms.sh, verify-images.sh and deploy-helm.sh, which need jq")
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        if shutil.which("jq"):
            watch_alarms(world)
            verify_images(world)
            deploy_helm(world)
    with tempfile.TemporaryDirectory() as folder:
        deploy_scripts.check(World(folder))
