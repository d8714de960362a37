"""The roles in the templates of deploy/ against policies.json: CloudFormation and SAM statement by statement, Terraform, which reads
policies.json itself, by what it makes of it. All other roles by the rules for all: no wildcards, trust narrowed.

A role of ours says whose it is in its description: `Outcrop: job-worker`.
"""

import fnmatch
import json
import re

import hcl2
import yaml

from common import ROOT, say

# What an ARN in a template is called by, and the name that policies.json has for it; the first that fits counts.
MEANT = [
    (r"^\*$", "any"),
    (r"^ModelArns?$|::foundation-model/", "models"),
    (r"^ProfileArns?$|:(?:application-)?inference-profile/", "profiles"),
    (r"^GuardrailArns?$|:guardrail/", "guardrails"),
    (r"^AccountRoleArns$", "account-roles"),
    (r"^MediaArns$", "media"),
    (r"^Batch(?:Inference)?Role\.Arn$", "batch-role"),
    (r":model-invocation-job/\*$", "batch-jobs"),
    (r"^(?:Dead\w*(?:Queue|Letters?)|DeadLettersArn)(?:Arn|\.Arn)?$", "dead-letter-queue"),
    (r"^\w*Queue(?:Arn|\.Arn)$", "queue"),
    (r"^\$\{\w*(?:Usage|Export)\w*(?:Arn|\.Arn)\}/", "usage-exports"),
    (r"^\$\{\w*Bucket(?:Arn|\.Arn)\}/.+\*$", "files"),
    (r"^\w*Bucket(?:Arn|\.Arn)$", "files-bucket"),
    (r"^\w*Secret(?:Arn)?$|^\w*Key(?:s|Secret)(?:Arn)?$|:secretsmanager:", "secrets"),
    (r"^\w*Key(?:Arn|\.Arn)$", "key"),
    (r":log-group:/outcrop/metrics", "metric-logs"),
]
# Services whose principal says nothing of the account when it takes a role: instances and functions exist only within their account.
WITHOUT_ACCOUNT = {"ec2.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com"}
# Actions that are no use on less than everything, although AWS knows their resources.
FOR_ALL = {"cloudwatch:DescribeAlarms": "composite alarms are told of only to those who may see all alarms"}
# Which secret a template means.
SECRETS = {
    "Database": "database-password",
    "Cache": "cache-password",
    "Internal": "internal-secret",
    "Key": "key-secret",
    "StaticKeys": "static-keys",
}


class Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions, as the long ones."""


def function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", function)


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def unfolded(statements) -> list:
    """Statements with those behind `Fn::If` among them: what may be granted at most."""
    out = []
    for it in listed(statements):
        if isinstance(it, dict) and "Fn::If" in it:
            out += unfolded([branch for branch in it["Fn::If"][1:] if branch != {"Ref": "AWS::NoValue"}])
        else:
            out.append(it)
    return out


def behind_if(statements) -> set:
    return {it["Sid"] for top in listed(statements) if "Fn::If" in top for it in unfolded([top])}


def leaves(value) -> list[str]:
    """The names and patterns that a resource is made of: `Ref`s, attributes, strings."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [leaf for it in value for leaf in leaves(it)]
    (kind, inner), = value.items()
    if kind == "Ref":
        return [] if inner == "AWS::NoValue" else [inner]
    if kind == "Fn::GetAtt":
        return [".".join(inner)]
    if kind == "Fn::Sub":
        text = inner if isinstance(inner, str) else inner[0]
        alone = re.fullmatch(r"\$\{([\w.]+)\}", text)
        return [alone.group(1) if alone else text]
    if kind in ("Fn::Join", "Fn::Split"):
        return leaves(inner[1])
    if kind == "Fn::If":
        return leaves(inner[1:])
    raise AssertionError(f"{kind} is not understood in a resource")


def meant(leaf) -> str:
    for pattern, name in MEANT:
        if re.search(pattern, leaf):
            return name
    raise AssertionError(f"what is {leaf!r} in policies.json?")


def templates() -> dict:
    found = {}
    for folder in ("cloudformation", "ecs", "ec2", "lambda", "iam", "terraform"):
        for path in sorted((ROOT / "deploy" / folder).rglob("*.y*ml")):
            text = path.read_text()
            if "AWSTemplateFormatVersion" in text or "AWS::Serverless" in text:
                found[path.relative_to(ROOT).as_posix()] = yaml.load(text, Loader)
    return found


