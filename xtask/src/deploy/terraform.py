"""`cargo xtask verify-deploy terraform`: deploy/terraform as Terraform would read it, without Terraform.

HCL is parsed; format, names, references, cycles and module calls are checked, and each argument of each resource against the
AWS provider's own schema: terraform_schema.json, of the types that are used, is written from the schema that the package
cdktf-cdktf-provider-aws of PyPI carries (`terraform.py --write-schema FOLDER`, the folder that it is installed in).
"""

import pathlib
import re
import sys

import hcl
import terraform_facts
import terraform_schema
from common import ROOT, say, setting_names, unknown_settings
from terraform_model import HERE, Block, Module, bare, local_text, values

ENVIRONMENTS = ("dev", "stage", "prod")
META = {"for_each", "count", "depends_on", "provider", "lifecycle", "provisioner", "connection"}
TYPES = {"string", "number", "bool", "list", "set", "map", "object", "tuple", "any", "optional"}
FUNCTIONS = set(
    "alltrue can cidrhost cidrsubnet compact concat contains distinct file flatten format join jsondecode jsonencode keys length "
    "lookup merge one range regex setproduct setunion slice split startswith trimprefix trimsuffix tonumber toset tostring try upper values".split()
)


# === format ===


def check_format(files: list[pathlib.Path]) -> None:
    for file in files:
        text = file.read_text()
        where = file.relative_to(ROOT)
        wanted = hcl.formatted(text)
        for number, (have, want) in enumerate(zip(text.split("\n"), wanted.split("\n")), 1):
            assert have == want, f"{where}:{number}: terraform fmt would write {want!r}, not {have!r}"
        assert text == wanted, f"{where}: terraform fmt would end the file otherwise"
        assert "\t" not in text and "<<" not in text, f"{where}: a tab, or a heredoc"
        for line in hcl.spacing(text):
            raise AssertionError(f"{where}: {line}")
        for match in re.finditer(r'= "\$\{([^{}]*)\}"$', text, re.MULTILINE):
            raise AssertionError(f"{where}: {match.group(1)} needs no quotes")
    say(f"{len(files)} files are formatted as terraform fmt does it")


# === arguments ===


def check_arguments(modules: list[Module]) -> None:
    schema, count = terraform_schema.load(), 0
    for module in modules:
        for block in module.blocks:
            if block.kind in ("resource", "data", "ephemeral"):
                kinds = schema[block.kind]
                assert block.labels[0] in kinds, f"{block.where()}: the provider has no {block.kind} {block.labels[0]}"
                count += check_body(block, kinds[block.labels[0]]["arguments"], block.body, block.address, META)
                lifecycle = block.body.get("lifecycle", [{}])[0]
                for name in lifecycle.get("ignore_changes", []):
                    name = name.removeprefix("${").removesuffix("}")
                    assert name in kinds[block.labels[0]]["arguments"], f"{block.where()}: ignore_changes names {name}"
            elif block.kind == "provider":
                count += check_body(block, schema["provider"], block.body, "provider", set())
    say(f"{count} arguments and blocks are known to version {schema['provider_version']} of the provider, and all required ones are there")


def check_body(block: Block, known: dict, body: dict, path: str, meta: set[str]) -> int:
    count, present = 0, set()
    for name, value in body.items():
        if name.startswith("__") or name in meta:
            continue
        if name == "dynamic":
            for dynamic in value:
                for label, inner in dynamic.items():
                    if label.startswith("__"):
                        continue
                    label = bare(label)
                    assert known.get(label, {}).get("block"), f"{block.where()}: {path} has no block {label}"
                    assert "for_each" in inner and len(inner["content"]) == 1, f"{block.where()}: dynamic {label} is incomplete"
                    present.add(label)
                    count += 1 + check_body(block, known[label]["of"], inner["content"][0], f"{path}.{label}", set())
            continue
        assert name in known, f"{block.where()}: {path} has no argument {name}"
        present.add(name)
        count += 1
        argument = known[name]
        is_block = isinstance(value, list) and value and all(isinstance(it, dict) and "__is_block__" in it for it in value)
        if is_block:
            assert argument.get("block"), f"{block.where()}: {path}.{name} is no block"
            assert not argument.get("single") or len(value) == 1, f"{block.where()}: {path}.{name} is there more than once"
            for inner in value if argument["of"] is not None else []:
                count += check_body(block, argument["of"], inner, f"{path}.{name}", set())
        else:
            assert not argument.get("block"), f"{block.where()}: {path}.{name} is a block"
            check_literal(block, argument["type"], value, f"{path}.{name}")
    missing = [name for name, it in known.items() if it.get("required") and name not in present]
    assert not missing, f"{block.where()}: {path} lacks {', '.join(missing)}"
    return count


