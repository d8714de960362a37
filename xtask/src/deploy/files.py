"""Dockerfiles, Compose files, shell scripts and bills of materials: their linters, and that what they name exists.

Needs no engine. `docker-compose config` is asked too where there is one.
"""

import json
import os
import pathlib
import re
import shutil
import tempfile
import tomllib

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from common import ROOT, run, say, setting_names, unknown_settings

# Nothing of these folders is ours, or it is made.
ELSEWHERE = {".git", "target", "dist", "node_modules", ".terraform", "__pycache__", ".outcrop"}

# Given after docker-compose.yml, with the profile of their name.
OVERRIDES = ("observability", "ollama")

# Their images hold one program, which cannot ask itself for its health.
WITHOUT_HEALTH = {"collector", "jaeger"}

# `${NAME}`, `${NAME:-default}`; `$$` is a dollar.
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?::-([^}]*))?\}")

# What both Dockerfiles have in common begins with this.
IMAGES = "# ---- images"


def files(matches) -> list[pathlib.Path]:
    """Files of the checkout that `matches` says yes to, in order."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ELSEWHERE]
        found += [path for name in names if matches(path := pathlib.Path(folder, name))]
    return sorted(found)


def dockerfiles() -> None:
    every = files(lambda path: path.name.startswith("Dockerfile"))
    run(["hadolint", *every])
    compiled, prebuilt = (
        (ROOT / "deploy/docker" / name).read_text() for name in ("Dockerfile", "Dockerfile.prebuilt")
    )
    images = compiled[compiled.index(IMAGES):]
    assert images == prebuilt[prebuilt.index(IMAGES):], "Dockerfile and Dockerfile.prebuilt make different images"
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert f"ARG VERSION={version}\n" in images, f"the images' version is not {version}"
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"].rsplit(".", 1)[0]
    assert f"ARG RUST_IMAGE=rust:{toolchain}-" in compiled, f"images are not built with Rust {toolchain}"
    for text in (compiled, prebuilt):
        assert not re.search(r"^ARG (TARGETARCH|BUILDPLATFORM)=", text, re.MULTILINE), "a default wins over BuildKit"
        assert not re.search(r"^(RUN|COPY) --(mount|link)|<<", text, re.MULTILINE), "the classic builder cannot do this"
    targets = []
    for stage in re.split(r"^FROM ", images, flags=re.MULTILINE)[2:]:
        target = stage.split("\n", 1)[0].split(" AS ")[1]
        targets.append(target)
        assert "image.title=" in stage and "image.description=" in stage, f"{target} has no title"
        assert re.search(r"^HEALTHCHECK (NONE|.* CMD \[)", stage, re.MULTILINE), f"{target} has no health command"
    say(f"{len(every)} Dockerfiles pass hadolint; {len(targets)} images alike in both: {', '.join(targets)}")


def scripts() -> None:
    def is_script(path: pathlib.Path) -> bool:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return bool(re.match(rb"#!.*\b(ba)?sh\b", file.readline(200))) or path.suffix == ".sh"

    every = files(is_script)
    assert ROOT / ".ci/run" in every, every
    run(["shellcheck", "--severity=style", *every])
    say(f"{len(every)} shell scripts pass shellcheck")


def variables(texts: list[str]) -> dict[str, str]:
    """Every variable that the Compose files read, with the value that holds without it."""
    found: dict[str, str] = {}
    for name, default in (match for text in texts for match in VARIABLE.findall(text)):
        assert found.setdefault(name, default) == default, f"{name} has two defaults"
    return found


def environment_file(used: dict[str, str]) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert shown == used, f".env.example and the Compose files differ: {sorted(shown.items() ^ used.items())}"
    say(f".env.example has all {len(shown)} variables of the Compose files, with their defaults")


def without_comments(text: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE)


def environment(service: dict) -> dict:
    return service.get("environment") or {}


def hardened(name: str, service: dict) -> None:
    """Nobody writes to the image, gains rights, takes all memory, or is reached from another machine."""
    assert service.get("read_only") is True, f"{name} may write to its image"
    assert service.get("cap_drop") == ["ALL"], f"{name} keeps its capabilities"
    assert service.get("security_opt") == ["no-new-privileges:true"], f"{name} may gain rights"
    assert service.get("mem_limit") and service.get("pids_limit"), f"{name} has no limits"
    assert service.get("restart") in ("no", "unless-stopped"), f"{name}: when is it started again?"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name} is reached from other machines: {port}"


def order(services: dict) -> None:
    """Who waits, waits for somebody who can be healthy, or who ends."""
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            waited = services[other]
            if how["condition"] == "service_healthy":
                assert waited.get("healthcheck", {}).get("test"), f"{name} waits for the health of {other}"
            else:
                assert how["condition"] == "service_completed_successfully", (name, how)
                assert waited["restart"] == "no", f"{name} waits for the end of {other}"
        ends = service["restart"] == "no"
        if not ends and name not in WITHOUT_HEALTH:
            assert service.get("healthcheck", {}).get("test"), f"{name} has no health command"


def volumes(services: dict, declared: dict) -> None:
    used = set()
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name} mounts {source}, which does not exist"
                assert volume.endswith(":ro"), f"{name} may change {source}"
            else:
                used.add(source)
    assert used == set(declared), f"volumes used and declared differ: {sorted(used ^ set(declared))}"


def emulator_settings() -> set[str]:
    return set(re.findall(r'env = "(\w+)"', (ROOT / "services/bedrock-emulator/src/settings.rs").read_text()))


def compose() -> None:
    paths = [ROOT / "docker-compose.yml", *(ROOT / f"docker-compose.{name}.yml" for name in OVERRIDES)]
    assert paths[0].exists() and sorted(ROOT.glob("docker-compose*.yml")) == sorted(paths), "a file is not known here"
    texts = [without_comments(path.read_text()) for path in paths]
    environment_file(variables(texts))
    base, *overrides = (yaml.safe_load(text) for text in texts)
    services = base["services"]
    for name, service in services.items():
        hardened(name, service)
    order(services)
    volumes(services, base["volumes"])
    for name, override in zip(OVERRIDES, overrides):
        assert set(override["services"]) <= set(services), f"docker-compose.{name}.yml names other services"
        assert any(name in service.get("profiles", []) for service in services.values()), f"no profile {name}"
    names = {key for it in (base, *overrides) for service in it["services"].values() for key in environment(service)}
    names |= setting_names((ROOT / "deploy/docker/Dockerfile").read_text())
    assert not unknown_settings(names), f"no such settings: {unknown_settings(names)}"
    strangers = {name for name in names if name.startswith("OUTCROP_EMULATOR_")} - emulator_settings()
    assert not strangers, f"the emulator has no such settings: {strangers}"
    say(f"{len(services)} services in Compose are hardened, limited and wait for health; {len(names)} settings exist")
    if shutil.which("docker-compose"):
        run(["docker-compose", "-f", paths[0], "config", "--quiet"], cwd=ROOT)
        for name, path in zip(OVERRIDES, paths[1:]):
            run(["docker-compose", "-f", paths[0], "-f", path, "--profile", name, "config", "--quiet"], cwd=ROOT)
        say(f"docker-compose reads all {len(paths)} files")
    else:
        say("NOT CHECKED: no docker-compose here to read the files")


def bills() -> None:
    """What `cargo xtask package` writes beside each program is CycloneDX, and the same each time."""
    xtask = os.environ.get("XTASK")
    if not xtask:
        say("NOT CHECKED: bills of materials, which XTASK (this tool's own program) writes")
        return
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for folder in (first, second):
            run([xtask, "package", "--sbom-only", "--out", folder])
        written = sorted(pathlib.Path(first).glob("*/*.cdx.json"))
        for path in written:
            text = path.read_text()
            assert text == (pathlib.Path(second) / path.relative_to(first)).read_text(), f"{path.name} changes"
            wrong = validator.validate_str(text)
            assert wrong is None, f"{path.name} is no CycloneDX 1.6: {wrong}"
            assert str(ROOT) not in text, f"{path.name} tells where it was made"
        parts = [part for path in written for part in json.loads(path.read_text())["components"]]
    assert len(written) >= 2, written
    outside = [part for part in parts if "vcs_url" not in part["purl"]]
    for part in outside:
        assert part["hashes"] and part["licenses"], f"{part['purl']} lacks its hash or licence"
    say(f"{len(written)} bills of materials are CycloneDX 1.6 and the same twice; "
        f"{len({part['purl'] for part in outside})} crates with hash and licence")


def main() -> None:
    dockerfiles()
    scripts()
    compose()
    bills()


main()
