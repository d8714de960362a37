"""deploy/cloudformation, deploy/ecs and deploy/ec2: linted, held together, made on a local AWS, and every ECS request against its model."""

import ast
import collections
import json
import pathlib
import random
import re
import shutil
import tempfile

import boto3
import botocore.session
from botocore.config import Config
from botocore.validate import ParamValidator

import cfn_rules
from cfn import Resolver, as_request, load, walk, without
from common import ROOT, run, say, setting_names, settings, unknown_settings

FOLDER = ROOT / "deploy/cloudformation"
ECS, EC2 = ROOT / "deploy/ecs", ROOT / "deploy/ec2"
REGION = "eu-central-1"
# A parameter file for each, and the region where it is used.
FOUNDATIONS = {"dev": REGION, "stage": REGION, "prod": REGION, "prod-second": "eu-west-1"}
# The types that the local AWS makes of those that the templates have; it passes over the others without a word.
MADE = {f"AWS::{it}" for it in """
    AutoScaling::AutoScalingGroup EC2::EIP EC2::FlowLog EC2::InternetGateway EC2::LaunchTemplate EC2::NatGateway
    EC2::Route EC2::RouteTable EC2::SecurityGroup EC2::SecurityGroupIngress EC2::Subnet EC2::SubnetRouteTableAssociation EC2::VPC
    EC2::VPCEndpoint EC2::VPCGatewayAttachment ECS::Cluster ECS::Service ECS::TaskDefinition EFS::AccessPoint EFS::FileSystem
    EFS::MountTarget ElasticLoadBalancingV2::Listener ElasticLoadBalancingV2::ListenerRule ElasticLoadBalancingV2::LoadBalancer
    ElasticLoadBalancingV2::TargetGroup Events::Rule IAM::InstanceProfile IAM::ManagedPolicy IAM::Policy IAM::Role KMS::Alias KMS::Key
    Logs::LogGroup RDS::DBInstance RDS::DBSubnetGroup Route53::HealthCheck Route53::RecordSet S3::Bucket SNS::Topic
    SQS::Queue StepFunctions::StateMachine""".split()}

# Attributes that it does not know of what it makes.
UNKNOWN_ATTRIBUTES = {"CanonicalHostedZoneID": "Z0123456789EXAMPLE", "LoadBalancerFullName": "app/outcrop/0123456789abcdef"}


def main() -> None:
    templates = sorted([*FOLDER.glob("*.yaml"), *ECS.glob("*.yaml"), *EC2.glob("*.yaml")])
    run(["cfn-lint", "--include-checks", "I", "--regions", "eu-central-1", "us-east-1", "--", *templates])
    say(f"cfn-lint: {len(templates)} templates without a finding, informational rules included")
    loaded = {path: load(path) for path in templates}
    names_are_settings(templates)
    nesting_fits(loaded)
    imports_are_exported(loaded)
    parameter_files_fit(loaded[FOLDER / "main.yaml"])
    scripts(loaded[EC2 / "platform.yaml"])
    unit()
    bounds(loaded)
    cfn_rules.check()
    made = Made(loaded)
    for name, region in FOUNDATIONS.items():
        made.foundation(name, region)
    for name in ("dev", "prod"):
        made.services(name)
    made.instances("dev")
    say(f"of the whole account: {len(made.account_wide)} names, no two stacks with the same")
    types = ", ".join(it.removeprefix("AWS::") for it in sorted(made.skipped))
    say(f"passed over by the local AWS: {sum(made.skipped.values())} resources of {len(made.skipped)} types ({types})")


def names_are_settings(templates) -> None:
    used = set()
    for path in [*templates, *EC2.glob("*.service")]:
        names = setting_names(path.read_text())
        unknown = unknown_settings(names)
        assert not unknown, f"{path}: no such settings: {unknown}"
        used |= names
    assert len(used) > 20, used
    say(f"settings: all {len(used)} of the {len(settings())} that are used exist")


