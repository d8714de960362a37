"""The Compose files with the images that were built: the platform from nothing, what users do there, and its profiles."""

import json
import os
import re
import subprocess
import time
import urllib.request
import uuid

import yaml

import journeys
import stand_ins
from common import ROOT, run, say
from running import answers, chat, ended_well, first_chat, free_port, healthy, logs, printed_key, wait

SERVICES = ("gateway", "auth", "inference", "job-worker")
LIMIT = 600
# Of a chat. The job worker has nothing to do with one.
TRACED = {"outcrop-gateway", "outcrop-auth", "outcrop-inference"}


class Compose:
    """The Compose files under a name and ports of their own; all of it is gone at the end."""

    def __init__(self, profile: str = "") -> None:
        self.name = f"outcropcheck{uuid.uuid4().hex[:8]}"
        self.ports = {name: free_port() for name in ("OUTCROP_PORT", "GRAFANA_PORT", "PROMETHEUS_PORT", "JAEGER_PORT")}
        self.url = f"http://127.0.0.1:{self.ports['OUTCROP_PORT']}"
        self.environment = os.environ | {name: str(port) for name, port in self.ports.items()} | {
            "OUTCROP_REGISTRY": "outcrop-check", "OUTCROP_TAG": "amd64", "OUTCROP_PUBLIC_URL": self.url,
            "COMPOSE_PROJECT_NAME": self.name,
        }
        files = ["docker-compose.yml", *([f"docker-compose.{profile}.yml"] if profile else [])]
        self.command = ["docker-compose", *(part for file in files for part in ("-f", ROOT / file))]
        self.command += ["--profile", profile] if profile else []

    def __enter__(self) -> "Compose":
        return self

    def __exit__(self, kind, error, _) -> None:
        if kind:
            error.add_note(self.last("logs", "--no-color", "--tail", "20", seconds=30)[-8000:])
        self.last("down", "-v", "--remove-orphans", "-t", "5", seconds=60)

    def last(self, *args, seconds: float) -> str:
        """For the end, which must come: whatever goes wrong here, or hangs, is left at that."""
        try:
            return subprocess.run([*self.command, *args], env=self.environment, cwd=ROOT, capture_output=True, text=True,
                                  check=False, timeout=seconds).stdout
        except subprocess.TimeoutExpired:
            return f"`docker-compose {args[0]}`: not within {seconds} s"

    def __call__(self, *args) -> str:
        return run([*self.command, *args], env=self.environment, cwd=ROOT, timeout=LIMIT)

    def up(self, *services) -> float:
        """Starts it, and waits until the gateway answers. In how many seconds."""
        began = time.monotonic()
        self("up", "--no-build", "-d", *services)
        wait("the gateway", 180, lambda: answers(self.url, "/readyz"))
        return time.monotonic() - began

    def key(self, name: str, *args) -> str:
        key = printed_key(self("run", "--rm", "-T", "admin", "keys", "create", "--name", name, *args))
        assert key, "no key was printed"
        return key

    def image(self, service: str) -> str:
        return yaml.safe_load(self("config"))["services"][service]["image"]

    def container(self, service: str) -> str:
        return self("ps", "-q", service).strip()

    def containers(self) -> dict[str, str]:
        return {name: self.container(name) for name in SERVICES}


def platform() -> str:
    """All that Compose promises without a profile; gives what the first journey was answered."""
    with Compose() as compose:
        up = compose.up()
        key = compose.key("check", "--role", "platform_admin")
        assert first_chat(compose.url, key) and chat(compose.url, key, stream=True)
        ids = compose.containers()
        for name, id in ids.items():
            wait(f"{name}'s health", 60, lambda: healthy(id))
        say(f"Compose: {len(ids)} services healthy {up:.0f} s after `up`, chat and stream through the gateway")
        began = time.monotonic()
        counted = journeys.plain(compose.url, key)
        answered = journeys.openai(compose.url, key)
        scripts = journeys.sdks(compose.url, key, compose.key("narrow", "--model", "nova-*"))
        say(f"Compose: the journeys hold in {time.monotonic() - began:.0f} s: health, /generate, wrong key, unknown model, usage "
            f"counted once, {scripts} scripts of official SDKs for Python and JavaScript")
        compose("stop")
        for id in ids.values():
            ended_well(id)
        compose("down")
        compose.up()
        assert first_chat(compose.url, key), "the key was forgotten"
        assert journeys.usage(compose.url, key, counted), "what was used was forgotten"
        say("Compose: all end with 0; keys and usage outlive `down` and `up`")
        return answered


