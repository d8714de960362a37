"""Which AWS operations the Rust sources can call, and which service calls which: what iam.py compares policies with.

The fluent calls of the SDK's clients are looked for in the crates that link an SDK, operations' names are those of AWS's own
models (botocore's). What a service can reach follows from the functions of crates/wiring that it names.
"""

import re
import tomllib

from common import ROOT

# SDK crates, as botocore calls their services.
SDKS = {
    "aws-sdk-bedrockruntime": "bedrock-runtime",
    "aws-sdk-sqs": "sqs",
    "aws-sdk-s3": "s3",
    "aws-sdk-secretsmanager": "secretsmanager",
    "aws-sdk-servicequotas": "service-quotas",
    "aws-sdk-sts": "sts",
}
# Crates of AWS that call no operation of which we could not see the name: configuration, types, encodings.
SUPPORT = {"aws-config", "aws-credential-types", "aws-runtime", "aws-types", "aws-lc-rs"}
# Of aws-config: the credential chain of the environment needs no permission of the role that it finds.
CONFIG_MODULES = {"environment", "meta", "profile", "identity"}

TEST_MODULE = re.compile(r"^#\[cfg\((?:all\()?test\b", re.MULTILINE)
COMMENT = re.compile(r"(?m)^\s*//.*$|\s//\s.*$")


def code_of(path) -> str:
    """A source file without its tests, which stand at the end, and without lines of comment."""
    text = path.read_text()
    for found in TEST_MODULE.finditer(text):
        # `#[cfg(test)] mod tests;` in the middle of a file hides nothing.
        if not re.match(r"[^\n]*\n(?:\s*#\[[^\n]*\n)*\s*(?:pub(?:\([a-z]+\))? )?mod \w+;", text[found.start():]):
            text = text[: found.start()]
            break
    return COMMENT.sub("", text)


def sources(folder):
    """The files that are built into the program, without those of tests alone."""
    for path in sorted(folder.rglob("*.rs")):
        parts = path.relative_to(folder).parts
        if not any(part in ("tests", "testing") or part.removesuffix(".rs").endswith("tests") for part in parts):
            yield path


def manifests():
    for path in sorted([*ROOT.glob("crates/*/Cargo.toml"), *ROOT.glob("services/*/Cargo.toml")]):
        yield path.parent, tomllib.loads(path.read_text())


class Aws:
    """AWS's own models of its services, as botocore has them."""

    def __init__(self):
        import botocore.loaders

        self.loader = botocore.loaders.Loader()
        self.known = {}

    def operations(self, service) -> dict:
        if service not in self.known:
            self.known[service] = self.loader.load_service_model(service, "service-2")["operations"]
        return self.known[service]

    def by_method(self, service) -> dict[str, str]:
        """`list_objects_v2` -> `ListObjectsV2`."""
        import botocore

        return {botocore.xform_name(name): name for name in self.operations(service)}

    def by_path(self, service, method, path) -> str:
        """The operation behind an HTTP path, whose variable parts are `{…}`."""
        wanted = [re.sub(r"\{[^}]*\}", "{}", part) for part in path.split("?")[0].strip("/").split("/")]
        for name, operation in self.operations(service).items():
            parts = [re.sub(r"\{[^}]*\}", "{}", it) for it in operation["http"]["requestUri"].strip("/").split("/")]
            if operation["http"]["method"] == method and parts == wanted:
                return name
        raise AssertionError(f"{service} has no operation {method} {path}")


def sdk_calls(aws) -> dict[str, set[str]]:
    """Per crate the operations of its SDKs that its code calls, as `service:Operation`."""
    found = {}
    for folder, manifest in manifests():
        linked = manifest.get("dependencies", {})
        strange = [it for it in linked if it.startswith("aws-") and not it.startswith("aws-smithy-")]
        strange = [it for it in strange if it not in SDKS and it not in SUPPORT]
        assert not strange, f"{folder.name} links {strange}, of which iam_code.py does not know what it calls"
        calls = set()
        for path in sources(folder / "src"):
            calls |= calls_of(aws, path, [SDKS[it] for it in linked if it in SDKS])
        if calls:
            found[folder.name] = calls
    return found