def nested(template: dict):
    """Stacks in a template: logical id, what is given, path of its template."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            properties = resource["Properties"]
            yield name, properties.get("Parameters", {}), properties["TemplateURL"]


def outputs_asked(template: dict):
    """Outputs of nested stacks that a template asks for."""
    for node in walk(template):
        if "Fn::GetAtt" in node:
            parts = node["Fn::GetAtt"] if isinstance(node["Fn::GetAtt"], list) else node["Fn::GetAtt"].split(".")
            parts = ".".join(parts).split(".")
            if len(parts) == 3 and parts[1] == "Outputs":
                yield parts[0], parts[2]
        if "Fn::Sub" in node:
            text = node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0]
            yield from re.findall(r"\$\{(\w+)\.Outputs\.(\w+)\}", text)


def nesting_fits(loaded) -> None:
    given = asked = 0
    for path, template in loaded.items():
        children = {}
        for name, parameters, url in nested(template):
            child = load((path.parent / url).resolve())
            children[name] = child
            slots = child.get("Parameters", {})
            assert not set(parameters) - set(slots), f"{path}: {name} has no parameters {set(parameters) - set(slots)}"
            missing = {key for key, it in slots.items() if "Default" not in it} - set(parameters)
            assert not missing, f"{path}: {name} is not given {missing}"
            given += len(parameters)
        for name, output in outputs_asked(template):
            assert output in children[name]["Outputs"], f"{path}: {name} has no output {output}"
            asked += 1
    say(f"nesting: {given} parameters given, {asked} outputs asked for, all there and none missing")


def imported(template: dict):
    """What a template imports: parameter that names the stack, and the export's name after it."""
    for node in walk(template):
        if "Fn::ImportValue" in node:
            yield re.fullmatch(r"\$\{(\w+)\}-(\w+)", node["Fn::ImportValue"]["Fn::Sub"]).groups()


def imports_are_exported(loaded) -> None:
    of = {"Foundation": FOLDER / "main.yaml", "Cluster": ECS / "cluster.yaml"}
    exported = {parameter: set(loaded[path]["Outputs"]) for parameter, path in of.items()}
    for path in of.values():
        for name, output in loaded[path]["Outputs"].items():
            assert output["Export"]["Name"] == {"Fn::Sub": "${AWS::StackName}-" + name}, f"{path}: {name}"
    count = 0
    for path, template in loaded.items():
        for parameter, name in imported(template):
            assert name in exported[parameter], f"{path}: {name} is not exported"
            count += 1
    say(f"imports: all {count} are exported")


def parameters_of(name: str) -> dict:
    return {it["ParameterKey"]: it["ParameterValue"] for it in json.loads((FOLDER / f"parameters/{name}.json").read_text())}


def parameter_files_fit(main: dict) -> None:
    files = sorted(it.stem for it in (FOLDER / "parameters").glob("*.json"))
    assert files == sorted(FOUNDATIONS), files
    slots = main["Parameters"]
    for name in files:
        given = parameters_of(name)
        assert not set(given) - set(slots), f"{name}: no parameters {set(given) - set(slots)}"
        missing = {key for key, it in slots.items() if "Default" not in it} - set(given)
        assert not missing, f"{name}: {missing} missing"
        for key, value in given.items():
            assert value in slots[key].get("AllowedValues", [value]), f"{name}: {key}={value}"
            assert re.fullmatch(slots[key].get("AllowedPattern", ".*"), value), f"{name}: {key}={value}"
    for size in main["Mappings"]["Sizes"].values():
        assert size.keys() == main["Mappings"]["Sizes"]["dev"].keys()
    page = (FOLDER / "README.md").read_text()
    for key in [*slots, *main["Outputs"]]:
        assert f"| `{key}` |" in page, f"deploy/cloudformation/README.md does not tell of {key}"
    say(f"parameters: {len(files)} files fit the {len(slots)} parameters; README.md tells of each, and of each output")