def check_literal(block: Block, kind: str, value, path: str) -> None:
    """Whether a constant can be what the argument is; expressions are not evaluated."""
    if isinstance(value, str) and not value.startswith('"'):
        return
    text = bare(value) if isinstance(value, str) else value
    fine = {
        "string": isinstance(text, (str, int, float, bool)),
        "number": isinstance(text, (int, float)) and not isinstance(text, bool) or isinstance(text, str) and (text.isdigit() or "${" in text),
        "bool": isinstance(text, bool),
        "list": isinstance(text, list),
        "map": isinstance(text, dict),
        "any": True,
    }[kind]
    assert fine, f"{block.where()}: {path} is a {kind}, not {value!r}"


# === references ===


def check_references(modules: dict[str, Module]) -> None:
    schema, count = terraform_schema.load(), 0
    for module in modules.values():
        used: set[tuple[str, str]] = set()
        declared = {kind: module.named(kind) for kind in ("variable", "resource", "data", "ephemeral", "module", "output")}
        for block in module.blocks:
            bound = set(block.bound) | set(re.findall(r'\bdynamic "([a-z_]+)"', block.text))
            assert block.called <= FUNCTIONS | TYPES, f"{block.where()}: calls {block.called - FUNCTIONS - TYPES}"
            for reference in block.references:
                count += 1
                check_reference(schema, modules, module, declared, block, bound, reference, used)
        for name, block in declared["variable"].items():
            assert ("var", name) in used, f"{block.where()}: variable {name} is not used"
        for name, block in module.locals.items():
            assert ("local", name) in used, f"{block.where()}: local {name} is not used"
        for name, block in declared["data"].items():
            assert ("data", name) in used, f"{block.where()}: data {name} is not used"
    say(f"{count} references resolve, and no variable, local or data source is there for nothing")


def check_reference(schema, modules, module, declared, block, bound, reference, used) -> None:
    parts, where = reference.parts, block.where(reference.line)
    root, name = parts[0], parts[1] if len(parts) > 1 else ""
    text = ".".join(parts)
    if root in bound or root in TYPES and block.kind == "variable":
        return
    if root == "var":
        assert name in declared["variable"], f"{where}: there is no variable {name}"
        if block.kind != "variable" or block.labels[0] != name:
            used.add(("var", name))
    elif root == "local":
        assert name in module.locals, f"{where}: there is no local {name}"
        used.add(("local", name))
    elif root == "each":
        assert "for_each" in block.body and name in ("key", "value"), f"{where}: {text} without for_each"
    elif root == "count":
        assert "count" in block.body and name == "index", f"{where}: {text} without count"
    elif root == "path":
        assert name in ("module", "root"), f"{where}: {text}"
    elif root == "module":
        assert name in declared["module"], f"{where}: there is no module {name}"
        call = declared["module"][name]
        rest = index(call, parts[2:], where, text)
        outputs = target(modules, module, call).named("output")
        assert not rest or rest[0] in outputs, f"{where}: module {name} has no output {rest[0]}"
        if rest:
            used.add(("output", f"{name}.{rest[0]}"))
    elif root in ("data", "ephemeral") or "_" in root and f"{root}.{name}" in declared["resource"]:
        kind = root if root in ("data", "ephemeral") else "resource"
        own = parts[1:] if kind != "resource" else parts
        key = ".".join(own[:2])
        assert key in declared[kind], f"{where}: there is no {kind} {key}"
        used.add((kind, key))
        rest = index(declared[kind][key], own[2:], where, text)
        if rest:
            attributes = schema[kind][own[0]]["attributes"]
            assert rest[0] in attributes, f"{where}: {own[0]} has no attribute {rest[0]}"
    elif block.kind == "resource" and root in schema["resource"][block.labels[0]]["arguments"] and "ignore_changes" in block.text:
        return
    else:
        raise AssertionError(f"{where}: {text} names nothing")