def calls_of(aws, path, services) -> set[str]:
    code, calls = code_of(path), set()
    for service in services:
        methods = aws.by_method(service)
        called = {methods[it] for it in re.findall(r"\.\s*([a-z][a-z0-9_]*)\(\)", code) if it in methods}
        # `operation::get_object::GetObjectOutput`: nobody names an answer of what he does not ask.
        crate = next(name for name, it in SDKS.items() if it == service).replace("-", "_")
        named = set(re.findall(crate + r"::operation::([a-z0-9_]+)::", code)) - {"request_id"}
        strange = [it for it in named if it not in methods]
        assert not strange, f"{path}: {strange} of {crate} are no operations of botocore's {service}"
        calls |= {f"{service}:{it}" for it in called | {methods[it] for it in named}}
    assert ".into_paginator()" not in code or calls, f"{path} pages through an operation that was not recognised"
    assert "wait_until_" not in code, f"{path}: waiters call operations that are not seen here"
    if "AssumeRoleProvider" in code:
        calls.add("sts:AssumeRole")
    modules = set(re.findall(r"aws_config::([a-z_]+)::", code)) - CONFIG_MODULES - {"sts"}
    assert not modules, f"{path}: what does aws_config::{modules} call?"
    assert not re.search(r"aws_config::sts::(?!AssumeRoleProvider)", code), f"{path}: an unknown provider of STS"
    return calls | signed_here(aws, path, code)


def signed_here(aws, path, code) -> set[str]:
    """What a file asks that signs calls of Bedrock itself, with the SDK's signer (see direct.rs of crates/bedrock)."""
    if "aws_runtime" not in code:
        return set()
    modules = set(re.findall(r"aws_runtime::(?:([a-z0-9_:]+)::)?", code))
    assert modules == {"auth::sigv4"}, f"{path}: what does aws_runtime::{modules} call?"
    ends = re.findall(r'\boperation\("([a-z-]+)", &\w+::new\(\)\)', code)
    assert '"{}/model/{}/{}"' in code and ends, f"{path} signs calls, of which iam_code.py does not see the paths"
    return {"bedrock-runtime:" + aws.by_path("bedrock-runtime", "POST", f"/model/{{modelId}}/{it}") for it in ends}


def control_plane(aws) -> dict[str, set[str]]:
    """Per file of crates/bedrock the operations of Bedrock's control plane, whose paths it writes itself (see control.rs)."""
    found = {}
    for path in sources(ROOT / "crates/bedrock/src"):
        code = code_of(path)
        kinds = re.findall(r'const KIND: &str = "([a-z-]+)"', code)
        calls = set()
        for method in ("get", "post", "of", "act"):
            for call in re.finditer(rf"\.{method}(?:::<\w+>)?\(", code):
                calls |= asked(aws, method, code[call.end():], kinds, code)
        if calls:
            found[path.relative_to(ROOT / "crates/bedrock/src").as_posix()] = calls
    return found


