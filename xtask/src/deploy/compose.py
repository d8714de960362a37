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
            said = subprocess.run([*self.command, "logs", "--no-color", "--tail", "20"], env=self.environment, cwd=ROOT,
                                  capture_output=True, text=True, check=False).stdout
            error.add_note(said[-8000:])
        subprocess.run([*self.command, "down", "-v", "--remove-orphans", "-t", "5"], env=self.environment, cwd=ROOT,
                       capture_output=True, check=False)

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
    with Compose("ollama") as compose:
        image = compose.image("ollama")
        official = stand_ins.official(image)
        assert official or stand_ins.make("ollama", image)
        compose.up()
        key = compose.key("check")
        first_chat(compose.url, key)
        for said in (chat(compose.url, key), chat(compose.url, key, stream=True)):
            assert official or stand_ins.OLLAMA_SAYS in said, said
        by = "" if official else ", by a stand-in for Ollama"
        say(f"profile ollama: the model is pulled, then answers a chat and a stream{by}")


def observability() -> None:
    """Who looks on sees every service, and is sent spans."""
    with Compose("observability") as compose:
        found = {}
        for name in ("collector", "jaeger", "prometheus", "grafana"):
            image = compose.image(name)
            found[name] = "official" if stand_ins.official(image) else "stand-in" if stand_ins.make(name, image) else ""
        compose.up(*SERVICES, *(name for name, how in found.items() if how))
        key = compose.key("check")
        assert first_chat(compose.url, key)
        rules = scraped(f"http://127.0.0.1:{compose.ports['PROMETHEUS_PORT']}")
        if found["collector"] == "stand-in":
            for service in ("outcrop-gateway", "outcrop-auth", "outcrop-inference"):
                wait(f"spans of {service}", 60, lambda: re.search(rf"^/v1/traces .*{service}", logs(compose.container("collector")), re.MULTILINE))
        shown = ", ".join(f"{name} ({how})" for name, how in found.items() if how)
        say(f"profile observability: {shown}; Prometheus scrapes {len(SERVICES)} services and evaluates {rules} rules, spans arrive")
        if missing := [name for name, how in found.items() if not how]:
            say(f"NOT CHECKED in the profile observability: {', '.join(missing)}, whose images cannot be had here")


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
