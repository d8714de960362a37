"""The AWS provider's schema, of the types that deploy/terraform uses: read from terraform_schema.json, and written to it."""

import functools
import json
import pathlib
import re
import tarfile

FILE = pathlib.Path(__file__).with_name("terraform_schema.json")

# The package has no ephemeral resources, and is of the AWS provider alone. Each as its documentation has it:
# https://registry.terraform.io/providers/hashicorp/aws/6.25.0/docs/ephemeral-resources/secretsmanager_secret_version
# https://registry.terraform.io/providers/hashicorp/random/3.7.2/docs/ephemeral-resources/password
EPHEMERAL = {
    "aws_secretsmanager_secret_version": {
        "arguments": {"secret_id": "string!", "version_id": "string", "version_stage": "string", "region": "string"},
        "attributes": ["arn", "created_date", "secret_binary", "secret_string", "version_stages"],
    },
    "random_password": {
        "arguments": {
            "length": "number!", "lower": "bool", "min_lower": "number", "min_numeric": "number", "min_special": "number",
            "min_upper": "number", "numeric": "bool", "override_special": "string", "special": "bool", "upper": "bool",
        },
        "attributes": ["bcrypt_hash", "result"],
    },
}  # fmt: skip


@functools.cache
def load() -> dict:
    """Of each type its arguments and the attributes that can be read."""
    schema = json.loads(FILE.read_text())
    schema["ephemeral"] = {
        name: {
            "arguments": {key: {"type": kind.rstrip("!"), "required": kind.endswith("!")} for key, kind in it["arguments"].items()},
            "attributes": [*it["arguments"], *it["attributes"]],
        }
        for name, it in EPHEMERAL.items()
    }
    return schema


def write(site_packages: pathlib.Path, terraform: pathlib.Path) -> None:
    """Writes the file anew, from the package's assembly (131 MB of JSON), for the types that `terraform` names."""
    archive = next((site_packages / "cdktf_cdktf_provider_aws/_jsii").glob("*.jsii.tgz"))
    with tarfile.open(archive) as tar:
        assembly = json.load(tar.extractfile("package/.jsii"))
        package = json.load(tar.extractfile("package/package.json"))
    types = assembly["types"]
    text = "".join(it.read_text() for it in sorted(terraform.rglob("*.tf")))
    used = {kind: set(re.findall(rf'^{kind} "(aws_\w+)"', text, re.MULTILINE)) for kind in ("resource", "data")}
    classes = {"resource": {}, "data": {}}
    for it in types.values():
        kind = {"cdktf.TerraformResource": "resource", "cdktf.TerraformDataSource": "data"}.get(it.get("base"))
        if kind and (name := re.search(r" (aws_\w+)\}", it.get("docs", {}).get("summary", ""))):
            classes[kind][name.group(1)] = it
    out = {
        "source": f"PyPI cdktf-cdktf-provider-aws {package['version']}, written by terraform.py --write-schema; do not edit",
        "provider_version": package["cdktf"]["provider"]["version"],
        "provider": arguments(types, "@cdktf/provider-aws.provider.AwsProviderConfig"),
    }
    for kind, names in used.items():
        out[kind] = {}
        for name in sorted(names):
            it = classes[kind][name]
            config = next(p["type"]["fqn"] for p in it["initializer"]["parameters"] if p["name"] == "config")
            own = arguments(types, config)
            own.pop("id", None)
            readable = {snake(p["name"]) for p in it["properties"] if not p["name"].endswith("Input") and not p.get("static")}
            out[kind][name] = {"arguments": own, "attributes": sorted(readable | set(own) | {"id"})}
    FILE.write_text(json.dumps(out, indent=None, separators=(",", ":"), sort_keys=True).replace('},"aws_', '},\n"aws_') + "\n")
    print(f"{sum(map(len, used.values()))} types of provider {out['provider_version']}, {FILE.stat().st_size} bytes")


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def arguments(types: dict, fqn: str) -> dict:
    """The members of a configuration's interface, under the names that Terraform has for them."""
    found = {}
    for it in types[fqn].get("properties", []):
        summary, remarks = (it.get("docs", {}).get(key, "") for key in ("summary", "remarks"))
        link = re.search(r"/docs[\w/-]*#(\w+) ", summary + " " + remarks)
        name = link.group(1) if link else snake(it["name"])
        block = summary.endswith(" block.") and summary.split(" ")[0] == name
        kind, inner, single = shape(it["type"])
        entry: dict = {"type": kind}
        if not it.get("optional"):
            entry["required"] = True
        if block:
            entry |= {"block": True, "of": arguments(types, inner) if inner else None}
            if single:
                entry["single"] = True
        found[name] = entry
    return found


def shape(kind: dict) -> tuple[str, str | None, bool]:
    """What an argument is, the interface of its members if it has some, and whether there is one of it."""
    if "union" in kind:
        options = [it for it in kind["union"]["types"] if it.get("fqn") != "cdktf.IResolvable"]
        return shape(options[0])
    if "collection" in kind:
        is_map = kind["collection"]["kind"] == "map"
        _, inner, _ = shape(kind["collection"]["elementtype"])
        return ("map" if is_map else "list"), inner, False
    if "fqn" in kind:
        return "map", kind["fqn"] if kind["fqn"].startswith("@cdktf/provider-aws.") else None, True
    return {"string": "string", "number": "number", "boolean": "bool"}.get(kind["primitive"], "any"), None, True
