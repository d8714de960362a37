"""Builds the images for both architectures from `dist/` (`cargo xtask package`), looks into them and runs them.

Needs root, a container engine (one is started if none answers, and ended) and a few minutes. In the environment:

    OUTCROP_DIST                  where the programs are, in place of dist/
    OUTCROP_BASE_IMAGES_SCRIPT    makes stand-ins for public images where no registry is reached
    OUTCROP_IMAGE_SIZES           `told`: what is too large is said and fails nothing, of programs that are not as in a release

The other architecture's containers cannot be started without a kernel that knows it, so its programs run under qemu, on the
files of their image.
"""

import gzip
import io
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import time
import tomllib
import uuid

import compose
import engine
import helm_play
import journeys
from common import ROOT, run, say
from running import answers, chat, exit_code, first_chat, free_port, healthy, inspect, logs, printed_key, stopped, wait

DIST = pathlib.Path(os.environ.get("OUTCROP_DIST") or ROOT / "dist")
ARCHITECTURES = ("amd64", "arm64")
# Target, and the program that its image is about.
TARGETS = {
    "gateway": "outcrop-gateway", "auth": "outcrop-auth", "inference": "outcrop-inference",
    "job-worker": "outcrop-job-worker", "emulator": "outcrop-bedrock-emulator", "outcrop": "outcrop",
    "lambda": "outcrop-lambda",
}
# Compose's name for the image of a target, where it has another.
NAMES = {"emulator": "bedrock-emulator"}
# What a registry stores: every layer packed by gzip.
MOST_BYTES = 40 * 1000 * 1000
# `e_machine` of an ELF file. https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {62: "amd64", 183: "arm64"}
SHELLS = re.compile(r"(^|/)(sh|bash|dash|ash|busybox|apt|apt-get|dpkg|perl|python3?)$")
HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def image(target: str, arch: str) -> str:
    return f"outcrop-check/{NAMES.get(target, target)}:{arch}"


def build() -> None:
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    for arch in ARCHITECTURES:
        assert (DIST / arch).is_dir(), f"{DIST}/{arch} is not there: run `cargo xtask package`"
        base = engine.runtime_base(arch)
        began = time.monotonic()
        for target in TARGETS:
            # The context without the other architecture's programs: the classic builder takes all of it each time.
            context = ["tar", "-c", "-C", DIST, "data", "LICENSE", arch, "-C", ROOT / "deploy/docker", "Dockerfile.prebuilt"]
            with subprocess.Popen(context, stdout=subprocess.PIPE) as tar:
                run(["docker", "build", "--quiet", "--platform", f"linux/{arch}", "--target", target,
                     "--build-arg", f"TARGETARCH={arch}", "--build-arg", f"RUNTIME_IMAGE={base}",
                     "--build-arg", f"VERSION={version}", "--build-arg", "REVISION=check",
                     "-f", "Dockerfile.prebuilt", "-t", image(target, arch), "-"], stdin=tar.stdout)
        say(f"{arch}: {len(TARGETS)} images built in {time.monotonic() - began:.1f} s")


class Layers:
    """The files of images and what their layers weigh when packed, each layer once."""

    def __init__(self) -> None:
        self.packed: dict[str, int] = {}

    def look(self, name: str, folder: pathlib.Path) -> tuple[int, dict[str, tarfile.TarInfo], dict[str, str]]:
        """Bytes in a registry; every file by its path; the architecture of every program under usr/local and opt."""
        archive = folder / "image.tar"
        run(["docker", "save", "-o", archive, name])
        size, files, machines = 0, {}, {}
        with tarfile.open(archive) as saved:
            manifest = json.load(saved.extractfile("manifest.json"))[0]
            for layer in manifest["Layers"]:
                member = saved.getmember(layer)
                if member.issym():
                    member = saved.getmember(os.path.normpath(os.path.join(os.path.dirname(layer), member.linkname)))
                blob = saved.extractfile(member).read()
                if layer not in self.packed:
                    self.packed[layer] = len(gzip.compress(blob, 6))
                size += self.packed[layer]
                with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
                    for file in tar:
                        path = file.name.removeprefix("./").rstrip("/")
                        files[path] = file
                        if file.isfile() and path.startswith(("usr/local/bin/", "opt/")):
                            head = tar.extractfile(file).read(20)
                            assert head[:4] == b"\x7fELF", path
                            machines[path] = MACHINES[struct.unpack("<H", head[18:20])[0]]
        archive.unlink()
        return size, files, machines


