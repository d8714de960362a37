"""deploy/ecs/deploy.sh, deploy/ec2/deploy.sh and what the workflow does with the first, run with a stand-in for `aws`: what each asks
for, in which order, and how it goes back."""

import hashlib
import re

import yaml
from common import ROOT, say

ECS, EC2 = ROOT / "deploy/ecs/deploy.sh", ROOT / "deploy/ec2/deploy.sh"
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
ARGUMENTS = ("1.2.3", REGISTRY, "eu-central-1,eu-west-1")
# What holds for one deployment alone.
ONCE = ("Strategy", "BakeMinutes", "RollBackOnAlarm")


def deployed(calls) -> dict[str, dict]:
    """The parameters that each stack was given last, in the order of the stacks."""
    found = {}
    for call in calls:
        if call[1:3] == ["cloudformation", "deploy"]:
            # As AWS's command line reads them: the last counts.
            given = call[call.index("--parameter-overrides") + 1:]
            found[call[call.index("--stack-name") + 1]] = dict(it.split("=", 1) for it in given)
    return found


def ecs_answers(world, version="1.2.2", status="UPDATE_COMPLETE"):
    world.answer("aws cloudformation describe-stacks", "output\n")
    world.answer("aws cloudformation describe-stacks outcrop-prod-services", f"{status}\n")
    world.answer("aws ecs run-task", "task\n")
    world.answer("aws ecs describe-tasks", "0\n")
    world.answer("aws ecs describe-task-definition", f"{REGISTRY}/outcrop/gateway:{version}\n")
    world.answer("aws ecr describe-repositories", "")


def by_hand(world):
    """What a deployment was told once does not hold for the next, and nobody comes in where clients are not."""
    ecs_answers(world)
    texts = (ROOT / "deploy/ecs/services.yaml").read_text()
    usual = {name: re.search(rf'(?s)\n  {name}:.*?Default: "?(\w+)', texts).group(1) for name in ONCE}
    for given in ({}, {"RollBackOnAlarm": "false"}, {"Strategy": "CANARY", "BakeMinutes": "5"}):
        code, said, calls = world.run(ECS, "prod", *ARGUMENTS, *(f"{name}={value}" for name, value in given.items()))
        stacks = deployed(calls)
        assert code == 0, said
        assert [it.removeprefix("outcrop-prod-") for it in stacks] == ["cluster", "tasks", "services", "watch", "restart"], list(stacks)
        services = stacks["outcrop-prod-services"]
        assert {name: services[name] for name in ONCE} == usual | given, services
        assert not set(ONCE) & set(stacks["outcrop-prod-tasks"]), "parameters that tasks.yaml does not have"
    for weight, passes in (("0", True), ("1", False), ("", False)):
        world.answer("aws elbv2 describe-rules", f"{weight}\n")
        code, said, calls = world.run(ECS, "prod", *ARGUMENTS, "Strategy=ROLLING")
        assert (code == 0) == passes and bool(deployed(calls)) == passes, f"clients on Green ({weight!r}): {said}"
    world.answer("aws ecs describe-tasks", "1\n")
    code, said, calls = world.run(ECS, "prod", *ARGUMENTS)
    assert code != 0 and "outcrop-prod-services" not in deployed(calls), "a migration that failed"
    say(f"deploy/ecs/deploy.sh: {len(ONCE)} parameters hold for one deployment, ROLLING is refused while clients are on Green, nothing comes in after a failed migration")


