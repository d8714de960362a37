"""The alarms about the services on ECS, in CloudFormation and in Terraform: what makes them ring is the same."""

import re

import hcl2

from cfn import load
from common import ROOT, say
from terraform_model import bare

ECS = ROOT / "deploy/ecs"
THEIRS = ROOT / "deploy/terraform/modules/ecs/alarms.tf"
# The sets of targets by their names in metrics, of which Terraform's module is told from outside.
TARGETS = {"blue": "", "green": ""}


def check(plain) -> None:
    """`plain` makes a name with stand-ins for what is put in."""
    alarms = {plain(it["Properties"]["AlarmName"]).removeprefix("Outcrop-x-"): it["Properties"] for it in load(ECS / "watch.yaml")["Resources"].values()}
    services = {it["Properties"]["ServiceName"] for it in load(ECS / "services.yaml")["Resources"].values() if it["Type"] == "AWS::ECS::Service"}
    assert set(alarms) == {f"TasksMissing-{it}" for it in services} | {"TargetsMissing", "TargetsUnhealthy"}, sorted(alarms)
    said: dict[str, dict] = {}
    for name, alarm in alarms.items():
        kind, _, service = name.partition("-")
        facts = ours(alarm, service)
        assert facts["silence"] == "breaching" or "Missing" not in name, f"{name}: a service that is gone would not ring"
        assert said.setdefault(kind, facts) == facts, f"{kind} differs from service to service"
    terraform = theirs()
    for kind in sorted(said.keys() | terraform.keys()):
        one, other = said.get(kind, {}), terraform.get(kind, {})
        apart = {it: (one.get(it), other.get(it)) for it in one.keys() | other.keys() if one.get(it) != other.get(it)}
        assert not apart, f"{kind}, CloudFormation and Terraform: {apart}"
    say(f"alarms: {len(alarms)} about the services on ECS, of the same metrics, expression, threshold and patience in Terraform")


def ours(alarm: dict, service: str) -> dict:
    metrics = {}
    for query in alarm["Metrics"]:
        if stat := query.get("MetricStat"):
            metric = stat["Metric"]
            about = {it["Name"]: it["Value"] for it in metric["Dimensions"]}
            whose = about.get("ServiceName", "")
            metrics[query["Id"]] = {
                "metric": (metric["Namespace"], metric["MetricName"]), "every": (stat["Stat"], stat["Period"]),
                "by": sorted(about), "of": "its own" if service and whose == service else whose,
            }
    shown, = (it for it in alarm["Metrics"] if it["ReturnData"])
    periods = alarm["EvaluationPeriods"]
    return metrics | {
        "expression": shown["Expression"], "operator": alarm["ComparisonOperator"], "threshold": alarm["Threshold"],
        "periods": periods, "of which": alarm.get("DatapointsToAlarm", periods), "silence": alarm["TreatMissingData"],
    }


def theirs() -> dict[str, dict]:
    tree = hcl2.loads(THEIRS.read_text())
    counted, = (it["counted"] for it in tree["locals"] if "counted" in it)
    by = sorted(re.findall(r"(\w+) = ", counted))
    found = {}
    for resource in tree["resource"]:
        alarm, = next(iter(resource.values())).values()
        metrics = {}
        for dynamic in alarm.get("dynamic", []):
            block = dynamic['"metric_query"']
            each = TARGETS if block["for_each"] == "${local.target_groups}" else block["for_each"]
            for id, value in each.items():
                metrics[id] = measured(block["content"][0]["metric"][0], bare(value), by)
        for query in alarm["metric_query"]:
            if "metric" in query:
                metrics[bare(query["id"])] = measured(query["metric"][0], "", by)
        shown, = (it for it in alarm["metric_query"] if it["return_data"])
        periods = alarm["evaluation_periods"]
        found[bare(alarm["alarm_name"]).split("-")[2]] = metrics | {
            "expression": bare(shown["expression"]), "operator": bare(alarm["comparison_operator"]), "threshold": alarm["threshold"],
            "periods": periods, "of which": alarm.get("datapoints_to_alarm", periods), "silence": bare(alarm["treat_missing_data"]),
        }
    return found


def measured(metric: dict, value: str, counted: list[str]) -> dict:
    """A metric of a query; `value` is what a dynamic block puts in, `counted` the dimensions of a service's own metrics."""
    name, about = bare(metric["metric_name"]), metric["dimensions"]
    whose = "" if isinstance(about, dict) else re.fullmatch(r'\$\{local\.counted\["?([\w.-]+)"?\]\}', about)[1]
    return {
        "metric": (bare(metric["namespace"]), value if name == "${metric_query.value}" else name),
        "every": (bare(metric["stat"]), metric["period"]),
        "by": sorted(about) if isinstance(about, dict) else counted, "of": "its own" if whose == "each.key" else whose,
    }