def index(block: Block, rest, where: str, text: str):
    """What follows the index of a block that stands for several, which must have one, as others must not."""
    several = "for_each" in block.body or "count" in block.body
    if not rest:
        return rest
    if several:
        assert rest[0].startswith("["), f"{where}: {text} names one of several without an index"
        return rest[1:]
    assert not rest[0].startswith("["), f"{where}: {text} has an index, but there is only one"
    return rest


def target(modules: dict[str, Module], module: Module, call: Block) -> Module:
    path = (module.folder / bare(call.body["source"])).resolve()
    name = str(path.relative_to(HERE))
    assert name in modules, f"{call.where()}: there is no module {path}"
    return modules[name]


# === modules, cycles ===


def check_modules(modules: dict[str, Module]) -> None:
    calls = 0
    for module in modules.values():
        for call in module.of("module"):
            calls += 1
            variables = target(modules, module, call).named("variable")
            given = {name for name in call.body if not name.startswith("__")} - {"source", "version", "count", "for_each", "depends_on", "providers"}
            unknown = given - set(variables)
            assert not unknown, f"{call.where()}: module {call.labels[0]} has no variable {', '.join(sorted(unknown))}"
            missing = [name for name, it in variables.items() if "default" not in it.body and name not in given]
            assert not missing, f"{call.where()}: module {call.labels[0]} lacks {', '.join(missing)}"
        edges = {}
        for block in module.blocks:
            names = list(module.locals) if block.kind == "locals" else [block.address]
            for name in names:
                text = {"locals": lambda: local_text(block, name)}.get(block.kind, lambda: block.text)()
                node = f"local.{name}" if block.kind == "locals" else name
                edges[node] = {node_of(it.parts) for it in hcl.references(text)[0]}
        cycle(module, edges)
    used = {it.parts[1:] for module in modules.values() for block in module.blocks for it in block.references if it.parts[0] == "module"}
    used = {(parts[0], next((it for it in parts[1:] if not it.startswith("[")), "")) for parts in used}
    for module in modules.values():
        for call in module.of("module"):
            for output, block in target(modules, module, call).named("output").items():
                assert (call.labels[0], output) in used, f"{block.where()}: output {output} is not used"
    say(f"{calls} calls of modules have every required variable and no unknown one; nothing depends on itself")


def node_of(parts: tuple[str, ...]) -> str:
    if parts[0] in ("data", "ephemeral"):
        return ".".join(parts[:3])
    return {"var": f"variable.{parts[1]}"}.get(parts[0], ".".join(parts[:2])) if len(parts) > 1 else parts[0]


