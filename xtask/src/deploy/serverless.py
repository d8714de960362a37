"""The templates of deploy/lambda: translated by SAM's own translator, linted, every condition made on the local AWS, and their
settings, images and permissions held against what there is. `cargo xtask test` speaks with the function itself (tests/lambda).
"""

import copy
import hashlib
import json
import logging
import os
import re
import uuid

import boto3
from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from common import ROOT, say, setting_names, settings, unknown_settings

# It counts what it translates, for nobody here.
logging.getLogger("samtranslator").setLevel(logging.ERROR)
FOLDER = ROOT / "deploy/lambda"
REGION, ACCOUNT = os.environ.get("AWS_DEFAULT_REGION", "eu-central-1"), "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/outcrop/lambda:0.1.0"
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
TOPIC, KEY = ARN.format("sns", "alarms"), ARN.format("kms", "key/1")
# What the full template needs besides its defaults.
PLATFORM = {
    "Environment": "prod", "ImageUri": IMAGE, "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1",
    "DatabaseUrl": "postgres://outcrop@db.example.com/outcrop", "DatabaseSecretArn": ARN.format("secretsmanager", "secret:db"),
    "CacheUrl": "rediss://cache.example.com:6379", "CacheSecretArn": ARN.format("secretsmanager", "secret:cache"),
    "KeySecretArn": ARN.format("secretsmanager", "secret:key"), "QueueName": "jobs", "QueueArn": ARN.format("sqs", "jobs"),
    "DeadLettersArn": ARN.format("sqs", "dead"), "FilesBucketName": "files", "FilesBucketArn": "arn:aws:s3:::files", "KeyArn": KEY,
    "PublicUrl": "https://ai.example.com", "ModelArns": "arn:aws:bedrock:*::foundation-model/anthropic.*",
    "ProfileArns": ARN.format("bedrock", "inference-profile/*"), "ListenerArn": "",
}
# What of a platform each of its parameters is: an output of deploy/cloudformation, and of deploy/terraform.
OUTPUTS = {
    "SubnetIds": ("PrivateSubnets", "private_subnet_ids"), "SecurityGroupIds": ("ServicesSecurityGroup", "services_security_group_id"),
    "DatabaseUrl": ("DatabaseUrl", "settings"), "DatabaseSecretArn": ("DatabaseSecretArn", "secret_arns"),
    "CacheUrl": ("CacheUrl", "settings"), "CacheSecretArn": ("CacheSecretArn", "secret_arns"),
    "KeySecretArn": ("KeySecretArn", "secret_arns"), "QueueName": ("QueueName", "queue_name"), "QueueArn": ("QueueArn", "queue_arn"),
    "DeadLettersArn": ("DeadLettersArn", "dead_queue_arn"), "FilesBucketName": ("Bucket", "files_bucket"),
    "FilesBucketArn": ("BucketArn", "files_bucket_arn"), "KeyArn": ("KeyArn", "key_arn"), "PublicUrl": ("PublicUrl", "public_url"),
}
# Of the parameters without a default, what is the caller's own.
OWN = {"Environment", "ImageUri", "ModelArns", "ProfileArns"}
EDGE = {"OriginHost": "abc.lambda-url.eu-central-1.on.aws", "DomainName": "ai.example.com", "CertificateArn": ARN.format("acm", "certificate/1")}
# Template, what is asked of it, what must then be there of these kinds, how answers leave.
CASES = [
    ("zero-cost", {"ImageUri": IMAGE}, {"AWS::Lambda::Url"}, "response_stream"),
    ("zero-cost", {"ImageUri": IMAGE, "UrlAuth": "AWS_IAM", "KeyArn": KEY, "AlarmTopicArn": TOPIC, "ProvisionedConcurrency": "2"}, {"AWS::Lambda::Url"}, "response_stream"),
    ("template", PLATFORM, {"AWS::Lambda::Url"}, "response_stream"),
    ("template", {**PLATFORM, "Front": "RestApi", "AlarmTopicArn": TOPIC}, {"AWS::ApiGateway::RestApi"}, "response_stream"),
    ("template", {**PLATFORM, "Front": "RestApi", "RestAccessLogs": "true"}, {"AWS::ApiGateway::RestApi"}, "response_stream"),
    ("template", {**PLATFORM, "Front": "HttpApi"}, {"AWS::ApiGatewayV2::Api"}, "buffered"),
    ("template", {**PLATFORM, "Front": "Alb"}, {"AWS::ElasticLoadBalancingV2::ListenerRule"}, "buffered"),
    ("cloudfront", EDGE, {"AWS::CloudFront::Distribution"}, None),
]
FRONTS = {kind for _, _, kinds, _ in CASES for kind in kinds}
# The local AWS makes none of these from a template; cfn-lint has looked at them.
NOT_LOCAL = {"AWS::Lambda::Url", "AWS::CloudFront::CachePolicy", "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration",
             "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::CloudFront::Distribution"}