def scripts(platform: dict) -> None:
    found = [ECS / "deploy.sh", EC2 / "deploy.sh"]
    run(["shellcheck", *found])
    text, _ = platform["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    # What CloudFormation puts in is text without anything that a shell would look at.
    data = re.sub(r"\$\{[A-Za-z0-9:]+\}", "put-in", text)
    run(["shellcheck", "-"], input=data)
    assert len(text) < 12_000, "user data may have 16 KiB"
    say(f"shellcheck: {len(found)} scripts and the instances' user data ({len(data.splitlines())} lines)")


def unit() -> None:
    unit = (EC2 / "outcrop.service").read_text()
    drain = default_of("server.drain_ms") / 1000
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]) > drain + 5
    if shutil.which("systemd-analyze") is None:
        say("unit: stops later than the drain; systemd-analyze is not here, so no more was looked at")
        return
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work) / "outcrop.service"
        # The program is not installed where this runs.
        path.write_text(unit.replace("ExecStart=/usr/local/bin/outcrop", f"ExecStart={shutil.which('true')}"))
        said = run(["systemd-analyze", "verify", "--man=no", path])
        assert not said.strip(), said
        security = run(["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", path])
        level = re.search(r"exposure level for outcrop.service: ([\d.]+)", security)[1]
    say(f"unit: systemd finds nothing wrong, exposure {level} of 10, and stops it later than the drain")


