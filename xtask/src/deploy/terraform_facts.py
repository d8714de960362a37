"""deploy/terraform against what others say: deploy/iam, deploy/cloudformation, deploy/ecs, ECS' own model, cfn-lint."""

import json
import re

import botocore.session
import yaml

import hcl
from common import ROOT, run, say
from terraform_model import HERE, Module, bare, blocks, local_text


def check(modules: dict[str, Module], environments: dict[str, dict]) -> None:
    check_iam(modules)
    check_containers()
    check_templates()
    check_cloudformation(environments)


def check_iam(modules: dict[str, Module]) -> None:
    policies = json.loads((ROOT / "deploy/iam/policies.json").read_text())
    module = modules["modules/iam"]
    main = module.locals["source"]
    assert 'jsondecode(file("${path.module}/../../../iam/policies.json"))' in main.text, "the policies are not read from deploy/iam"
    roles = [bare(it) for it in module.named("variable")["services"].body["default"]]
    allowed = re.findall(r'"([a-z-]+)"', bare(module.named("variable")["services"].body["validation"][0]["condition"]))
    statements = [it for who in allowed for it in policies["services"][who]] + [it for who in ("bedrock-batch", "collector") for it in policies["helpers"][who]]
    resources = {bare(name) for name in main.body["resources"]} | {"secrets"}
    wanted = {bare(name) for name in main.body["wanted"]}
    for it in statements:
        assert set(it["resources"]) <= resources, f"{it['sid']}: no ARNs for {set(it['resources']) - resources}"
        assert it.get("optional") is None or it["optional"] in wanted, f"{it['sid']}: nobody knows whether there is {it['optional']}"
    secrets = {bare(name) for name in modules["modules/security"].locals["all"].body["all"]}
    for who in allowed:
        assert set(policies["secrets"][who]) <= secrets, f"{who} reads {set(policies['secrets'][who]) - secrets}, which is not made"
    given = {name for block in module.of("data") for it in block.body.get("statement", []) for name in it.get("actions", [])}
    given |= {name for block in module.of("data") for it in block.body.get("dynamic", []) for name in it['"statement"']["content"][0]["actions"]}
    assert {bare(it) for it in given} <= {"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"}, f"{module.name} gives {given} besides"
    say(f"{len(roles)} roles have the {len(statements)} statements of deploy/iam/policies.json, read from there, with ARNs for each name in them")


class Tags(yaml.SafeLoader):
    """CloudFormation, of which only what is plain is looked at."""


Tags.add_multi_constructor("!", lambda loader, suffix, node: str(getattr(node, "value", "")))


def check_cloudformation(environments: dict[str, dict]) -> None:
    """The same environment is of the same size, whichever of the two makes it."""
    folder = ROOT / "deploy/cloudformation"
    sizes = yaml.load((folder / "main.yaml").read_text(), Tags)["Mappings"]["Sizes"]
    tasks, services = (yaml.load((ROOT / f"deploy/ecs/{it}.yaml").read_text(), Tags)["Mappings"]["Sizes"] for it in ("tasks", "services"))
    names = {
        "Zones": "zones", "NatGateways": "nat_gateways", "Interfaces": "interfaces", "DatabaseClass": "database_class",
        "DatabaseStorageGiB": "database_storage_gib", "MultiAz": "multi_az", "Replica": "replica", "BackupDays": "backup_days",
        "CacheNodeType": "cache_node_type", "CacheNodes": "cache_nodes", "AnswerCache": "answer_cache", "Protected": "protected",
        "Firewall": "firewall", "LogDays": "log_days", "FileDays": "file_days",
    }  # fmt: skip
    count = 0
    for environment, given in environments.items():
        unknown = set(sizes[environment]) - set(names)
        assert not unknown, f"deploy/cloudformation/main.yaml has sizes that Terraform does not know: {unknown}"
        for theirs, ours in names.items():
            have = str(given[ours]).lower() if isinstance(given[ours], bool) else str(given[ours])
            assert have == sizes[environment][theirs], f"{environment}: {ours} is {have}, but CloudFormation's {theirs} is {sizes[environment][theirs]}"
            count += 1
        for service, size in given["sizes"].items():
            prefix = "Inference" if service == "inference" else ""
            theirs = {
                "cpu": int(tasks[environment][f"{prefix}Cpu"]),
                "memory": int(tasks[environment][f"{prefix}Memory"]),
                "least": services[environment]["Min"],
                "most": services[environment]["MaxWorkers" if service == "job-worker" else "Max"],
            }
            assert size == theirs, f"{environment}: {service} is {size}, but deploy/ecs has {theirs}"
            count += len(theirs)
        assert given["workers_not_on_spot"] == services[environment]["SpotBase"], f"{environment}: workers_not_on_spot"
    facts = [
        ("modules/queue/main.tf", r"visibility_timeout_seconds +=", r"VisibilityTimeout:", "queue-and-files.yaml"),
        ("modules/queue/main.tf", r"message_retention_seconds +=", r"MessageRetentionPeriod:", "queue-and-files.yaml"),
        ("modules/queue/main.tf", r"maxReceiveCount +=", r"maxReceiveCount:", "queue-and-files.yaml"),
        ("modules/data/redis.tf", r"engine_version +=", r"EngineVersion: (?=\")", "data.yaml"),
        ("modules/data/main.tf", r"max_allocated_storage +=", r"MaxAllocatedStorage:", "data.yaml"),
        ("modules/data/main.tf", r"backup_window +=", r"PreferredBackupWindow:", "data.yaml"),
        ("modules/data/main.tf", r"ca_cert_identifier +=", r"CACertificateIdentifier:", "data.yaml"),
        ("modules/load_balancer/main.tf", r"idle_timeout +=", r"Key: idle_timeout.timeout_seconds, Value:", "load-balancer.yaml"),
    ]
    for ours, own, other, theirs in facts:
        mine = re.search(own + r' +"?([^"\n]+)"?', (HERE / ours).read_text())
        his = re.search(other + r' *"?([^"\n,} ]+)"?', (folder / theirs).read_text())
        assert mine and his and mine.group(1).strip() == his.group(1), f"{ours} and {theirs} differ: {mine and mine.group(0)}; {his and his.group(0)}"
        count += 1
    assert 'name       = "outcrop-${var.environment}"' in (HERE / "main.tf").read_text()
    say(f"{count} sizes and figures are those of deploy/cloudformation and deploy/ecs")


