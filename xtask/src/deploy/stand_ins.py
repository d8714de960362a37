"""Stand-ins for images that cannot be had here, for the profiles of Compose. Each is named like the image it stands for, and is
never made where that one is there or can be pulled."""

import pathlib
import subprocess
import tempfile

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


def there(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def official(image: str) -> bool:
    """Whether the image itself is here, or can be pulled; a stand-in of ours is not it."""
    if there(image):
        return not run(["docker", "image", "inspect", "-f", '{{ index .Config.Labels "outcrop.stand-in" }}', image]).strip()
    return subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=600).returncode == 0


def make(name: str, image: str) -> bool:
    """Makes the stand-in called `name`, if there is one: then it has the image's name."""
    if name not in DOCKERFILES:
        return False
    with tempfile.TemporaryDirectory() as folder:
        script = ROOT / "xtask/src/deploy/stand_ins" / name
        if script.exists():
            copy = pathlib.Path(folder, name)
            copy.write_text(script.read_text())
            copy.chmod(0o755)
        pathlib.Path(folder, "Dockerfile").write_text(DOCKERFILES[name])
        run(["docker", "build", "--quiet", "--label", "outcrop.stand-in=yes", "-t", image, folder])
    return True
