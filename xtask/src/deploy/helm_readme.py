"""What is written from other things: the table of values in the chart's README, and the names of settings in its schema."""

import json
import re

import yaml

from common import ROOT, settings
from helm_release import CHART, values

BEGIN, END = "<!-- values: written by helm.py --write -->\n", "<!-- end of values -->\n"
# What the chart itself says, or what is a secret: not for `config`.
RESERVED = {
    "data_dir", "server.host", "server.port", "server.drain_ms", "metrics.listen", "services.auth", "services.inference", "services.jobs",
    "usage.spool_dir", "store.password", "cache.password", "auth.key_secret", "auth.signing_key", "auth.static_key", "auth.static_keys", "auth.federation",
    "internal.secret", "alerts.webhook_url", "alerts.webhook_secret", "telemetry.otlp_headers",
}  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """Key, default, description of every value with a `# --` comment; what has none is a folder of others."""
    found, path, told = [], [], ""
    for number, line in enumerate((CHART / "values.yaml").read_text().splitlines(), 1):
        if match := re.match(r"^ *# -- (.*)$", line):
            told = match[1]
        elif match := re.match(r"^( *)([A-Za-z]+):(.*)$", line):
            depth = len(match[1]) // 2
            path[depth:] = [match[2]]
            if told:
                found.append((".".join(path), told))
                told = ""
        elif told and line.strip().startswith("#"):
            raise AssertionError(f"values.yaml:{number}: a description is one line")
    all_values = values()

    def default(key):
        node = all_values
        for part in key.split("."):
            node = node[part]
        return json.dumps(node, ensure_ascii=False)

    return [(key, default(key), told) for key, told in found]


def undocumented() -> list[str]:
    """Leaves of values.yaml without a description, of themselves or of what they are in."""
    known = {key for key, _, _ in rows()}

    def leaves(node, path):
        if path in known:
            return []
        if isinstance(node, dict) and node:
            return [it for key, value in node.items() for it in leaves(value, f"{path}.{key}".strip("."))]
        return [path]

    return leaves(values(), "")


def readme() -> str:
    old = (CHART / "README.md").read_text()
    before, rest = old.split(BEGIN)
    after = rest.split(END)[1]
    lines = ["| value | default | |\n", "|---|---|---|\n"]
    for key, default, told in rows():
        default = f"`{default}`" if len(default) <= 60 else "see values.yaml"
        lines.append(f"| `{key}` | {default} | {told.replace('|', chr(92) + '|')} |\n")
    return before + BEGIN + "\n" + "".join(lines) + "\n" + END + after


def schema() -> str:
    document = json.loads((CHART / "values.schema.json").read_text())
    names = {it.removeprefix("OUTCROP__").lower().replace("__", ".") for it in settings()}
    assert RESERVED <= names, RESERVED - names
    document["definitions"]["config"]["propertyNames"]["enum"] = sorted(names - RESERVED)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def check(write: bool) -> int:
    assert not undocumented(), f"values without a description: {undocumented()}"
    for name, text in {"README.md": readme(), "values.schema.json": schema()}.items():
        if write:
            (CHART / name).write_text(text)
        assert (CHART / name).read_text() == text, f"helm/outcrop/{name} is out of date: helm.py --write"
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert chart["version"] == chart["appVersion"] == version, f"chart {chart['version']}, workspace {version}"
    return len(rows())