def check_containers() -> None:
    """Members of the container definitions against the model of ECS."""
    model = botocore.session.get_session().get_service_model("ecs").shape_for("ContainerDefinition")
    count = 0

    def walk(source: str, shape, path: str) -> None:
        nonlocal count
        while shape is not None and shape.type_name == "list":
            shape = shape.member
        if shape is None or shape.type_name != "structure":
            return
        for name, value in members(source):
            assert name in shape.members, f"task_definitions.tf: {path} has no member {name}"
            count += 1
            for inner in objects(value):
                walk(inner, shape.members[name], f"{path}.{name}")

    for block in blocks(HERE / "modules/ecs/task_definitions.tf"):
        source = local_text(block, "collector") if block.kind == "locals" else block.text.split("container_definitions", 1)[-1]
        for inner in objects(source):
            if any(name == "image" for name, _ in members(inner)):
                walk(inner, model, "container")
    assert count > 40, "container definitions were not found"
    say(f"{count} members of container definitions are those of ECS' own model")


def objects(source: str) -> list[str]:
    """The insides of the outermost object constructors in an expression; those of `for`, and arguments of functions, left out."""
    found, depth, begin, previous, taken = [], 0, 0, "", True
    for text, position in positions(source):
        if text == "{":
            if depth == 0:
                begin, taken = position + 1, previous != "("
            depth += 1
        elif text == "}":
            depth -= 1
            if depth == 0 and taken:
                found.append(source[begin:position])
        previous = text
    return [it for it in found if not it.strip().startswith("for ")]


def members(source: str) -> list[tuple[str, str]]:
    """Names and values of an object constructor's inside."""
    found, depth, words = [], 0, positions(source)
    starts = []
    for at, (text, position) in enumerate(words):
        if depth == 0 and text == "=" and at:
            starts.append((words[at - 1][0], position, words[at - 1][1]))
        depth += (text in hcl.OPENING and len(text) == 1) - (text in hcl.CLOSING and len(text) == 1)
    for number, (name, position, _) in enumerate(starts):
        end = starts[number + 1][2] if number + 1 < len(starts) else len(source)
        found.append((bare(name), source[position + 1 : end]))
    return found


def positions(source: str) -> list[tuple[str, int]]:
    lines = [0]
    for line in source.split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    return [(it.text, lines[it.line - 1] + it.column) for it in hcl.tokens(source) if it.kind not in ("newline", "comment")]


def check_templates() -> None:
    files = sorted(HERE.rglob("*.cfn.yaml"))
    run(["cfn-lint", "--non-zero-exit-code", "warning", *files])
    for file in files:
        name = file.name
        callers = [it for it in file.parent.glob("*.tf") if name in it.read_text()]
        parameters = set(yaml.load(file.read_text(), Tags)["Parameters"])
        block = next(it for it in blocks(callers[0]) if name in it.text)
        assert set(block.body["parameters"]) == parameters, f"{block.where()}: parameters of {name}"
    for path in re.findall(r'file\("\$\{path\.module\}/([^"]+)"\)', "".join(it.read_text() for it in HERE.rglob("*.tf"))):
        assert any((it / path).is_file() for it in HERE.glob("modules/*")), f"there is no {path}"
    say(f"{len(files)} small templates for what CloudFormation alone can do pass cfn-lint")