def default_of(setting: str) -> int:
    return int(re.search(rf"^\| `{re.escape(setting)}` \| `(\d+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)[1])


def bounds(loaded) -> None:
    """Times and names that two files must agree on."""
    balancer = loaded[FOLDER / "load-balancer.yaml"]["Resources"]
    attributes = {it["Key"]: it["Value"] for it in balancer["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]}
    idle = int(attributes["idle_timeout.timeout_seconds"]) * 1000
    assert idle > default_of("server.request_timeout_ms"), "the load balancer ends what the program still works on"
    for text in ((ECS / "tasks.yaml").read_text(), (EC2 / "platform.yaml").read_text()):
        keep = int(re.search(r"OUTCROP__SERVER__KEEP_ALIVE_MS\D+(\d+)", text)[1])
        assert keep > idle, "the load balancer would send requests into connections that are being closed"
    for service in ("Auth", "Inference"):
        connect = loaded[ECS / "services.yaml"]["Resources"][service]["Properties"]["ServiceConnectConfiguration"]
        timeout = connect["Services"][0]["Timeout"]
        assert timeout["PerRequestTimeoutSeconds"] == 0 and timeout["IdleTimeoutSeconds"] * 1000 > default_of("server.request_timeout_ms")
    sizes = [loaded[path]["Mappings"]["Sizes"] for path in (FOLDER / "main.yaml", ECS / "tasks.yaml")]
    assert all(sizes[0][it]["AnswerCache"] == sizes[1][it]["AnswerCache"] for it in ("dev", "stage", "prod"))
    queue = loaded[FOLDER / "queue-and-files.yaml"]["Resources"]["Queue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5 and "FifoQueue" not in queue
    # What the local AWS leaves out of what it makes.
    files = loaded[FOLDER / "queue-and-files.yaml"]["Resources"]["Files"]["Properties"]
    assert files["VersioningConfiguration"] == {"Status": "Enabled"} and all(files["PublicAccessBlockConfiguration"].values())
    assert any(it.get("AbortIncompleteMultipartUpload") for it in files["LifecycleConfiguration"]["Rules"])
    network = loaded[FOLDER / "network.yaml"]["Resources"]
    for zone in "ABC":
        assert network[f"Data{zone}Routes"]["Properties"] == {"SubnetId": {"Ref": f"Data{zone}"}, "RouteTableId": {"Ref": "DataRoutes"}}
    database = loaded[FOLDER / "data.yaml"]["Resources"]
    assert database["Database"]["Properties"]["DeletionProtection"] == {"Ref": "DeletionProtection"}
    assert database["DatabaseParameters"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    metrics = (ROOT / "docs/metrics.md").read_text()
    backlog = loaded[ECS / "services.yaml"]["Resources"]["JobWorkerByBacklog"]["Properties"]
    metric = backlog["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    assert f"`{metric['MetricName']}` (Count), by Environment" in metrics, metric
    alarms = load(ROOT / "deploy/observability/cloudwatch/outcrop.yaml")["Resources"]
    assert alarms["ErrorRateAlarm"]["Properties"]["AlarmName"] == {"Fn::Sub": "${Namespace}-${Environment}-ErrorRate"}
    say("bounds: time-outs outlast what they stand around; metric, alarm and queue are those that the program knows")


class Made:
    """Stacks on the local AWS, in an account of this run's own, so that nothing is there and nothing is in anybody's way."""

    def __init__(self, loaded):
        self.loaded = loaded
        self.account = f"{random.randrange(10**11, 10**12)}"
        role = boto3.client("sts").assume_role(RoleArn=f"arn:aws:iam::{self.account}:role/deployer", RoleSessionName="check")
        keys = role["Credentials"]
        self.session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        self.skipped, self.region = collections.Counter(), REGION
        # What belongs to the account: whose it is, by type and name.
        self.account_wide = {}
        zone = self.client("route53", "us-east-1").create_hosted_zone(Name="ai.example.com", CallerReference="check")
        self.zone = zone["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def client(self, service: str, region: str = REGION):
        # Once: a local AWS that fails, fails again.
        return self.session.client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}))

    def stand_in(self, name: str, kind: str, attribute: str) -> str:
        service = kind.split("::")[1].lower()
        if kind == "AWS::RDS::DBParameterGroup":
            # The local AWS makes one, but cannot give it to a database.
            return "default.postgres17"
        if kind == "AWS::CertificateManager::Certificate":
            return self.client("acm", self.region).request_certificate(DomainName="ai.example.com")["CertificateArn"]
        if kind == "AWS::ElastiCache::ReplicationGroup" and attribute.endswith("Address"):
            return f"{name.lower()}.example.com"
        return f"arn:aws:{service}:{self.region}:{self.account}:{kind.split('::')[2].lower()}/{name}"

    def create(self, stack: str, path: pathlib.Path, parameters: dict, region: str = REGION) -> dict:
        """Makes the stack of one template; answers its outputs."""
        self.region = region
        template, skipped = without(load(path), MADE, self.stand_in, UNKNOWN_ATTRIBUTES)
        # Stacks within it have been made already.
        self.skipped.update(it for it in skipped if it != "AWS::CloudFormation::Stack")
        template.pop("Transform", None)
        if parameters.get("PrimaryDatabaseArn"):
            # The local AWS looks for a replica's subnets in the region of its source.
            template["Resources"]["Database"]["Properties"].pop("DBSubnetGroupName")
        # A stack needs something in it.
        template["Resources"] = template["Resources"] or {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        given = {key: it["Default"] for key, it in template.get("Parameters", {}).items() if "Default" in it}
        given |= parameters
        resolver = Resolver(load(path), given, {}, region, self.account)
        template["Resources"] = resolver.decided(template["Resources"])
        for what in cfn_rules.account_wide(load(path), resolver):
            other = self.account_wide.setdefault(what, stack)
            assert other == stack, f"{what} belongs to the account, and both {other} and {stack} make it"
        client = self.client("cloudformation", region)
        client.create_stack(
            StackName=stack,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        made = client.describe_stacks(StackName=stack)["Stacks"][0]
        assert made["StackStatus"] == "CREATE_COMPLETE", made
        outputs = {it["OutputKey"]: it["OutputValue"] for it in made.get("Outputs", [])}
        assert not any("Fn::" in it or "${" in it for it in outputs.values()), f"{path.name}: {outputs}"
        return outputs

    def create_nested(self, stack: str, path: pathlib.Path, parameters: dict, region: str) -> dict:
        """Makes a template of nested stacks, one after the other, and a stack with its outputs.

        The local AWS knows no outputs of nested stacks, so that what CloudFormation does between them is done here.
        """
        template, attributes = load(path), {}
        resolver = Resolver(template, parameters, {}, region, self.account, attributes)
        for name, given, url in nested(template):
            child = (path.parent / url).resolve()
            inner = load(child)
            given = resolver.resolve(given)
            if any(True for _ in nested(inner)):
                resolver_of_child = Resolver(inner, given, {}, region, self.account)
                for deeper, deepest, place in nested(inner):
                    self.create(f"{stack}-{name}-{deeper}", (child.parent / place).resolve(), resolver_of_child.resolve(deepest), region)
            made = self.create(f"{stack}-{name}", child, given, region)
            attributes |= {f"{name}.Outputs.{key}": value for key, value in made.items()}
            promised = {
                key for key, it in inner.get("Outputs", {}).items()
                if "Condition" not in it or Resolver(inner, given, {}, region, self.account).condition(it["Condition"])
            }
            assert set(made) == promised, f"{child.name}: outputs {promised ^ set(made)}"
        outputs = {key: {"Value": resolver.resolve(it["Value"]), "Export": {"Name": f"{stack}-{key}"}} for key, it in template["Outputs"].items()}
        body = {"Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}, "Outputs": outputs}
        self.client("cloudformation", region).create_stack(StackName=stack, TemplateBody=json.dumps(body))
        return self.exports(region)

    def exports(self, region: str = REGION) -> dict:
        pages = self.client("cloudformation", region).get_paginator("list_exports").paginate()
        return {it["Name"]: it["Value"] for page in pages for it in page["Exports"]}

    def resources(self, stack: str, region: str = REGION) -> collections.Counter:
        """Types of what a stack and those in it have made."""
        client = self.client("cloudformation", region)
        found = collections.Counter()
        for name in [it["StackName"] for it in client.describe_stacks()["Stacks"] if it["StackName"].startswith(f"{stack}-")]:
            listed = client.describe_stack_resources(StackName=name)["StackResources"]
            # What a condition leaves out is listed without a type.
            found.update(it["ResourceType"] for it in listed if "ResourceType" in it)
        return found

    def foundation(self, name: str, region: str) -> None:
        parameters = parameters_of(name) | {"HostedZoneId": self.zone}
        if "PrimaryDatabaseArn" in parameters:
            parameters["PrimaryDatabaseArn"] = self.exports()["outcrop-prod-DatabaseArn"]
        environment = parameters["Environment"]
        stack = f"outcrop-{name}"
        exports = self.create_nested(stack, FOLDER / "main.yaml", parameters, region)
        mine = {key for key in exports if re.fullmatch(rf"{stack}-[A-Z]\w+", key)}
        assert mine == {f"{stack}-{it}" for it in self.loaded[FOLDER / "main.yaml"]["Outputs"]}, mine
        found = self.resources(stack, region)
        size = self.loaded[FOLDER / "main.yaml"]["Mappings"]["Sizes"][environment]
        self.network(exports[f"{stack}-VpcId"], size, region)
        self.kept(exports, stack, size, parameters, region)
        say(f"{name}: {sum(found.values())} resources made in {region}, {len(mine)} values exported")

    def network(self, vpc: str, size: dict, region: str) -> None:
        ec2 = self.client("ec2", region)
        of = [{"Name": "vpc-id", "Values": [vpc]}]
        subnets = ec2.describe_subnets(Filters=of)["Subnets"]
        zones = int(size["Zones"])
        assert len(subnets) == 3 * zones and len({it["AvailabilityZone"] for it in subnets}) == zones, subnets
        gateways = ec2.describe_nat_gateways(Filter=of)["NatGateways"]
        assert len(gateways) == (zones if size["NatGateways"] == "each-zone" else 1), gateways
        # Private subnets have a table each, public ones share one, and that of the data leads nowhere, like the VPC's own.
        ways = collections.Counter()
        for table in ec2.describe_route_tables(Filters=of)["RouteTables"]:
            out = [it for it in table["Routes"] if it.get("DestinationCidrBlock") == "0.0.0.0/0"]
            ways["nat" if any("NatGatewayId" in it for it in out) else "internet" if out else "nowhere"] += 1
        assert ways == {"nat": zones, "internet": 1, "nowhere": 2}, ways
        endpoints = {it["ServiceName"].split(".", 3)[3] for it in ec2.describe_vpc_endpoints(Filters=of)["VpcEndpoints"]}
        wanted = {"s3"}
        if size["Interfaces"] == "true":
            wanted |= {"bedrock-runtime", "bedrock", "sqs", "secretsmanager", "ecr.api", "ecr.dkr", "logs", "sts", "kms"}
        assert wanted <= endpoints, wanted - endpoints
        for group in ec2.describe_security_groups(Filters=of)["SecurityGroups"]:
            for rule in group["IpPermissions"]:
                # The VPC's own default group stays as AWS makes it; nothing here is in it.
                if any(it["CidrIp"] == "0.0.0.0/0" for it in rule["IpRanges"]) and group["GroupName"] != "default":
                    assert rule["FromPort"] in (80, 443), (group["GroupName"], rule)

    def kept(self, exports: dict, stack: str, size: dict, parameters: dict, region: str) -> None:
        environment = parameters["Environment"]
        sqs = self.client("sqs", region)
        queue = sqs.get_queue_attributes(QueueUrl=exports[f"{stack}-QueueUrl"], AttributeNames=["All"])["Attributes"]
        redrive = json.loads(queue["RedrivePolicy"])
        assert redrive["deadLetterTargetArn"].endswith(f":outcrop-{environment}-jobs-dead") and int(redrive["maxReceiveCount"]) == 5, queue
        assert queue["KmsMasterKeyId"] == exports[f"{stack}-KeyArn"], queue
        s3 = self.client("s3", region)
        bucket = exports[f"{stack}-BlobsUrl"].removeprefix("s3://").removesuffix("/files")
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", rule
        rds = self.client("rds", region)
        databases = {it["DBInstanceArn"]: it for it in rds.describe_db_instances()["DBInstances"]}
        database = databases[exports[f"{stack}-DatabaseArn"]]
        assert database["MultiAZ"] == (size["MultiAz"] == "true"), database
        assert not database["PubliclyAccessible"]
        if not parameters.get("PrimaryDatabaseArn"):
            assert database["StorageEncrypted"] and database["Engine"] == "postgres" and database["BackupRetentionPeriod"] == int(size["BackupDays"])
            replicas = database["ReadReplicaDBInstanceIdentifiers"]
            assert len(replicas) == (size["Replica"] == "true"), replicas
        balancer = self.client("elbv2", region)
        arn = exports[f"{stack}-Tls"]
        listener = balancer.describe_listeners(ListenerArns=[arn])["Listeners"][0]
        assert listener["Protocol"] == "HTTPS" and "TLS13" in listener["SslPolicy"], listener
        rules = [it for it in balancer.describe_rules(ListenerArn=arn)["Rules"] if it["Priority"] == "100"]
        weights = [int(it["Weight"]) for it in rules[0]["Actions"][0]["ForwardConfig"]["TargetGroups"]]
        assert sorted(weights) == [0, 1], rules
        iam = self.client("iam")
        for service in ("Gateway", "Auth", "Inference", "JobWorker", "Migrate", "Platform"):
            role = exports[f"{stack}-{service}RoleArn"].rsplit("/", 1)[1]
            policies = iam.list_role_policies(RoleName=role)["PolicyNames"]
            assert len(policies) == 1, (role, policies)
            document = iam.get_role_policy(RoleName=role, PolicyName=policies[0])["PolicyDocument"]
            # The local AWS writes it as Python does.
            document = ast.literal_eval(document) if isinstance(document, str) else document
            for statement in document["Statement"]:
                assert "*" not in "".join(statement["Action"]), statement
                if statement["Resource"] == "*":
                    assert statement["Sid"] in ("ListModels", "FindBatches", "SeeQuotas"), statement

    def services(self, name: str) -> None:
        stack = f"outcrop-{name}"
        cluster = f"{stack}-cluster"
        given = {"Environment": parameters_of(name)["Environment"], "Foundation": stack}
        self.create(cluster, ECS / "cluster.yaml", given)
        exports = self.exports()
        tasks = given | {
            "Cluster": cluster, "Version": "1.2.3", "Registry": f"{self.account}.dkr.ecr.{REGION}.amazonaws.com", "ModelRegions": "eu-central-1,eu-west-1",
        }
        everything = tasks | {
            "Collector": "true", "CollectorImage": "example/collector:1", "LogRouter": "true", "LogRouterImage": "example/log-router:1",
            "DatabaseCertificates": "true", "BatchInference": "true", "SettingsArn": "arn:aws:s3:::example-settings/dev.env",
        }
        for parameters in (tasks, everything):
            self.registered(parameters, exports)
        made = self.create(f"{stack}-tasks", ECS / "tasks.yaml", tasks)
        arns = {f"{key}Task": value for key, value in made.items() if key != "Migrate"}
        running = given | arns | {"Cluster": cluster, "Subnets": exports[f"{stack}-PrivateSubnets"]}
        for strategy in ("ROLLING", "BLUE_GREEN", "CANARY"):
            count = self.service_requests(running | {"Strategy": strategy}, exports)
        self.create(f"{stack}-services", ECS / "services.yaml", running)
        found = self.client("ecs").list_services(cluster=exports[f"{cluster}-Cluster"])["serviceArns"]
        assert {it.rsplit("/", 1)[1] for it in found} == {"gateway", "auth", "inference", "job-worker"}, found
        self.create(f"{stack}-watch", ECS / "watch.yaml", given | {"Cluster": cluster})
        alarms = self.alarm_requests(given | {"Cluster": cluster}, exports | self.exports())
        self.create(f"{stack}-restart", ECS / "restart.yaml", given | {"Cluster": cluster})
        say(f"{name} on ECS: {alarms} alarms, 5 task definitions registered in 2 forms each, {len(found)} services made, {count} of them in 3 strategies as the model has it")

    def registered(self, parameters: dict, exports: dict) -> None:
        """Each task definition as a request: by its model, by what this platform needs, and by the local AWS."""
        template = self.loaded[ECS / "tasks.yaml"]
        resolver = Resolver(template, parameters, exports, REGION, self.account)
        shape = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
        ecs = self.client("ecs")
        known, drain = settings(), default_of("server.drain_ms") / 1000
        for name, resource in template["Resources"].items():
            request = as_request(resolver.resolve(resource["Properties"]), shape, name)
            problems = ParamValidator().validate(request, shape)
            assert not problems.has_errors(), f"{name}: {problems.generate_report()}"
            answer = ecs.register_task_definition(**request)["taskDefinition"]
            assert answer["status"] == "ACTIVE" and answer["networkMode"] == "awsvpc", answer
            assert request["runtimePlatform"]["cpuArchitecture"] == "ARM64"
            own = request["containerDefinitions"][0]
            assert own["user"].startswith("65532") and own["linuxParameters"]["capabilities"]["drop"] == ["ALL"], own
            if name != "Migrate":
                assert own["stopTimeout"] > drain + 5
                program = own["healthCheck"]["command"][1].removeprefix("/usr/local/bin/")
                assert (ROOT / "services" / program.removeprefix("outcrop-") / "src/main.rs").is_file(), program
            for container in request["containerDefinitions"]:
                assert container["readonlyRootFilesystem"] is True, container["name"]
            for entry in own["environment"]:
                assert entry["name"] in known, entry
                if re.search(r"SECRET$|PASSWORD$", entry["name"]):
                    assert entry["value"].startswith("secretsmanager://arn:aws:"), entry
                assert "none" not in entry["value"].split("-"), entry
            for entry in own.get("secrets", []):
                assert entry["valueFrom"].startswith("arn:aws:") or parameters.get("DatabaseCertificates") == "true", entry
            assert len(own.get("environmentFiles", [])) == bool(parameters.get("SettingsArn")), f"{name}: further settings"
            assert name != "Inference" or own["mountPoints"][0]["containerPath"] == "/data"

    def service_requests(self, parameters: dict, exports: dict) -> int:
        """Each service as a request, against its model: the local AWS knows little of it."""
        template = self.loaded[ECS / "services.yaml"]
        resolver = Resolver(template, parameters, exports, REGION, self.account)
        shape = botocore.session.get_session().get_service_model("ecs").operation_model("CreateService").input_shape
        count = 0
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::ECS::Service":
                request = as_request(resolver.resolve(resource["Properties"]), shape, name)
                problems = ParamValidator().validate(request, shape)
                assert not problems.has_errors(), f"{name}: {problems.generate_report()}"
                assert request["enableExecuteCommand"] is False
                assert request["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
                assert "desiredCount" not in request and ("loadBalancers" in request) == (name == "Gateway")
                count += 1
        return count

    def alarm_requests(self, parameters: dict, exports: dict) -> int:
        """Each alarm as a request, against its model, about what there is: the local AWS makes none."""
        template = self.loaded[ECS / "watch.yaml"]
        resolver = Resolver(template, parameters, exports, REGION, self.account)
        shape = botocore.session.get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm").input_shape
        sets = {it["TargetGroupArn"].split(":")[5] for it in self.client("elbv2").describe_target_groups()["TargetGroups"]}
        for name, resource in template["Resources"].items():
            request = as_request(resolver.resolve(resource["Properties"]), shape, name)
            problems = ParamValidator().validate(request, shape)
            assert not problems.has_errors(), f"{name}: {problems.generate_report()}"
            for query in request["Metrics"]:
                dimensions = {it["Name"]: it["Value"] for it in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])}
                assert dimensions.get("TargetGroup") in {None} | sets, f"{name}: there are no targets {dimensions}"
        return len(template["Resources"])

    def instances(self, name: str) -> None:
        stack, exports = f"outcrop-{name}", self.exports()
        # A public parameter of AWS, which the local one has too.
        path = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
        self.create(f"{stack}-platform", EC2 / "platform.yaml", {
            "Environment": parameters_of(name)["Environment"], "Foundation": stack, "VpcId": exports[f"{stack}-VpcId"],
            "Subnets": exports[f"{stack}-PrivateSubnets"], "ModelRegions": "eu-central-1,eu-west-1",
            "ReleaseBucket": "example-releases", "ReleaseKey": "outcrop/release.tar.gz", "ReleaseSha256": "0" * 64, "Image": path,
        })
        groups = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[stack])["AutoScalingGroups"]
        assert groups[0]["HealthCheckType"] == "ELB" and groups[0]["TargetGroupARNs"], groups
        ec2 = self.client("ec2")
        template = ec2.describe_launch_template_versions(LaunchTemplateId=groups[0]["LaunchTemplate"]["LaunchTemplateId"], Versions=["$Latest"])
        data = template["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required" and data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1, data
        assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True and "KeyName" not in data, data
        say(f"{name} on EC2: a group of {groups[0]['MinSize']} to {groups[0]['MaxSize']} behind the load balancer, IMDSv2 alone, encrypted disk, no SSH key")


main()
