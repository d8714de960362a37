"""Rules about how the templates fit each other that a local AWS does not know: what belongs to the account and not to a region, whom a
key, a security group or an endpoint lets in, what a failover goes by."""

import fnmatch
import json
import re

import cfn_alarms
from cfn import load, walk
from common import ROOT, say

FOLDER, ECS, EC2 = (ROOT / "deploy" / it for it in ("cloudformation", "ecs", "ec2"))
# Names of these are the account's (or everybody's): two regions cannot both have one.
ACCOUNT_WIDE = {
    "AWS::Budgets::Budget": ("Budget", "BudgetName"),
    "AWS::CE::AnomalyMonitor": ("MonitorName",),
    "AWS::CE::AnomalySubscription": ("SubscriptionName",),
    "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", "Name"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::S3::Bucket": ("BucketName",),
}


def account_wide(template: dict, resolver) -> list[tuple[str, str]]:
    """Type and name of what a stack makes for the whole account."""
    found = []
    for resource in template["Resources"].values():
        way = ACCOUNT_WIDE.get(resource["Type"])
        if way and ("Condition" not in resource or resolver.condition(resource["Condition"])):
            value = resource.get("Properties", {})
            for key in way:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                found.append((resource["Type"], str(resolver.resolve(value))))
    return found


def check() -> None:
    logs_may_use_the_key()
    failover_asks_readyz()
    groups_reach_aws()
    endpoints_let_in()
    answers_are_kept_apart()
    password_is_followed()
    alarms_are_terraforms()
    cfn_alarms.check(plain)
    traffic_is_moved_by_ecs_alone()


def plain(value) -> str:
    """A name with stand-ins for what is put in."""
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    return re.sub(r"\$\{[^}]+\}", "x", text)