def compare_statements(where, statements, wanted, secrets):
    """Statements of a template against those of policies.json, and the secrets it names against those of the service."""
    ours, optional = {it["sid"]: it for it in wanted}, behind_if(statements)
    seen = set()
    for it in unfolded(statements):
        sid = it.get("Sid")
        assert sid in ours, f"{where}: policies.json has no statement {sid!r}"
        assert sid not in seen, f"{where}: {sid} stands twice"
        seen.add(sid)
        said = ours[sid]
        assert it["Effect"] == "Allow", f"{where}/{sid}: not an allowance"
        actions = sorted(listed(it["Action"]))
        assert actions == said["actions"], f"{where}/{sid}: {actions} are not {said['actions']}"
        resources = {meant(leaf) for leaf in leaves(it["Resource"])}
        assert resources == set(said["resources"]), f"{where}/{sid}: {sorted(resources)} are not {sorted(said['resources'])}"
        if resources == {"secrets"}:
            named = {SECRETS[re.match(r"(\w+?)Secret(?:Arn)?$", leaf).group(1)] for leaf in leaves(it["Resource"])}
            assert named == set(secrets), f"{where}/{sid}: reads {sorted(named)}, not {sorted(secrets)}"
        for test, keys in said.get("conditions", {}).items():
            found = it.get("Condition", {}).get(test, {})
            assert all(found.get(key) == value for key, value in keys.items()), f"{where}/{sid}: lacks the condition {keys}"
        assert sid not in optional or "optional" in said, f"{where}/{sid}: is not optional"
    # `outcrop doctor` is run on instances, by their role; nobody runs it in a function.
    doctor = "outcrop doctor" if not where.startswith("deploy/lambda/") else None
    missing = {sid for sid, it in ours.items() if it.get("optional") in (None, doctor)} - seen
    assert not missing, f"{where}: lacks {sorted(missing)}"


def check_other(where, statements, known):
    """Any other role: what it may do exists, is named, and is bounded where it can be."""
    for it in unfolded(statements):
        assert it["Effect"] in ("Allow", "Deny"), where
        for action in listed(it["Action"]):
            assert "*" not in action, f"{where}: {action} is a wildcard"
            service, _, privilege = action.partition(":")
            found = known.get(service, {}).get("privileges", {}).get(privilege)
            assert found, f"{where}: AWS has no action {action}"
            types = {kind for kind, details in found["resource_types"].items() if kind and details["required"]}
            bounded = "*" not in leaves(it["Resource"]) or "Condition" in it or action in FOR_ALL
            assert bounded or not types, f"{where}: {action} is for any resource, but AWS knows {sorted(types)}"


def check_trust(where, document):
    for it in listed(document["Statement"]):
        principal, conditions = it["Principal"], json.dumps(it.get("Condition", {}))
        assert isinstance(principal, dict) and "AWS" not in principal, f"{where}: who may take it?"
        for service in listed(principal.get("Service", [])):
            assert isinstance(service, str), f"{where}: {service}"
            bounded = "aws:SourceAccount" in conditions or service in WITHOUT_ACCOUNT
            assert bounded, f"{where}: {service} may take it for any account"
        if "Federated" in principal:
            assert ":sub" in conditions and ":aud" in conditions, f"{where}: any identity of the provider may take it"


def check_template(path, template, policies, known) -> dict[str, int]:
    """How many roles are whose."""
    counted = {}
    every = {**policies["services"], **policies["helpers"]}
    for name, resource in template.get("Resources", {}).items():
        where, kind, properties = f"{path}: {name}", resource["Type"], resource.get("Properties", {})
        assert kind != "AWS::Serverless::Function" or "Policies" not in properties, (
            f"{where}: SAM would add to its policies; give it a Role of its own"
        )
        if kind not in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
            continue
        if kind == "AWS::IAM::Role":
            check_trust(where, properties["AssumeRolePolicyDocument"])
        documents = [it["PolicyDocument"] for it in unfolded(properties.get("Policies", []))]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        statements = [it for document in documents for it in listed(document["Statement"])]
        whose = re.fullmatch(r"Outcrop: ([a-z-]+)", str(properties.get("Description", "")))
        if whose and whose.group(1) in every:
            assert not properties.get("ManagedPolicyArns"), f"{where}: policies of AWS grant more than the code can call"
            compare_statements(where, statements, every[whose.group(1)], policies["secrets"].get(whose.group(1), []))
            counted[whose.group(1)] = counted.get(whose.group(1), 0) + 1
        else:
            check_other(where, statements, known)
            counted["others"] = counted.get("others", 0) + 1
    return counted