def given(template, asked) -> dict:
    return {name: asked.get(name, it.get("Default")) for name, it in template.get("Parameters", {}).items()}


def translated(template, asked) -> dict:
    """As CloudFormation's transform does it."""
    if "Transform" not in template:
        return template
    out = Translator({}, Parser()).translate(copy.deepcopy(template), given(template, asked))
    out.pop("Transform", None)
    return json.loads(json.dumps(out, default=str))


def holds(condition, conditions, values) -> bool:
    """What a condition comes to."""
    (kind, inner), = condition.items()
    value = lambda it: values[it["Ref"]] if isinstance(it, dict) else it
    return {
        "Fn::Equals": lambda: str(value(inner[0])) == str(value(inner[1])),
        "Fn::Not": lambda: not holds(inner[0], conditions, values),
        "Fn::Or": lambda: any(holds(it, conditions, values) for it in inner),
        "Condition": lambda: holds(conditions[inner], conditions, values),
    }[kind]()


def chosen(node, truth):
    """Without the branches that these conditions leave out."""
    if isinstance(node, list):
        return [it for it in (chosen(it, truth) for it in node) if it != {"Ref": "AWS::NoValue"}]
    if isinstance(node, dict):
        if set(node) == {"Fn::If"}:
            name, yes, no = node["Fn::If"]
            return chosen(yes if truth[name] else no, truth)
        behind = node.get("Condition")
        if "Type" in node and isinstance(behind, str) and not truth[behind]:
            return {"Ref": "AWS::NoValue"}
        return {key: it for key, it in ((key, chosen(it, truth)) for key, it in node.items()) if it != {"Ref": "AWS::NoValue"}}
    return node


def resolved(out, values) -> dict:
    """What one set of parameters makes of a template."""
    truth = {name: holds(it, out.get("Conditions", {}), values) for name, it in out.get("Conditions", {}).items()}
    return chosen({key: out[key] for key in ("Parameters", "Resources")}, truth)