def contents() -> None:
    layers, sizes = Layers(), {}
    with tempfile.TemporaryDirectory() as folder:
        for arch in ARCHITECTURES:
            for target, program in TARGETS.items():
                size, files, machines = layers.look(image(target, arch), pathlib.Path(folder))
                sizes[target, arch] = size
                assert any(path.endswith("/" + program) for path in machines), (target, list(machines))
                assert set(machines.values()) == {arch}, f"{target} for {arch} holds {machines}"
                shells = [path for path, file in files.items() if not file.isdir() and SHELLS.search(path)]
                assert not shells, f"{target}: {shells[:5]}"
                rights = [path for path, file in files.items() if file.isfile() and file.mode & 0o6000]
                assert not rights, f"{target}: gains rights by {rights}"
                data = files["data"]
                assert (data.uid, data.gid) == (65532, 65532), f"{target}: /data belongs to {data.uid}:{data.gid}"
                assert "licenses/LICENSE" in files, target
                configured(target, arch)
    for arch in ARCHITECTURES:
        shown = ", ".join(f"{target} {sizes[target, arch] / 1e6:.1f}" for target in TARGETS)
        say(f"{arch}: MB in a registry: {shown}; no shell, nothing setuid, programs are {arch}")
    large = {at: size for at, size in sizes.items() if size >= MOST_BYTES}
    if os.environ.get("OUTCROP_IMAGE_SIZES") == "told":
        say(f"NOT CHECKED: sizes; {len(large)} images of these programs are larger than {MOST_BYTES} bytes")
    else:
        assert not large, f"larger than {MOST_BYTES} bytes: {large}"


def configured(target: str, arch: str) -> None:
    it = inspect(image(target, arch))
    config = it["Config"]
    assert it["Architecture"] == arch, (target, it["Architecture"])
    assert config["User"] == "65532:65532", config["User"]
    assert config["StopSignal"] == "SIGTERM", config.get("StopSignal")
    assert len(config["Entrypoint"]) == 1 and config["Entrypoint"][0].startswith("/usr/local/bin/"), config["Entrypoint"]
    health = (config.get("Healthcheck") or {}).get("Test")
    expected = ["NONE"] if target == "lambda" else ["CMD", config["Entrypoint"][0], "healthcheck"]
    assert health == expected, (target, health)
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    for name in ("title", "description", "version", "revision", "source", "licenses", "vendor"):
        assert labels.get(name), f"{target} has no label {name}"
    assert labels["title"] == TARGETS[target] and labels["revision"] == "check", labels


def programs_run() -> None:
    """Every program starts on a root file system that cannot be written to, with no rights and no network."""
    for target, program in TARGETS.items():
        if target == "lambda":
            # Its entrypoint is outcrop's; the adapter refuses to run where Lambda is not.
            path, expected = "/opt/extensions/outcrop-lambda", 1
            args = ["--entrypoint", path, image(target, "amd64")]
        else:
            expected, args = 0, [image(target, "amd64"), "--version"]
        code = exit_code(["docker", "run", "--rm", "--network", "none", *HARDENED, *args])
        assert code == expected, f"{program} ended with {code}"
    code = exit_code(["docker", "run", "--rm", "--network", "none", *HARDENED, image("gateway", "amd64"), "healthcheck"])
    assert code == 1, f"healthcheck of nothing ended with {code}"
    say(f"{len(TARGETS)} programs start read-only, without capabilities or network; `healthcheck` of nothing ends with 1")