def asked(aws, method, rest, kinds, code) -> set[str]:
    """What one call of `get`, `post`, `of` or `act` asks; nothing if it is another method of that name."""
    if method in ("of", "act"):
        if not rest.startswith("KIND,"):
            return set()
        assert len(kinds) == 1, "a file has one kind of thing"
        last = "" if method == "of" else "/" + re.match(r'KIND, \w+, "([a-z]+)"', rest).group(1)
        verb = "GET" if method == "of" else "POST"
        return {"bedrock:" + aws.by_path("bedrock", verb, f"/{kinds[0]}/{{id}}{last}")}
    literal = re.match(r'(?:&format!\()?"(/[^"]*)"', rest)
    if literal and "{kind}" in literal.group(1):
        # `of` and `act` themselves: who calls them says what it is.
        return set()
    if literal:
        return {"bedrock:" + aws.by_path("bedrock", method.upper(), literal.group(1))}
    variable = re.match(r"&?(path|query)[,)]", rest)
    if not variable:
        return set()
    paths = re.findall(rf'let (?:mut )?{variable.group(1)} = format!\("(/[^"]*)"', code)
    assert paths, f"a path of the control plane is made of no literal: {rest[:40]}"
    return {"bedrock:" + aws.by_path("bedrock", method.upper(), it) for it in paths}


# What each adapter is known by in crates/wiring.
ADAPTERS = {
    "queue": "SqsQueue::connect",
    "files": "S3Blobs::connect",
    "models": "live_catalog(",
    "batches": "BedrockBatches::new",
    "secrets": "secrets::fetch",
    "exports": 'blobs_at("usage.export_url"',
    "accounts": "outcrop_aws::assume_role",
    "identity": "outcrop_aws::caller_identity",
    "quotas": "outcrop_aws::bedrock_quotas",
}


# Secrets of policies.json, and the settings that they are.
SECRETS = {
    "database-password": "store.password",
    "cache-password": "cache.password",
    "internal-secret": "internal.secret",
    "key-secret": "auth.key_secret",
}

# What these call makes an adapter that is used for less than it can do: they stand for themselves.
ENDS = {"export"}


class Wiring:
    """The functions of crates/wiring, what they call of each other, and the adapters that they make."""

    def __init__(self):
        self.bodies = {}
        outside = []
        for path in sources(ROOT / "crates/wiring/src"):
            code = code_of(path)
            functions = list(re.finditer(r"(?m)^(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)", code))
            for found in functions:
                end = code.index("\n}", found.start()) if "\n}" in code[found.start():] else len(code)
                # Two files may each have a private function of a name: taken together.
                name = found.group(1)
                self.bodies[name] = self.bodies.get(name, "") + code[found.start():end]
                code = code[: found.start()] + " " * (end - found.start()) + code[end:]
            outside += [(path.name, mark) for mark in ADAPTERS.values() if mark in code]
        # The emulator's batch jobs write to S3 as those of Bedrock do; it is no part of what runs on AWS.
        unseen = [it for it in outside if it != ("objects.rs", "S3Blobs::connect")]
        assert not unseen, f"adapters are made outside of functions: {unseen}"

    def reached(self, names) -> set[str]:
        """These functions, and those that they call."""
        seen, left = set(), [it for it in names if it in self.bodies]
        while left:
            name = left.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in ENDS:
                continue
            called = re.findall(r"(?<![.\w])(?:crate::(?:\w+::)?)?(\w+)\(", self.bodies[name])
            left += [it for it in called if it in self.bodies and it not in seen]
        return seen

    def adapters(self, names) -> set[str]:
        """What these functions make."""
        bodies = [self.bodies[it].partition("{")[2] for it in self.reached(names)]
        return {adapter for adapter, mark in ADAPTERS.items() if any(mark in it for it in bodies)}

    def secrets(self, names) -> set[str]:
        """The secrets that these functions use, by their names in policies.json."""
        # Those that fetch whatever is given are no use of it.
        used = self.reached(names) - {"resolve", "references", "fields"}
        return {name for name, setting in SECRETS.items() if any(f"config.{setting}" in self.bodies[it] for it in used)}


def wired(paths) -> set[str]:
    """The functions of crates/wiring that these files name."""
    names = set()
    for path in paths:
        code = code_of(path)
        names |= set(re.findall(r"outcrop_wiring::(\w+)", code))
        for group in re.findall(r"use outcrop_wiring::\{([^}]*)\}", code):
            names |= set(re.findall(r"\w+", group))
    return names
