"""CloudFormation templates as data: reading them, working out their functions, and making of them what a local AWS understands."""

import copy
import functools
import json
import pathlib
import re

from cfnlint.decode import decode

NOTHING = object()


@functools.cache
def load(path: pathlib.Path) -> dict:
    template, problems = decode(str(path))
    if problems:
        raise AssertionError(f"{path}: {problems}")
    return json.loads(json.dumps(template))


def walk(node):
    """Every mapping below a node, itself included."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


class Resolver:
    """Works out a template's functions, given parameters and what other stacks export."""

    def __init__(self, template: dict, parameters: dict, exports: dict, region: str, account: str, attributes=None):
        self.template, self.exports = template, exports
        self.attributes = {} if attributes is None else attributes
        self.values = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws", "AWS::NoValue": NOTHING}
        for name, slot in template.get("Parameters", {}).items():
            value = parameters.get(name, slot.get("Default"))
            if value is None:
                raise AssertionError(f"no value for the parameter {name}")
            is_list = slot["Type"].startswith("List<") or slot["Type"] == "CommaDelimitedList"
            self.values[name] = str(value).split(",") if is_list else value

    def condition(self, node) -> bool:
        if isinstance(node, str):
            return self.condition(self.template["Conditions"][node])
        (name, arguments), = node.items()
        if name == "Condition":
            return self.condition(arguments)
        if name == "Fn::Equals":
            first, second = map(self.resolve, arguments)
            return str(first) == str(second)
        results = [self.condition(it) for it in arguments]
        return {"Fn::Not": not results[0], "Fn::And": all(results), "Fn::Or": any(results)}[name]

    def reference(self, name: str):
        if name in self.values:
            return self.values[name]
        if name not in self.template["Resources"]:
            raise AssertionError(f"{name} is neither a parameter nor a resource")
        return self.attributes.get(name, f"{name}-id")

    def substitute(self, text: str, more: dict) -> str:
        def one(match):
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            value = more[name] if name in more else self.attribute(name) if "." in name else self.reference(name)
            return str(value)

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def attribute(self, name: str) -> str:
        return self.attributes.get(name, "arn:aws:stand-in:::" + name.replace(".", "-"))

    def resolve(self, node):
        if isinstance(node, list):
            return [it for it in map(self.resolve, node) if it is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            if name == "Ref":
                return self.reference(argument)
            if name.startswith("Fn::"):
                return self.function(name, argument)
        pairs = ((key, self.resolve(value)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not NOTHING}

    def decided(self, node):
        """The same, with what conditions put into lists or leave out of them: the local AWS leaves a hole there."""
        if isinstance(node, list):
            chosen = []
            for it in node:
                while isinstance(it, dict) and "Fn::If" in it:
                    condition, yes, no = it["Fn::If"]
                    it = yes if self.condition(condition) else no
                if it != {"Ref": "AWS::NoValue"}:
                    chosen.append(self.decided(it))
            return chosen
        if not isinstance(node, dict):
            return node
        decided = {}
        for key, value in node.items():
            if key == "Fn::If":
                decided[key] = [value[0], *map(self.decided, value[1:])]
            else:
                # What another function is given is no list of things: its places have a meaning.
                decided[key] = value if key.startswith("Fn::") else self.decided(value)
        return decided

    def function(self, name: str, argument):
        if name == "Fn::If":
            return self.resolve(argument[1 if self.condition(argument[0]) else 2])
        if name == "Fn::Sub":
            text, more = argument if isinstance(argument, list) else (argument, {})
            return self.substitute(text, self.resolve(more))
        if name == "Fn::GetAtt":
            return self.attribute(argument if isinstance(argument, str) else ".".join(argument))
        argument = self.resolve(argument)
        if name == "Fn::ImportValue":
            if argument not in self.exports:
                raise AssertionError(f"nobody exports {argument}")
            return self.exports[argument]
        if name == "Fn::FindInMap":
            found = self.template["Mappings"]
            for key in argument:
                found = found[key]
            return found
        if name == "Fn::Join":
            return argument[0].join(argument[1])
        if name == "Fn::Split":
            return argument[1].split(argument[0])
        if name == "Fn::Select":
            return argument[1][int(argument[0])]
        if name == "Fn::Base64":
            return argument
        raise AssertionError(f"the function {name} is not known here")


def as_request(value, shape, where=""):
    """A resource's properties as the request that they stand for: names as the API has them, values of its types."""
    if shape.type_name == "structure":
        members = {name.lower(): name for name in shape.members}
        request = {}
        for key, inner in value.items():
            name = members.get(key.lower())
            if name is None:
                raise AssertionError(f"{where}.{key} is nothing that the API knows")
            request[name] = as_request(inner, shape.members[name], f"{where}.{key}")
        return request
    if shape.type_name == "list":
        return [as_request(it, shape.member, f"{where}[{at}]") for at, it in enumerate(value)]
    if shape.type_name == "map":
        return {key: as_request(it, shape.value, f"{where}.{key}") for key, it in value.items()}
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
    return str(value)


def without(template: dict, known: set, stand_in, attributes: dict) -> tuple[dict, list]:
    """The template without resources of other types than the known; what refers to them, and attributes with a value, are given it."""
    template = copy.deepcopy(template)
    resources = template["Resources"]
    left = {name: it["Type"] for name, it in resources.items() if it["Type"] not in known}
    template["Resources"] = {name: it for name, it in resources.items() if name not in left}

    def replaced(node):
        if isinstance(node, list):
            return [replaced(it) for it in node]
        if isinstance(node, str) or not isinstance(node, dict):
            return node
        if node.get("Ref") in left:
            return stand_in(node["Ref"], left[node["Ref"]], "")
        if "Fn::GetAtt" in node:
            name, attribute = node["Fn::GetAtt"] if isinstance(node["Fn::GetAtt"], list) else node["Fn::GetAtt"].split(".", 1)
            if attribute in attributes:
                return attributes[attribute]
            if name in left:
                return stand_in(name, left[name], attribute)
            return {"Fn::GetAtt": [name, attribute]}
        if "Fn::Sub" in node:
            text, more = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else (node["Fn::Sub"], None)
            for name, kind in left.items():
                text = re.sub(r"\$\{" + name + r"(?:\.([A-Za-z.]+))?\}", lambda it: stand_in(name, kind, it[1] or ""), text)
            more = replaced(more) or {}
            # An attribute with a dot in its name is not found within a text by the local AWS.
            for name, attribute in re.findall(r"\$\{(\w+)\.(\w+\.\w+)\}", text):
                plain = (name + attribute).replace(".", "")
                text = text.replace("${" + f"{name}.{attribute}" + "}", "${" + plain + "}")
                more[plain] = {"Fn::GetAtt": [name, attribute]}
            return {"Fn::Sub": [text, more] if more else text}
        return {key: replaced(value) for key, value in node.items()}

    for resource in template["Resources"].values():
        on = resource.pop("DependsOn", [])
        on = [it for it in ([on] if isinstance(on, str) else on) if it not in left]
        if on:
            resource["DependsOn"] = on
    return replaced(template), sorted(left.values())