def one_process() -> str:
    """The platform in one container: first start, a chat, health, a stop, and what it kept is there afterwards. Gives what the
    first journey was answered."""
    name = f"outcrop-check-{uuid.uuid4().hex[:8]}"
    port = free_port()
    try:
        run(["docker", "volume", "create", name])
        run(["docker", "run", "-d", "--name", name, *HARDENED, "-v", f"{name}:/data", "-p", f"127.0.0.1:{port}:8080",
             image("outcrop", "amd64")])
        url = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        wait("the first start", 60, lambda: answers(url))
        first = time.monotonic() - began
        key = wait("the key", 10, lambda: printed_key(logs(name)))
        assert first_chat(url, key) and chat(url, key, stream=True)
        assert exit_code(["docker", "exec", name, "/usr/local/bin/outcrop", "healthcheck"]) == 0
        assert exit_code(["docker", "exec", name, "/bin/sh"]) != 0, "there is a shell"
        wait("health as the engine sees it", 30, lambda: healthy(name))
        answered = journeys.openai(url, key)
        seconds = stopped(name)
        run(["docker", "start", name])
        wait("the second start", 60, lambda: answers(url))
        assert chat(url, key), "the key was forgotten"
        stopped(name)
        say(f"one process: up after {first:.1f} s, chats and streams, healthy; SIGTERM ends it with 0 in {seconds:.1f} s; "
            "the key works after a restart")
        return answered
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True, check=False)
        subprocess.run(["docker", "volume", "rm", name], capture_output=True, check=False)


def emulated() -> str:
    """The arm64 image's own files, under qemu: every program starts, and the platform answers. Gives what the first journey was
    answered."""
    answered = ""
    with tempfile.TemporaryDirectory() as folder:
        for target, program in TARGETS.items():
            root = pathlib.Path(folder, target)
            root.mkdir()
            container = run(["docker", "create", "--platform", "linux/arm64", image(target, "arm64")]).strip()
            archive = pathlib.Path(folder, "files.tar")
            try:
                run(["docker", "export", "-o", archive, container])
            finally:
                run(["docker", "rm", container])
            run(["tar", "-C", root, "-xf", archive])
            archive.unlink()
            qemu = ["qemu-aarch64-static", "-L", root]
            if target == "lambda":
                code = exit_code([*qemu, root / "opt/extensions" / program])
                assert code == 1, f"{program} ended with {code}"
            else:
                assert program in run([*qemu, root / "usr/local/bin" / program, "--version"])
            if target == "outcrop":
                answered = emulated_chat([*qemu, root / "usr/local/bin/outcrop"], pathlib.Path(folder))
            shutil.rmtree(root)
    say(f"arm64: {len(TARGETS)} programs start under qemu on their images' files")
    return answered


def emulated_chat(command: list, folder: pathlib.Path) -> str:
    port = free_port()
    log = folder / "platform.log"
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            [*map(str, command), "--port", str(port), "--data-dir", str(folder / "data")],
            stdout=out, stderr=out, cwd=folder, env={"PATH": os.environ["PATH"]},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait("arm64's first start", 300, lambda: answers(url) or process.poll() is not None)
        key = wait("the key", 30, lambda: printed_key(log.read_text()))
        assert first_chat(url, key) and chat(url, key, stream=True)
        up = time.monotonic() - began
        answered = journeys.openai(url, key)
        process.terminate()
        code = process.wait(60)
        assert code == 0, f"ended with {code}"
        say(f"arm64: one process answers a chat and a stream under qemu {up:.0f} s after its start; SIGTERM ends it with 0")
        return answered
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text()[-3000:]}") from error
    finally:
        process.kill()
        process.wait()


def main() -> None:
    assert os.geteuid() == 0, "this needs root: it starts a container engine"
    engine.programs()
    with engine.Engine():
        engine.prepare_bases()
        build()
        contents()
        programs_run()
        one, other, four = one_process(), emulated(), compose.platform()
        assert one == other == four, f"one process: {one}\narm64: {other}\nfour services: {four}"
        say(f"OpenAI's SDK got the same {len(one.splitlines())} answers from one process, from arm64 and from four services")
        compose.ollama()
        compose.observability()
        helm_play.main()


main()
