"""deploy/terraform as terraform.py reads it: modules, their blocks, what each block names."""

import pathlib

import hcl2

import hcl
from common import ROOT

HERE = ROOT / "deploy/terraform"


class Block:
    """One block at the top of a file."""

    def __init__(self, file: pathlib.Path, line: int, kind: str, labels: list[str], text: str, body: dict):
        self.file, self.line, self.kind, self.labels, self.text, self.body = file, line, kind, labels, text, body
        self.references, self.bound, self.called = hcl.references(text, line)

    def where(self, line: int | None = None) -> str:
        return f"{self.file.relative_to(ROOT)}:{line or self.line}"

    @property
    def address(self) -> str:
        mode = {"resource": "", "data": "data.", "ephemeral": "ephemeral."}.get(self.kind, f"{self.kind}.")
        return mode + ".".join(self.labels)


class Module:
    """All files of one folder."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.blocks = [it for file in sorted(folder.glob("*.tf")) for it in blocks(file)]
        self.locals = {name: it for it in self.of("locals") for name in it.body if not name.startswith("__")}

    def of(self, kind: str) -> list[Block]:
        return [it for it in self.blocks if it.kind == kind]

    def named(self, kind: str) -> dict[str, Block]:
        found = {}
        for it in self.of(kind):
            name = ".".join(it.labels)
            if name in found:
                raise AssertionError(f"{it.where()}: {kind} {name} is there twice")
            found[name] = it
        return found

    @property
    def name(self) -> str:
        return str(self.folder.relative_to(HERE)) if self.folder != HERE else "."


def bare(value):
    return value[1:-1] if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"' else value


def blocks(file: pathlib.Path) -> list[Block]:
    """The blocks of a file, each with its text and what the parser makes of it."""
    text = file.read_text()
    all_tokens, found, at = hcl.tokens(text), [], 0
    lines = text.split("\n")
    while at < len(all_tokens):
        if all_tokens[at].kind in ("newline", "comment"):
            at += 1
            continue
        first, labels = all_tokens[at], []
        while all_tokens[at].text != "{":
            at += 1
            if all_tokens[at].kind == "string":
                labels.append(bare(all_tokens[at].text))
        begin, depth = all_tokens[at], 0
        while True:
            if all_tokens[at].kind == "op":
                depth += (all_tokens[at].text in hcl.OPENING) - (all_tokens[at].text in hcl.CLOSING)
            at += 1
            if depth == 0:
                break
        end = all_tokens[at - 1]
        inside = "\n".join([lines[begin.line - 1][begin.column + 1 :], *lines[begin.line : end.line - 1], lines[end.line - 1][: end.column]])
        if begin.line == end.line:
            inside = lines[begin.line - 1][begin.column + 1 : end.column]
        body = hcl2.loads("\n".join(lines[first.line - 1 : end.line]))[first.text][0]
        for label in labels:
            body = body[f'"{label}"']
        found.append(Block(file, begin.line, first.text, labels, inside, body))
    return found


def local_text(block: Block, name: str) -> str:
    """The expression of one local: from its name to the next name of the same depth."""
    own, depth, begin = [], 0, None
    all_tokens = [it for it in hcl.tokens(block.text) if it.kind != "comment"]
    for at, token in enumerate(all_tokens):
        starts = depth == 0 and token.kind == "ident" and at + 1 < len(all_tokens) and all_tokens[at + 1].text == "=" and (at == 0 or all_tokens[at - 1].kind == "newline")
        if starts:
            begin = token.text
        elif begin == name:
            own.append(token)
        depth += (token.text in hcl.OPENING) - (token.text in hcl.CLOSING) if token.kind == "op" else 0
    out, previous = "", None
    for token in own[1:]:
        joined = previous and previous.line == token.line and previous.column + len(previous.text) == token.column
        out += token.text if joined or previous is None else " " + token.text
        previous = token
    return out


def values(file: pathlib.Path) -> dict:
    def plain(value):
        if isinstance(value, dict):
            return {bare(key): plain(it) for key, it in value.items()}
        return [plain(it) for it in value] if isinstance(value, list) else bare(value)

    return {name: plain(value) for name, value in hcl2.loads(file.read_text()).items() if not name.startswith("__")}