def check_function(name, resources, mode):
    functions = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::Function"]
    if mode is None:
        assert not functions
        return
    function, = functions
    variables = function["Environment"]["Variables"]
    assert variables["AWS_LWA_INVOKE_MODE"] == mode, f"{name}: {variables['AWS_LWA_INVOKE_MODE']}"
    assert function["Architectures"] == ["arm64"] and function["PackageType"] == "Image" and function["Timeout"] == 900, name
    assert "ReservedConcurrentExecutions" in function, f"{name}: nothing bounds what can be spent"
    assert not unknown_settings(variables), unknown_settings(variables)
    # In what is frozen between two requests, only what the answer waits for is certain to happen.
    assert variables["OUTCROP__USAGE__FLUSH_MS"] == "0", name
    assert variables["OUTCROP__DATA_DIR"].startswith("/tmp"), f"{name}: nothing else can be written"
    for key, value in variables.items():
        if re.search(r"SECRET|PASSWORD|STATIC_KEY", key):
            assert "secretsmanager://" in json.dumps(value), f"{name}: {key} is not a reference"
    assert int(variables["OUTCROP__SERVER__DRAIN_MS"]) < 2000, f"{name}: Lambda gives two seconds"
    # Kept answers would fill the Redis that has the counters.
    assert "OUTCROP__CACHE__URL" not in variables or "OUTCROP__RESPONSE_CACHE__URL" in variables, name
    for url in (it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::Url"):
        assert url["InvokeMode"] == "RESPONSE_STREAM", name
    for api in (it["Properties"] for it in resources.values() if it["Type"] == "AWS::ApiGateway::RestApi"):
        assert api["Body"]["x-amazon-apigateway-binary-media-types"] == ["*/*"], f"{name}: files arrive broken"
        for path in api["Body"]["paths"].values():
            how = path["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
            assert how["responseTransferMode"] == "STREAM" and "response-streaming-invocations" in json.dumps(how["uri"])
    public = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::Permission" and it["Properties"]["Principal"] == "*"]
    assert all(it.get("FunctionUrlAuthType") == "NONE" or it.get("InvokedViaFunctionUrl") is True for it in public), f"{name}: anybody may invoke it"


def check_rest(template, this, asked):
    """Another body makes another deployment, by its name; lines are written only where the account lets API Gateway write them."""
    body = template["Resources"]["RestApi"]["Properties"]["Body"]
    wanted = "RestDeployment" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    there = [name for name, it in template["Resources"].items() if it["Type"] == "AWS::ApiGateway::Deployment"]
    assert there == [wanted], f"template.yaml: call {there[0]} {wanted}, since the body of the API has changed"
    for stage in (it["Properties"] for it in this["Resources"].values() if it["Type"] == "AWS::ApiGateway::Stage"):
        assert ("AccessLogSetting" in stage) == (asked.get("RestAccessLogs") == "true"), "without the account's role the stage cannot be made"


def check_edge(resources):
    distribution = resources["Distribution"]["Properties"]["DistributionConfig"]
    default = distribution["DefaultCacheBehavior"]
    assert default["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" and default["Compress"] is False, "only public answers are kept"
    assert "POST" in default["AllowedMethods"] and all(it["AllowedMethods"] == ["GET", "HEAD"] for it in distribution["CacheBehaviors"])
    say(f"CloudFront: {len(distribution['CacheBehaviors'])} paths are kept, everything else goes through")


def check_outputs(template):
    """Both platforms put out what the full template needs, and the page says of each parameter which output it is."""
    needed = {name for name, it in template["Parameters"].items() if "Default" not in it}
    assert needed == OWN | set(OUTPUTS), f"template.yaml: whence are {sorted(needed ^ (OWN | set(OUTPUTS)))}?"
    main = yaml_parse((ROOT / "deploy/cloudformation/main.yaml").read_text())["Outputs"]
    root = set(re.findall(r'(?m)^output "(\w+)"', (ROOT / "deploy/terraform/outputs.tf").read_text()))
    page = (ROOT / "docs/deploy/lambda.md").read_text()
    for name, (ours, theirs) in OUTPUTS.items():
        assert ours in main and theirs in root, f"{name}: there is no output {ours}, or no {theirs}"
        assert f'"{name}=$(output {ours})"' in page and f"`{theirs}`" in page, f"docs/deploy/lambda.md does not say where {name} is from"
    say(f"{len(OUTPUTS)} parameters are outputs of deploy/cloudformation and of deploy/terraform, as docs/deploy/lambda.md says")


def lint(path):
    config = ConfigMixIn(templates=[str(path)], regions=[REGION])
    found = [f"{it.rule.id} {it.message} (line {it.linenumber})" for it in Runner(config).run()]
    assert not found, f"{path.name}: {found}"


def make(name, out, values):
    """The stack on the local AWS, as far as that knows its resources."""
    cloudformation = boto3.client("cloudformation", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=REGION)
    resources = {key: it for key, it in out["Resources"].items() if it["Type"] not in NOT_LOCAL}
    for kind in ("AWS::Lambda", "AWS::ElasticLoadBalancingV2", "AWS::ApiGateway"):
        # They need an image in ECR, or a network, which belong to other templates.
        resources = {key: it for key, it in resources.items() if not it["Type"].startswith(kind)}
    stack = f"serverless-{name}-{uuid.uuid4().hex[:8]}"
    text = re.sub(r'"Name": \{"Fn::Sub": "outcrop-', f'"Name": {{"Fn::Sub": "{stack}-', json.dumps({**out, "Resources": resources}))
    parameters = [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in values.items() if key in out["Parameters"]]
    cloudformation.create_stack(StackName=stack, TemplateBody=text, Parameters=parameters, Capabilities=["CAPABILITY_IAM"])
    try:
        made = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        assert made["StackStatus"] == "CREATE_COMPLETE", made
        return len(cloudformation.describe_stack_resources(StackName=stack)["StackResources"]), stack
    finally:
        cloudformation.delete_stack(StackName=stack)


def main():
    texts = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.yaml"))}
    assert set(texts) == {name for name, *_ in CASES}, sorted(texts)
    for name, text in texts.items():
        lint(FOLDER / f"{name}.yaml")
        assert not unknown_settings(setting_names(text)), unknown_settings(setting_names(text))
    say(f"cfn-lint: {len(texts)} templates without a word")
    check_outputs(yaml_parse(texts["template"]))
    made = 0
    for name, asked, kinds, mode in CASES:
        template = yaml_parse(texts[name])
        out, values = translated(template, asked), given(template, asked)
        assert None not in values.values(), [key for key, value in values.items() if value is None]
        this = resolved(out, values)
        there = {it["Type"] for it in this["Resources"].values()}
        assert there & FRONTS == kinds, f"{name} {asked.get('Front')}: {sorted(there & FRONTS)}"
        check_function(name, this["Resources"], mode)
        if name == "template":
            check_rest(template, this, asked)
        if name == "cloudfront":
            check_edge(this["Resources"])
            continue
        # Secrets are asked for by reference alone, and those that are made have no text.
        for secret in (it["Properties"] for it in this["Resources"].values() if it["Type"] == "AWS::SecretsManager::Secret"):
            assert "SecretString" not in secret and "GenerateSecretString" in secret
        count, _ = make(name, this, values)
        made += count
        say(f"{name} ({asked.get('Front') or asked.get('UrlAuth') or 'as it is'}): {len(this['Resources'])} resources after SAM, {count} of them made locally")
    assert made > 0
    used = set().union(*(setting_names(text) for text in texts.values()))
    say(f"{len(used)} settings are passed, all of them among the {len(settings())} there are")


main()