def ollama() -> None:
    """A model of this machine in the emulator's place: pulled, then asked."""
    compose = Compose("ollama")
    with stand_ins.instead_of({"ollama": compose.image("ollama")}) as found, compose:
        official = found["ollama"] == "official"
        compose.up()
        key = compose.key("check")
        first_chat(compose.url, key)
        for said in (chat(compose.url, key), chat(compose.url, key, stream=True)):
            assert official or stand_ins.OLLAMA_SAYS in said, said
        by = "" if official else ", by a stand-in for Ollama"
        say(f"profile ollama: the model is pulled, then answers a chat and a stream{by}")


def observability() -> None:
    """Who looks on sees every service, and is sent spans."""
    compose = Compose("observability")
    wanted = {name: compose.image(name) for name in ("collector", "jaeger", "prometheus", "grafana")}
    with stand_ins.instead_of(wanted) as found, compose:
        had = [name for name, how in found.items() if how]
        compose.up(*SERVICES, *had)
        key = compose.key("check")
        assert first_chat(compose.url, key)
        rules = scraped(f"http://127.0.0.1:{compose.ports['PROMETHEUS_PORT']}")
        say(f"profile observability: {', '.join(f'{name} ({found[name]})' for name in had)}; "
            f"Prometheus scrapes {len(SERVICES)} services and evaluates {rules} rules")
        if "grafana" in had:
            id = compose.container("grafana")
            wait("Grafana's health", 120, lambda: healthy(id))
        if where := spans_arrive(compose, found):
            say(f"profile observability: spans of {', '.join(sorted(TRACED))} arrive in {where}")
        missing = [name for name in found if name not in had] + ([] if where else ["where spans arrive"])
        if missing:
            say(f"NOT CHECKED in the profile observability, for want of images: {', '.join(missing)}")


def spans_arrive(compose: Compose, found: dict[str, str]) -> str:
    """Waits for a chat's spans as far along their way as can be seen here, and says where; nothing if they can be seen nowhere."""
    jaeger = f"http://127.0.0.1:{compose.ports['JAEGER_PORT']}"
    if found["jaeger"]:
        wait("Jaeger", 60, lambda: answers(jaeger, "/api/services"))
    # It hands nothing on, so that Jaeger would wait for ever.
    if found["collector"] == "stand-in":
        id = compose.container("collector")
        for service in sorted(TRACED):
            wait(f"spans of {service}", 60, lambda: re.search(rf"^/v1/traces .*{service}", logs(id), re.MULTILINE))
        return "the stand-in for the collector"
    if not found["jaeger"]:
        return ""

    def shown() -> bool:
        with urllib.request.urlopen(f"{jaeger}/api/services", timeout=5) as answer:
            return TRACED <= set(json.load(answer)["data"] or [])

    wait(f"spans of {', '.join(sorted(TRACED))}", 60, shown)
    return "Jaeger"


def scraped(prometheus: str) -> int:
    """Prometheus reaches every service, and understands all of its rules; how many."""
    def asked(path: str) -> dict:
        with urllib.request.urlopen(f"{prometheus}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def seen() -> bool:
        up = answers(prometheus, "/-/ready") and asked("query?query=up")["result"]
        return bool(up) and sum(it["value"][1] == "1" for it in up) == len(SERVICES)

    wait("Prometheus to see all services", 120, seen)
    rules = [rule for group in asked("rules")["groups"] for rule in group["rules"]]
    assert rules and all(rule["health"] != "err" for rule in rules), [it for it in rules if it["health"] == "err"]
    return len(rules)
