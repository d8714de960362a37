"""Pods as helm renders them, started by `podman kube play`, and asked for a chat: those of the trial, and those of the trial
with what the chart has by default and the trial leaves out, a spool for each replica and a database that is kept.

Needs root, podman 4.3 or newer, and the images: in podman, or in a Docker that answers. In the environment:

    OUTCROP_PLAY_REPOSITORY    whose images, `outcrop-check` by default, as the check of the images names them
    OUTCROP_PLAY_TAG           their tag, `amd64` by default

Podman is no cluster. Stood in for: Services, by addresses in each pod's hosts; `fsGroup`, by volumes that have their owner from
the start; StatefulSets, which podman does not know, by a Deployment on the volumes of their first replica; probes, by asking
the same paths from outside (podman would run curl within images that have none). Not there:
network policies, scaling, scheduling. Init containers run just before their pods. All else (users, read-only roots, capabilities, settings, secrets) is as rendered.
"""

import base64
import copy
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import yaml

import journeys
from common import run, say
from helm_release import render
from running import ask

REPOSITORY = os.environ.get("OUTCROP_PLAY_REPOSITORY", "outcrop-check")
TAG = os.environ.get("OUTCROP_PLAY_TAG", "amd64")
STAND_INS = {"postgres": "postgres:17", "redis": "redis:7", "aws": "motoserver/moto:5"}
ORDER = ["postgres", "redis", "aws", "emulator", "auth", "inference", "job-worker", "gateway"]
SUBNET = "10.231.77"
# Program and the Debian package that brings it; the second holds a pod's addresses.
NEEDED = {"podman": "podman", "catatonit": "catatonit"}
# Podman's own defaults are more than some machines allow their root.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
events_logger = "none"
"""


def images() -> None:
    """Each image is in podman, if need be by way of Docker."""
    names = [f"{REPOSITORY}/{it}:{TAG}" for it in ("gateway", "auth", "inference", "job-worker", "bedrock-emulator", "outcrop")]
    for name in [*names, *STAND_INS.values()]:
        wanted = subprocess.run(["docker", "image", "inspect", "-f", "{{.Id}}", name], capture_output=True, text=True, check=False)
        there = subprocess.run(["podman", "image", "inspect", "-f", "{{.Id}}", f"localhost/{name}"], capture_output=True, text=True, check=False)
        if wanted.returncode != 0:
            assert there.returncode == 0, f"neither podman nor docker has {name}: `cargo xtask verify-deploy images` makes ours"
        elif wanted.stdout.strip().removeprefix("sha256:") != there.stdout.strip():
            with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
                run(["docker", "save", "-o", archive.name, name])
                run(["podman", "load", "--quiet", "-i", archive.name])


def rendered(sets: list[str]):
    sets = [*sets, "image.registry=localhost", f"image.repository={REPOSITORY}", f"image.tag={TAG}", "image.pullPolicy=Never"]
    sets += [f"trial.{name}.image=localhost/{image}" for name, image in STAND_INS.items()]
    return render(["values-trial.yaml"], sets)


class Play:
    """The pods in a network of their own, gone at the end whatever happened."""

    def __init__(self, folder: pathlib.Path, sets: list[str]) -> None:
        self.folder, self.release = folder, rendered(sets)
        self.network = f"outcrop-play-{uuid.uuid4().hex[:8]}"
        self.addresses = {f"outcrop-{name}": f"{SUBNET}.{number}" for number, name in enumerate(ORDER, 10)}
        self.played: list[str] = []
        self.volumes: list[str] = []

    def __enter__(self) -> "Play":
        run(["podman", "network", "create", "--subnet", f"{SUBNET}.0/24", self.network])
        return self

    def __exit__(self, *_) -> None:
        quiet = {"capture_output": True, "check": False}
        for name in reversed(self.played):
            subprocess.run(["podman", "pod", "rm", "-f", "-t", "0", f"outcrop-{name}-pod-0"], **quiet)
        subprocess.run(["podman", "secret", "rm", "outcrop-secrets"], **quiet)
        for volume in self.volumes:
            subprocess.run(["podman", "volume", "rm", "-f", volume], **quiet)
        subprocess.run(["podman", "network", "rm", "-f", self.network], **quiet)

    def secrets(self) -> None:
        """Podman finds `secretKeyRef` in secrets of its own, which hold the whole object; before 4.4 its data alone."""
        version = tuple(map(int, run(["podman", "--version"]).split()[-1].split(".")[:2]))
        whole = self.release.get("Secret", "outcrop-secrets")
        file = self.folder / "secrets.json"
        file.write_text(json.dumps(whole if version >= (4, 4) else whole["data"]))
        subprocess.run(["podman", "secret", "rm", "outcrop-secrets"], capture_output=True, check=False)
        run(["podman", "secret", "create", "outcrop-secrets", file])

    def workload(self, name: str) -> dict:
        return next(it for it in self.release.workloads() if it["metadata"]["name"] == f"outcrop-{name}")

    def start(self, name: str) -> None:
        workload = copy.deepcopy(self.workload(name))
        spec = workload["spec"]
        pod, documents = spec["template"]["spec"], [workload]
        # Podman 4.3 removes init containers that have ended, at times a moment too early: they run before their pod, as it would.
        for container in pod.pop("initContainers", []):
            environment = {it["name"]: it.get("value", it.get("valueFrom")) for it in container["env"]}
            self.alone(container["image"], environment, *container["args"])
        pod["hostAliases"] = [{"ip": address, "hostnames": [host]} for host, address in self.addresses.items()]
        for container in pod["containers"]:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle"):
                container.pop(probe, None)
            # Podman 4.3 would publish them at the host, all on one number.
            container.pop("ports", None)
            used = [it["configMapRef"]["name"] for it in container.get("envFrom", [])]
            documents += [self.release.get("ConfigMap", it) for it in used]
        if workload["kind"] == "StatefulSet":
            workload["kind"] = "Deployment"
            templates = spec.pop("volumeClaimTemplates")
            pod.setdefault("volumes", []).extend({"name": it["metadata"]["name"]} for it in templates)
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                documents.append(self.release.get("ConfigMap", volume["configMap"]["name"]))
                # Podman keeps its files in a volume of that name.
                self.volumes.append(volume["configMap"]["name"])
            else:
                documents[:0] = self.claim(name, volume, str(pod["securityContext"]["fsGroup"]))
        file = self.folder / f"outcrop-{name}.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        self.played.append(name)
        run(["podman", "kube", "play", "--network", self.network, "--ip", self.addresses[f"outcrop-{name}"], file], timeout=180)

    def claim(self, name: str, volume: dict, owner: str) -> list[dict]:
        """A volume of podman's in the place of any that is written to: an empty one, new for each pod; one that is kept, made once."""
        claim, kept = f"{self.network}-{name}-{volume['name']}", volume.pop("emptyDir", None) is None
        volume["persistentVolumeClaim"] = {"claimName": claim}
        if not kept:
            subprocess.run(["podman", "volume", "rm", "-f", claim], capture_output=True, check=False)
        elif claim in self.volumes:
            return []
        self.volumes.append(claim)
        owned = {"volume.podman.io/uid": owner, "volume.podman.io/gid": owner}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim, "annotations": owned}, "spec": spec}]

    def ready_all(self) -> float:
        """Starts every pod and waits for it. In how many seconds."""
        began = time.monotonic()
        for each in ORDER:
            self.start(each)
            self.ready(each)
            self.hardened(each)
        return time.monotonic() - began

    def lost(self, name: str) -> None:
        """The pod goes, and another comes in its place, on the volumes that are kept."""
        run(["podman", "pod", "rm", "-f", "-t", "0", f"outcrop-{name}-pod-0"])
        self.start(name)
        self.ready(name)

    def url(self) -> str:
        return f"http://{self.addresses['outcrop-gateway']}:8080"

    def container(self, name: str) -> str:
        return f"outcrop-{name}-pod-0-{name}"

    def logs(self, name: str) -> str:
        done = subprocess.run(["podman", "logs", self.container(name)], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def ready(self, name: str) -> None:
        """What the readiness probe asks, asked from outside or, of commands, within."""
        probe = self.workload(name)["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
        for _ in range(120):
            if self.holds(name, probe):
                return
            time.sleep(0.5)
        raise AssertionError(f"{name} is not ready:\n{self.logs(name)[-3000:]}")

    def holds(self, name: str, probe: dict) -> bool:
        address = self.addresses[f"outcrop-{name}"]
        if "exec" in probe:
            command = ["podman", "exec", self.container(name), *probe["exec"]["command"]]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        if "tcpSocket" in probe:
            command = ["podman", "exec", self.container(name), "/usr/local/bin/outcrop-bedrock-emulator", "healthcheck", "--port", "4566"]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        try:
            with urllib.request.urlopen(f"http://{address}:8080{probe['httpGet']['path']}", timeout=3) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def outcrop(self, *args) -> str:
        """The admin's program, with the settings and secrets of the auth service."""
        environment = self.release.environment(self.workload("auth")["spec"]["template"])
        return self.alone(f"localhost/{REPOSITORY}/outcrop:{TAG}", environment, *args)

    def alone(self, image: str, environment: dict, *args) -> str:
        data = self.release.get("Secret", "outcrop-secrets")["data"]
        command = ["podman", "run", "--rm", "--network", self.network, "--read-only", "--cap-drop", "ALL"]
        command += [f"--add-host={host}:{address}" for host, address in self.addresses.items()]
        for key, value in environment.items():
            value = value if isinstance(value, str) else base64.b64decode(data[value["secretKeyRef"]["key"]]).decode()
            command += ["-e", f"{key}={value}"]
        # Podman notes on the error output that it has no systemd for health checks.
        return run([*command, image, *args], timeout=180)

    def hardened(self, name: str) -> None:
        """What podman made of the pod: the user, the root file system, the capabilities."""
        found = json.loads(run(["podman", "inspect", self.container(name)]))[0]
        user = self.workload(name)["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        assert found["Config"]["User"].split(":")[0] == str(user), f"{name} runs as {found['Config']['User']}"
        assert found["HostConfig"]["ReadonlyRootfs"] is True and not found["EffectiveCaps"], f"{name}: {found['EffectiveCaps']}"
        assert found["RestartCount"] == 0, f"{name} was restarted {found['RestartCount']} times"


def chat(url: str, key: str, stream: bool) -> str:
    body = {"model": "default", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def main() -> None:
    assert os.geteuid() == 0, "this needs root: pods get addresses of their own"
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        say(f"installing {', '.join(missing)}")
        run(["apt-get", "update", "-qq"])
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])
    with tempfile.TemporaryDirectory(prefix="outcrop-play-") as name:
        folder = pathlib.Path(name)
        (folder / "containers.conf").write_text(CONFIGURATION)
        os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
        images()
        trial(folder)
        kept(folder)


def key_of(play: Play) -> str:
    return next(word for word in play.outcrop("keys", "create", "--name", "play").split() if word.startswith("ock_"))


def asked(play: Play, key: str) -> None:
    """A chat and a stream, through the gateway."""
    url = play.url()
    whole, stream = chat(url, key, False), chat(url, key, True)
    said = json.loads(whole)["choices"][0]["message"]["content"]
    assert said and stream.rstrip().endswith("data: [DONE]"), stream[-300:]


def trial(folder: pathlib.Path) -> None:
    with Play(folder, []) as play:
        known = sorted(it["metadata"]["name"] for it in play.release.workloads())
        assert known == sorted(play.addresses), f"not all are known: {known}"
        play.secrets()
        seconds = play.ready_all()
        say(f"{len(ORDER)} pods of values-trial.yaml play and are ready {seconds:.0f} s later, without root, without capabilities, roots read-only")
        key = key_of(play)
        test = play.release.get("Pod", "outcrop-test")["spec"]["containers"][0]
        play.outcrop(*test["args"])
        asked(play, key)
        say("what `helm test` runs succeeds; a chat and a stream are answered through the gateway")
        for each in ("gateway", "job-worker", "inference", "auth"):
            run(["podman", "stop", "--time", "45", play.container(each)])
            code = json.loads(run(["podman", "inspect", play.container(each)]))[0]["State"]["ExitCode"]
            assert code == 0, f"{each} ended with {code}:\n{play.logs(each)[-2000:]}"
        say("SIGTERM ends each of the four services with 0")


def kept(folder: pathlib.Path) -> None:
    """With the chart's own spool, and a database that is kept: pods that are lost come back to what they had."""
    # Usage is shipped when inference starts and then for an hour no more: what is used meanwhile stands in its volume alone.
    sets = ["spool.kind=perReplica", "trial.postgres.storage=1Gi", r"config.usage\.flush_ms=3600000"]
    with Play(folder, sets) as play:
        assert play.release.names("StatefulSet") == ["outcrop-inference"], play.release.names("StatefulSet")
        assert "outcrop-postgres" in play.release.names("PersistentVolumeClaim")
        play.secrets()
        seconds = play.ready_all()
        key = key_of(play)
        asked(play, key)
        headers, _ = ask(play.url(), key, "/generate", {"prompt": "Hello"})
        _, ledger = ask(play.url(), key, "/v1/usage?limit=1000")
        assert json.loads(ledger)["data"] == [], f"usage was in the ledger before inference was lost: {ledger}"
        for each in ("postgres", "inference"):
            play.lost(each)
        # The others find the database again by themselves.
        for each in ORDER:
            play.ready(each)
        asked(play, key)
        # Gateway and auth may still have the key in memory; the admin's program has not.
        assert " play " in play.outcrop("keys", "list"), "the database forgot the key"
        journeys.usage(play.url(), key, headers["x-request-id"])
        say(f"{len(ORDER)} pods with inference's StatefulSet and a database that is kept are ready {seconds:.0f} s later, and answer; "
            "after the pods of both were lost the key is still in the database, and usage that was only in inference's volume is shipped")