def cycle(module: Module, edges: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(node: str, way: list[str]) -> None:
        assert node not in way, f"{module.name}: {' -> '.join([*way[way.index(node):], node])}"
        if node in done or node not in edges:
            return
        for following in sorted(edges[node]):
            # A variable's conditions name itself.
            if not (following == node and node.startswith("variable.")):
                visit(following, [*way, node])
        done.add(node)

    for node in edges:
        visit(node, [])


# === documentation, variables, secrets ===


def check_descriptions(modules: dict[str, Module]) -> None:
    variables = outputs = validations = 0
    for module in modules.values():
        for block in module.of("variable"):
            variables += 1
            assert block.body.get("description") and block.body.get("type"), f"{block.where()}: {block.labels[0]} lacks its description or type"
            validations += len(block.body.get("validation", []))
        for block in module.of("output"):
            outputs += 1
            assert block.body.get("description"), f"{block.where()}: {block.labels[0]} lacks its description"
        settings = module.of("terraform")[0].body
        assert settings["required_version"], module.name
        aws = settings["required_providers"][0]["aws"]
        version = terraform_schema.load()["provider_version"].rsplit(".", 1)[0]
        assert bare(aws["version"]) == f"~> {version}", f"{module.name}: the provider is pinned to {aws['version']}, the schema is of {version}"
    readme = (HERE / "README.md").read_text()
    assert readme == with_tables(readme, modules["."]), "README.md's tables are stale: terraform.py --write-readme"
    say(f"{variables} variables and {outputs} outputs are described, the root's in README.md too; {validations} validations")


def with_tables(readme: str, root: Module) -> str:
    """README.md with the tables of the root's variables and outputs between its marks."""
    rows = {"variables": ["| variable | type | default | |", "|---|---|---|---|"], "outputs": ["| output | |", "|---|---|"]}
    for name, block in root.named("variable").items():
        text = re.sub(r"^.*?=", "", next(it for it in block.text.split("\n") if it.strip().startswith("type ")))
        default = re.search(r"^  default +?= (.*)$", block.text, re.MULTILINE)
        rows["variables"].append(f"| `{name}` | `{text.strip()}` | {f'`{default.group(1)}`' if default else 'needed'} | {bare(block.body['description'])} |")
    for name, block in root.named("output").items():
        rows["outputs"].append(f"| `{name}` | {bare(block.body['description'])} |")
    for kind, lines in rows.items():
        table = "\n".join(["", *lines, ""])
        readme = re.sub(rf"(<!-- {kind}:[^>]*-->\n).*?(<!-- end -->)", lambda it: it.group(1) + table + "\n" + it.group(2), readme, flags=re.DOTALL)
    return readme


def check_environments(modules: dict[str, Module]) -> dict[str, dict]:
    root = modules["."].named("variable")
    example = values(HERE / "environments/example.tfvars")
    found = {}
    for environment in ENVIRONMENTS:
        own = values(HERE / f"environments/{environment}.tfvars")
        assert own["environment"] == environment
        assert not set(own) & set(example), f"{environment}.tfvars and example.tfvars both set {set(own) & set(example)}"
        given = own | example
        unknown, missing = set(given) - set(root), [name for name, it in root.items() if "default" not in it.body and name not in given]
        assert not unknown and not missing, f"{environment}: unknown {unknown}, missing {missing}"
        for name, value in given.items():
            kind = bare(root[name].body["type"]).removeprefix("${").removesuffix("}")
            fits = {"string": str, "bool": bool, "number": (int, float)}.get(kind, (list, dict))
            assert isinstance(value, fits) and not (kind == "number" and isinstance(value, bool)), f"{environment}: {name} is a {kind}"
        state = values(HERE / f"environments/{environment}.s3.tfbackend")
        assert state["use_lockfile"] is True and state["encrypt"] is True and environment in state["key"], f"{environment}.s3.tfbackend"
        found[environment] = given
    say(f"{len(ENVIRONMENTS)} environments set every required variable, and each has a state of its own with a lock")
    return found


def check_secrets(modules: dict[str, Module]) -> None:
    for module in modules.values():
        for block in module.blocks:
            kept = {"password", "passwords", "auth_token", "secret_string", "secret_binary", "master_password"} & set(block.body)
            assert not kept or block.kind != "resource", f"{block.where()}: {kept} would be kept in the state"
            assert not (block.kind == "resource" and block.labels[0].startswith(("random_", "tls_"))), f"{block.where()}: its value would be kept in the state"
    say("no secret is a variable, or lies in plan or state")


def check_settings() -> None:
    names = set().union(*(setting_names(it.read_text()) for it in HERE.rglob("*") if it.is_file()))
    unknown = unknown_settings(names)
    assert not unknown, f"no such setting: {', '.join(unknown)}"
    say(f"{len(names)} settings of the platform are set, and all of them exist")


def main() -> None:
    files = [it for pattern in ("*.tf", "*.tfvars", "*.tfbackend") for it in sorted(HERE.rglob(pattern))]
    check_format(files)
    folders = sorted({it.parent for it in files if it.suffix == ".tf"})
    modules = {it.name: it for it in map(Module, folders)}
    check_arguments(list(modules.values()))
    check_references(modules)
    check_modules(modules)
    check_descriptions(modules)
    environments = check_environments(modules)
    check_secrets(modules)
    check_settings()
    terraform_facts.check(modules, environments)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write-schema"]:
        terraform_schema.write(pathlib.Path(sys.argv[2]), HERE)
    elif sys.argv[1:] == ["--write-readme"]:
        (HERE / "README.md").write_text(with_tables((HERE / "README.md").read_text(), Module(HERE)))
    else:
        main()