def by_workflow(world):
    """Its steps, each with what its environment is given."""
    job = yaml.safe_load((ROOT / ".github/workflows/deploy-ecs.yml").read_text())["jobs"]["deploy"]
    steps = "\n".join(it["run"] for it in job["steps"] if "run" in it)
    rows = {row["environment"]: row for row in job["strategy"]["matrix"]["include"]}
    words = re.findall(r"deploy-ecs\.sh (\w+)", steps)
    assert words == ["movable", "before", "all", "back"], words
    assert not any(row["strategy"] == "ROLLING" for row in rows.values()), "a gateway would come in where clients may not be"
    settings = {"TARGET": "prod", "VERSION": "1.2.3", "BEFORE": "1.2.2", "ECR_REGISTRY": REGISTRY, "MODEL_REGIONS": "eu-central-1",
                "STRATEGY": rows["prod"]["strategy"], "BAKE": str(rows["prod"]["bake"])}

    def run(word, **more):
        return world.run("deploy-ecs.sh", word, **settings | more)

    ecs_answers(world)
    code, said, calls = run("movable")
    assert code == 0 and "123456789012" in calls[0] and "eu-central-1" in calls[0], said
    world.answer("aws ecr describe-repositories", "outcrop/auth\n")
    assert run("movable")[0] != 0, "a tag that may be moved"
    code, said, _ = run("before")
    assert code == 0 and said.strip() == "1.2.2", said
    code, said, calls = run("all")
    given = deployed(calls)
    assert code == 0 and given["outcrop-prod-tasks"]["Version"] == "1.2.3", said
    assert given["outcrop-prod-services"]["Strategy"] == "CANARY" and given["outcrop-prod-services"]["RollBackOnAlarm"] == "true", given
    back(world, run)
    say(f"deploy-ecs.sh: {', '.join(words)}; gateways never come in by ROLLING, and a cancelled update is undone by CloudFormation")


def back(world, run):
    # An update went through, and its gateways are not well.
    ecs_answers(world, version="1.2.3")
    code, said, calls = run("back")
    given = deployed(calls)
    assert code == 0 and given["outcrop-prod-tasks"]["Version"] == "1.2.2", said
    services = given["outcrop-prod-services"]
    assert services["Strategy"] == "BLUE_GREEN" and services["RollBackOnAlarm"] == "false", services
    # ECS or CloudFormation have taken it back already.
    ecs_answers(world)
    code, said, calls = run("back")
    assert code == 0 and not deployed(calls), said
    # It is still under way: the run was cancelled, or has waited for too long.
    for status, cancels in (("UPDATE_IN_PROGRESS", True), ("UPDATE_ROLLBACK_IN_PROGRESS", False)):
        ecs_answers(world, version="1.2.3", status=status)
        assert run("before")[0] != 0, f"a deployment begins while the services are {status}"
        for state in ("cancelled", "failure"):
            code, said, calls = run("back", STATUS=state)
            verbs = [call[2] for call in calls]
            assert code == 0 and not deployed(calls), said
            assert ("cancel-update-stack" in verbs) == cancels and ("wait" in verbs) == (state == "failure"), verbs
    ecs_answers(world, status="UPDATE_ROLLBACK_FAILED")
    assert run("back")[0] != 0, "a stack that is stuck"


def instances(world):
    """An archive whose instances do not get well is taken out of the stack again."""
    archive = world.folder / "release.tar.gz"
    archive.write_text("a release")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    world.answer("aws autoscaling start-instance-refresh", "refresh\n")
    for before, status, passes in (("", "Successful", True), ("", "Failed", False), ("ReleaseSha256=old\nSettingsArn=\n", "Failed", False)):
        world.answer("aws cloudformation describe-stacks", "output\n")
        world.answer("aws cloudformation describe-stacks outcrop-dev-platform", before)
        world.answer("aws autoscaling describe-instance-refreshes", f"{status}\n")
        code, said, calls = world.run(EC2, "dev", archive, "releases", "eu-central-1")
        assert (code == 0) == passes, said
        refreshes = sum(call[2] == "start-instance-refresh" for call in calls)
        last = deployed(calls)["outcrop-dev-platform"]
        if before:
            assert last == {"ReleaseSha256": "old", "SettingsArn": ""} and refreshes == 2, (last, refreshes)
        else:
            assert last["ReleaseSha256"] == digest and refreshes == 1, (last, refreshes)
    say("deploy/ec2/deploy.sh: where instances do not get healthy the stack gets what it had before, and fails all the same")


def check(world):
    by_hand(world)
    by_workflow(world)
    instances(world)