def logs_may_use_the_key() -> None:
    statements = load(FOLDER / "security.yaml")["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    logs, = (it for it in statements if it["Sid"] == "Logs")
    arns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    patterns = [plain(it).split(":log-group:")[1] for it in arns]
    count = 0
    for path in sorted((ROOT / "deploy").rglob("*.yaml")):
        if "AWSTemplateFormatVersion" not in path.read_text():
            continue
        for name, resource in load(path)["Resources"].items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Logs::LogGroup" and "KmsKeyId" in properties:
                group = plain(properties["LogGroupName"])
                assert any(fnmatch.fnmatch(group, it) for it in patterns), f"{path}: the key does not let {name} ({group}) use it: {patterns}"
                count += 1
    assert count >= 5, count
    say(f"key: its policy lets all {count} encrypted log groups under deploy/ use it")


def failover_asks_readyz() -> None:
    records = [it["Properties"] for it in load(FOLDER / "dns.yaml")["Resources"].values() if it["Type"] == "AWS::Route53::RecordSet"]
    with_failover = [it for it in records if "Failover" in it]
    assert with_failover and all("HealthCheckId" in it for it in with_failover)
    for it in records:
        assert it["AliasTarget"]["EvaluateTargetHealth"] is False, "one of the two sets of targets is always empty, which may count as unhealthy"
    zone = (ROOT / "deploy/terraform/modules/dns/main.tf").read_text()
    assert zone.count("evaluate_target_health = false") == len(records) and "health_check_id" in zone, "modules/dns judges otherwise"


def groups_reach_aws() -> None:
    """Where there are no interface endpoints, AWS is outside of the VPC."""
    for name, group in load(FOLDER / "firewall.yaml")["Resources"].items():
        for rule in group["Properties"].get("SecurityGroupEgress", []):
            if rule.get("FromPort") == 443:
                assert rule["CidrIp"] == "0.0.0.0/0", f"firewall.yaml: {name} cannot reach AWS by a NAT gateway"


def endpoints_let_in() -> None:
    template = load(FOLDER / "endpoints.yaml")
    assert "AccountRoleArns" in template["Parameters"], "roles of other accounts cannot call Bedrock through its endpoint"
    # An action -> the statement's sid, of statements for anybody, or for the roles of other accounts.
    wanted = {"BedrockRuntime": "RolesOfOtherAccounts", "Bedrock": "RolesOfOtherAccounts", "Sts": "WhoLogsIn", "S3": "Reading"}
    terraform = (ROOT / "deploy/terraform/modules/endpoints/main.tf").read_text()
    for name, resource in template["Resources"].items():
        statements = [it for it in walk(resource["Properties"]["PolicyDocument"]) if "Effect" in it]
        own = [it for it in statements if "aws:PrincipalAccount" in json.dumps(it.get("Condition", {}))]
        assert len(own) == 1, f"endpoints.yaml: {name} does not let the account itself in"
        others = [it["Sid"] for it in statements if it not in own]
        assert others == ([wanted[name]] if name in wanted else []), f"endpoints.yaml: {name} lets in {others} besides"
    for sid in set(wanted.values()):
        assert f'"{sid}"' in terraform, f"modules/endpoints lacks {sid}"
    say(f"endpoints: {len(wanted)} of {len(template['Resources'])} let in others than this account, each whom it must")


def answers_are_kept_apart() -> None:
    """Kept answers would fill the Redis that has the counters, which pushes nothing out."""
    count = 0
    # The job worker calls models as well, but keeps no answers: the code for it is inference's.
    tasks = [(name, it) for name, it in load(ECS / "tasks.yaml")["Resources"].items() if name == "Inference"]
    instance = load(EC2 / "platform.yaml")["Resources"]["Template"]
    function = load(ROOT / "deploy/lambda/template.yaml")["Resources"]["Function"]
    for name, resource in [*tasks, ("EC2", instance), ("Lambda", function)]:
        text = json.dumps(resource)
        if "OUTCROP__CACHE__URL" in text and "OUTCROP__MODELS__URL" in text:
            assert "OUTCROP__RESPONSE_CACHE__URL" in text, f"{name} would keep answers in the counters' Redis"
            count += 1
    assert count >= 3, count
    for path, times in (("modules/ecs/task_definitions.tf", 2), ("outputs.tf", 1)):
        assert (ROOT / "deploy/terraform" / path).read_text().count("OUTCROP__RESPONSE_CACHE__URL") >= times, path
    say(f"kept answers: none of the {count} that keep any has them in the counters' Redis")


def password_is_followed() -> None:
    """Who hears of a rotation: wherever processes read the database's password, in the second region too."""
    pattern = {"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:*:${AWS::AccountId}:secret:outcrop/${Environment}/database-*"}
    for folder in (ECS, EC2):
        rule = load(folder / "restart.yaml")["Resources"]["Rotated"]["Properties"]["EventPattern"]
        assert rule["detail"]["additionalEventData"]["SecretId"] == [{"wildcard": pattern}], folder
        assert "/restart.yaml" in (folder / "deploy.sh").read_text(), f"{folder.name}/deploy.sh does not deploy restart.yaml"
    secrets = load(FOLDER / "security.yaml")["Resources"]
    assert secrets["DatabaseSecret"]["Properties"]["Name"] == {"Fn::Sub": "outcrop/${Environment}/database"}
    assert "event-bus/default" in json.dumps(secrets["RotatedElsewhere"]["Properties"]["Targets"])
    group = load(EC2 / "platform.yaml")["Resources"]["Group"]
    assert {"Rule", "InstancePolicy"} <= set(group["DependsOn"]), "instances may start before they may read their release"


def alarms_are_terraforms() -> None:
    """Both watch the same; alarms of nodes are numbered in Terraform."""
    ours = {
        plain(it["Properties"]["AlarmName"]).removeprefix("Outcrop-x-")
        for it in load(FOLDER / "watch.yaml")["Resources"].values()
        if it["Type"] == "AWS::CloudWatch::Alarm"
    }
    text = (ROOT / "deploy/terraform/modules/watch/alarms.tf").read_text()
    theirs = set(re.findall(r"^    (\w+) +=\s*\{ about", text, re.MULTILINE)) | set(re.findall(r'\["(\w+)"\] : \[\] : name', text))
    theirs |= set(re.findall(r': "(\w+)" => \{ about', text)) | set(re.findall(r'environment\}-(\w+)"', text))
    for kind in re.findall(r'"(\w+)-\$\{key\}"', text):
        theirs |= {it for it in ours if re.fullmatch(kind + r"-(counters|answers)[1-3]", it)}
    assert ours == theirs, f"alarms that only one of CloudFormation and Terraform has: {sorted(ours ^ theirs)}"
    say(f"alarms: CloudFormation and Terraform have the same {len(ours)} about what the platform stands on")


def traffic_is_moved_by_ecs_alone() -> None:
    """The role that may change listener rules: for ECS, on behalf of this account and region."""
    statement, = load(FOLDER / "iam.yaml")["Resources"]["TrafficRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ecs.amazonaws.com"}, statement
    said = {key: value for test in statement["Condition"].values() for key, value in test.items()}
    assert said["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, said
    assert said["aws:SourceArn"]["Fn::Sub"].endswith(":ecs:${AWS::Region}:${AWS::AccountId}:*"), said
    text = (ROOT / "deploy/terraform/modules/ecs/roles.tf").read_text().split('"traffic_trust"')[1].split("\nresource")[0]
    for test, variable in (("StringEqualsIfExists", "aws:SourceAccount"), ("ArnLikeIfExists", "aws:SourceArn")):
        assert variable in statement["Condition"][test] and f'"{test}"' in text and f'"{variable}"' in text, variable