def check_terraform(policies):
    """Terraform reads policies.json: every name in it must mean something there, and nothing else may be granted to those roles."""
    folder = ROOT / "deploy/terraform/modules/iam"
    text = (folder / "main.tf").read_text()
    assert re.search(r'jsondecode\(file\("\$\{path\.module\}/(?:\.\./)+iam/policies\.json"\)\)', text), "Terraform does not read policies.json"
    parsed = hcl2.loads(text)
    names = {key.strip('"'): value for block in parsed["locals"] for key, value in block.items()}
    unquoted = lambda keys: {it.strip('"') for it in keys if not it.startswith("__")}
    expected = {r for group in ("services", "helpers") for it in policies[group].values() for s in it for r in s["resources"]}
    assert unquoted(names["resources"]) == expected - {"secrets"}, f"Terraform's resources: {sorted(unquoted(names['resources']) ^ (expected - {'secrets'}))}"
    taken = {**policies["services"], **policies["helpers"]}
    del taken["lambda"]
    optional = {s["optional"] for it in taken.values() for s in it if "optional" in s}
    assert unquoted(names["wanted"]) == optional, f"Terraform's `wanted`: {sorted(unquoted(names['wanted']) ^ optional)}"
    for line in ("Action    = it.actions", "Condition = try(it.conditions, null)", "if try(local.wanted[it.optional], true)"):
        assert line in text, f"Terraform no longer takes {line!r} from policies.json"
    granted = 0
    for path in sorted(folder.glob("*.tf")):
        for block in hcl2.loads(path.read_text()).get("resource", []):
            for kind, body in block.items():
                kind = kind.strip('"')
                assert kind not in ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment"), f"{path.name}: {kind}"
                if kind == "aws_iam_role_policy":
                    granted += 1
                    assert re.search(r"local\.statements\[", json.dumps(body)), f"{path.name}: a policy that is not from policies.json"
    say(f"Terraform: {granted} kinds of role policies, all of them from policies.json, with every resource and option of it")


def placed(name) -> str:
    """An alarm's name, or an ARN's end, with stand-ins for what is put in."""
    text = name["Fn::Sub"] if isinstance(name, dict) else name
    return re.sub(r"\$\{\w+\}", "x", text.replace("${Namespace}", "Outcrop"))


def check_pipeline_alarms() -> None:
    """The workflows' role changes the alarms of the stack that it deploys, and no other: one of those takes its own deployments back."""
    role = yaml.load((ROOT / "deploy/iam/github.yaml").read_text(), Loader)["Resources"]["EcsDeployRole"]["Properties"]
    statements = [it for policy in role["Policies"] for it in policy["PolicyDocument"]["Statement"]]
    writing = [it for it in statements if {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"} & set(listed(it["Action"]))]
    patterns = [placed(leaf.split(":alarm:")[1]) for it in writing for leaf in leaves(it["Resource"])]
    own, others = set(), set()
    for path in sorted((ROOT / "deploy").rglob("*.y*ml")):
        if "AWS::CloudWatch::Alarm" in path.read_text():
            made = yaml.load(path.read_text(), Loader)["Resources"].values()
            names = {placed(it["Properties"]["AlarmName"]) for it in made if "AlarmName" in it.get("Properties", {})}
            (own if path == ROOT / "deploy/ecs/watch.yaml" else others).update(names)
    fits = lambda name: any(fnmatch.fnmatchcase(name, it) for it in patterns)
    assert own and "Outcrop-x-ErrorRate" in others, "where are the alarms?"
    assert all(map(fits, own)), f"github.yaml: the workflows cannot deploy {sorted(it for it in own if not fits(it))}"
    assert not any(map(fits, others)), f"github.yaml: the workflows may change {sorted(filter(fits, others))}"
    say(f"workflows: their role changes the {len(own)} alarms of deploy/ecs/watch.yaml, and none of {len(others)} others")


def compare(policies, known):
    total, roles = {}, 0
    for path, template in templates().items():
        for whose, count in check_template(path, template, policies, known).items():
            total[whose] = total.get(whose, 0) + count
            roles += count
    missing = (set(policies["services"]) | set(policies["helpers"])) - set(total)
    assert not missing, f"no template has a role for {sorted(missing)}"
    say(f"CloudFormation and SAM: {roles} roles and policies: " + ", ".join(f"{k} {v}" for k, v in sorted(total.items())))
    check_terraform(policies)
    check_pipeline_alarms()
