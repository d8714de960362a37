"""Reads what is under deploy/observability as its readers do, and prints what it found.

Usage: checks.py ROOT, with AWS_ENDPOINT_URL at a local AWS.
"""

import json
import pathlib
import subprocess
import sys
import uuid

import boto3
import yaml

ROOT = pathlib.Path(sys.argv[1])
FOLDER = ROOT / "deploy/observability"


def rules() -> list[dict]:
    document = yaml.safe_load((FOLDER / "prometheus/rules.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def lint(template: pathlib.Path) -> None:
    done = subprocess.run([pathlib.Path(sys.executable).with_name("cfn-lint"), str(template)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def deploy(template: pathlib.Path) -> list[str]:
    """Makes the stack, and the alarms, which the local CloudFormation knows nothing of; returns their names."""
    environment = f"test-{uuid.uuid4().hex[:8]}"
    stack = f"observability-{environment}"
    formation, watch = boto3.client("cloudformation"), boto3.client("cloudwatch")
    body = template.read_text()
    formation.validate_template(TemplateBody=body)
    given = {"Environment": environment, "AlarmTopic": TOPIC}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    formation.create_stack(StackName=stack, TemplateBody=body, Parameters=parameters)
    dashboard(f"Outcrop-{environment}", watch)
    formation.delete_stack(StackName=stack)
    return alarms(yaml.safe_load(body), given, watch)


def alarms(template: dict, given: dict, watch) -> list[str]:
    values = {name: it["Default"] for name, it in template["Parameters"].items()} | given
    wanted = [it["Properties"] for it in template["Resources"].values() if it["Type"] == "AWS::CloudWatch::Alarm"]
    for properties in wanted:
        watch.put_metric_alarm(**resolved(properties, values))
    prefix = f"Outcrop-{given['Environment']}-"
    found = watch.describe_alarms(AlarmNamePrefix=prefix, MaxRecords=100)["MetricAlarms"]
    for alarm in found:
        assert alarm["AlarmActions"] == [TOPIC], alarm
        assert "docs/runbooks/" in alarm["AlarmDescription"], alarm
    names = [alarm["AlarmName"] for alarm in found]
    watch.delete_alarms(AlarmNames=names)
    return sorted(name.removeprefix(prefix) for name in names)


def resolved(value, values: dict):
    """What CloudFormation makes of a value: parameters in their places, every condition true."""
    if isinstance(value, list):
        return [resolved(it, values) for it in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("Ref", name)]:
            return values[name]
        case [("Fn::If", [_, then, _])]:
            return resolved(then, values)
        case [("Fn::Sub", text)]:
            for name, it in values.items():
                text = text.replace("${" + name + "}", str(it))
            return text
        case items:
            return {name: resolved(it, values) for name, it in items}


def dashboard(name: str, watch) -> None:
    """Its body is JSON once CloudFormation has put its parameters in."""
    body = watch.get_dashboard(DashboardName=name)["DashboardBody"]
    assert "${" not in body, body
    widgets = json.loads(body)["widgets"]
    assert widgets
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24, widget
        assert widget["properties"]["metrics"], widget


def panels() -> list[str]:
    """The expressions of all dashboards, whose panels neither overlap nor share an id."""
    found = []
    for path in sorted((FOLDER / "grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        ids, cells = set(), set()
        variables = {variable["name"] for variable in board["templating"]["list"]}
        assert {"datasource", "environment", "service", "arch"} <= variables, path
        for panel in board["panels"]:
            assert panel["id"] not in ids, (path, panel["id"])
            ids.add(panel["id"])
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, (path, panel["title"])
            own = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            assert not own & cells, (path, panel["title"])
            cells |= own
            for link in panel.get("links", []):
                page = link["url"].rsplit("/", 1)[1]
                assert (ROOT / "docs/runbooks" / page).exists(), link
            found += [target["expr"] for target in panel.get("targets", [])]
    return found


def others() -> None:
    """Whatever else is YAML can be read, and collectors have what their pipelines name."""
    for path in FOLDER.rglob("*.y*ml"):
        yaml.safe_load(path.read_text())
    for path in (FOLDER / "collector").glob("*.yaml"):
        config = yaml.safe_load(path.read_text())
        for pipeline in config["service"]["pipelines"].values():
            for kind in ("receivers", "processors", "exporters"):
                assert set(pipeline[kind]) <= set(config[kind]), (path, pipeline)
    for path in (ROOT / "docker-compose.yml", ROOT / "docker-compose.observability.yml"):
        yaml.safe_load(path.read_text())


def main() -> None:
    template = FOLDER / "cloudwatch/outcrop.yaml"
    lint(template)
    others()
    for rule in rules():
        page = rule["annotations"]["runbook_url"].rsplit("/", 1)[1]
        assert (ROOT / "docs/runbooks" / page).exists(), rule
    print(json.dumps({
        "rules": [rule["alert"] for rule in rules()],
        "alarms": deploy(template),
        "expressions": [rule["expr"] for rule in rules()] + panels(),
    }))


main()
