"""Stand-ins for images that cannot be had here, for the profiles of Compose. Each has the name of the image it stands
for while it does, and is never made where that one is there or can be pulled."""

import contextlib
import pathlib
import subprocess
import tempfile

import engine
from common import ROOT, run

# What the stand-in for Ollama says to everybody.
OLLAMA_SAYS = "A stand-in for Ollama"
# These have Python; the stand-ins of the same images that Compose itself needs.
PYTHON = "motoserver/moto:5"

DOCKERFILES = {
    "ollama": f"""FROM {PYTHON}
COPY ollama /bin/ollama
ENV OLLAMA_HOST=0.0.0.0:11434
ENTRYPOINT ["/bin/ollama"]
CMD ["serve"]
""",
    "collector": f"""FROM {PYTHON}
COPY collector /collector
USER 10001
ENTRYPOINT ["/collector"]
""",
    # Debian's own Prometheus, as in the official image: its user, folder and arguments.
    "prometheus": """FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus wget >/dev/null \\
 && mkdir /prometheus && chown nobody /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
""",
}


@contextlib.contextmanager
def instead_of(wanted: dict[str, str]):
    """How each image is had, by the name of its stand-in: "official", "stand-in", or "" for not at all. Afterwards no stand-in has
    an official name any more: the engine may be somebody's own."""
    found, made = {}, []
    try:
        for name, image in wanted.items():
            if official(image):
                found[name] = "official"
            elif name in DOCKERFILES:
                made.append(image)
                make(name, image)
                found[name] = "stand-in"
            else:
                found[name] = ""
        yield found
    finally:
        for image in made:
            subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)


def official(image: str) -> bool:
    """Whether the image itself is here, or can be pulled; a stand-in that a run left behind when it was killed is not it."""
    label = ["docker", "image", "inspect", "-f", '{{ index .Config.Labels "outcrop.stand-in" }}', image]
    return engine.there(image) and not run(label).strip() or engine.pulled(image)


def make(name: str, image: str) -> None:
    """Makes the stand-in called `name`, with the image's name; a name of its own keeps it, so that the next is made in no time."""
    with tempfile.TemporaryDirectory() as folder:
        script = ROOT / "xtask/src/deploy/stand_ins" / name
        if script.exists():
            copy = pathlib.Path(folder, name)
            copy.write_text(script.read_text())
            copy.chmod(0o755)
        pathlib.Path(folder, "Dockerfile").write_text(DOCKERFILES[name])
        own = f"outcrop-check/stand-in-{name}"
        run(["docker", "build", "--quiet", "--label", "outcrop.stand-in=yes", "-t", own, folder])
        run(["docker", "tag", own, image])
