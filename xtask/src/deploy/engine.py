"""A container engine for the check of the images: found or started, and bases for both architectures."""

import hashlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

from common import run, say

# Program and the Debian package that brings it.
NEEDED = {
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "qemu-aarch64-static": "qemu-user-static",
}

RUNTIME = "gcr.io/distroless/cc-debian12:nonroot"
# What that image is made of. https://github.com/GoogleContainerTools/distroless/blob/main/cc/README.md
PACKAGES = (
    "base-files", "netbase", "tzdata", "ca-certificates", "libc6", "libgcc-s1", "libgomp1", "libstdc++6", "libssl3",
)

# Seconds in which a registry must say something of an image, and in which all of the image must be here.
BEGINS, WHOLE = 120, 600
# Registries that did not: each of them is waited for once.
silent: set[str] = set()


def programs() -> None:
    """Installs what is missing."""
    missing = {package for program, package in NEEDED.items() if not shutil.which(program)}
    if missing:
        say(f"installing {', '.join(sorted(missing))}")
        run(["apt-get", "update", "-qq"])
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing)])


def answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


class Engine:
    """Docker's daemon: one that answers, or one of our own that ends with us."""

    def __init__(self) -> None:
        self.daemon = None

    def __enter__(self) -> "Engine":
        if not answers():
            log = tempfile.TemporaryFile()
            self.daemon = subprocess.Popen(["dockerd"], stdout=log, stderr=log, start_new_session=True)
            for _ in range(60):
                if answers():
                    break
                if self.daemon.poll() is not None:
                    break
                time.sleep(1)
            else:
                self.__exit__()
            if not answers():
                log.seek(0)
                raise AssertionError(f"dockerd does not start:\n{log.read()[-2000:].decode(errors='replace')}")
        return self

    def __exit__(self, *_) -> None:
        if self.daemon:
            self.daemon.terminate()
            try:
                self.daemon.wait(50)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()


def prepare_bases() -> None:
    """Where no registry is reached, a script may make images under their official names (Postgres, Redis and so on)."""
    script = os.environ.get("OUTCROP_BASE_IMAGES_SCRIPT")
    if script:
        run(["bash", script])


def there(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def pulled(image: str, *options: str) -> bool:
    """Fetches an image from its registry, if that can be reached: some networks refuse, others let one wait for ever."""
    first, rest = image.partition("/")[::2]
    registry = first if rest and "." in first else "docker.io"
    if registry in silent:
        return False
    with subprocess.Popen(["docker", "pull", *options, image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as pull:
        try:
            # It says what it pulls as soon as the registry has told it, and nothing before.
            if not select.select([pull.stdout], [], [], BEGINS)[0]:
                raise subprocess.TimeoutExpired(pull.args, BEGINS)
            pull.communicate(timeout=WHOLE)
        except subprocess.TimeoutExpired as error:
            say(f"{image}: {registry} is given up after {error.timeout:.0f} s")
            silent.add(registry)
            return False
        finally:
            pull.kill()
    return pull.returncode == 0


def runtime_base(arch: str) -> str:
    """The images' base for an architecture: the official one where it can be had, else one made alike."""
    if pulled(RUNTIME, "--platform", f"linux/{arch}"):
        name = f"outcrop-check/distroless-cc:{arch}"
        run(["docker", "tag", RUNTIME, name])
        return name
    name = f"outcrop-check/distroless-cc-stand-in:{arch}"
    said = f"{arch}: {RUNTIME} cannot be pulled from here; a base of the same Debian packages stands in for it"
    # Made once: with another base every image would be made anew.
    if there(name):
        say(said)
        return name
    with tempfile.TemporaryDirectory() as folder:
        root = unpacked(arch, pathlib.Path(folder))
        users(root)
        certificates(root)
        load(name, arch, root)
    say(said)
    return name


def unpacked(arch: str, folder: pathlib.Path) -> pathlib.Path:
    """The packages of an architecture, unpacked and not installed: no script of theirs is run, this machine is untouched."""
    for name in ("state/lists/partial", "cache/archives/partial", "packages", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    options = {
        "APT::Architecture": arch, "APT::Architectures::": arch, "APT::Sandbox::User": "root",
        "Dir::State": folder / "state", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    run([*apt, "download", *PACKAGES], cwd=folder / "packages")
    root = folder / "root"
    for package in (folder / "packages").iterdir():
        run(["dpkg-deb", "-x", package, root])
    return root


def load(name: str, arch: str, root: pathlib.Path) -> None:
    """An image of one layer. (`docker import` gives every image this machine's architecture, whatever it is told.)"""
    folder = root.parent / "image"
    folder.mkdir()
    run(["tar", "-C", root, "-cf", folder / "layer.tar", "."])
    with (folder / "layer.tar").open("rb") as layer:
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    config = {
        "architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "config": {
            "Env": [path, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"], "User": "65532", "WorkingDir": "/home/nonroot",
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run(["tar", "-C", folder, "-cf", folder.parent / "image.tar", "config.json", "manifest.json", "layer.tar"])
    run(["docker", "load", "--quiet", "-i", folder.parent / "image.tar"])


def users(root: pathlib.Path) -> None:
    people = {"root": 0, "nobody": 65534, "nonroot": 65532}
    homes = {"root": "/root", "nonroot": "/home/nonroot"}
    lines = [f"{name}:x:{id}:{id}:{name}:{homes.get(name, '/nonexistent')}:/sbin/nologin" for name, id in people.items()]
    (root / "etc/passwd").write_text("\n".join(lines) + "\n")
    (root / "etc/group").write_text("".join(f"{name}:x:{id}:\n" for name, id in people.items()))
    home = root / "home/nonroot"
    home.mkdir()
    os.chown(home, 65532, 65532)


def certificates(root: pathlib.Path) -> None:
    """One file of all authorities, which the package would make at its installation."""
    every = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    assert len(every) > 100, f"{len(every)} authorities"
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in every))
