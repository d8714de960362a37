"""What terraform.py knows about HCL besides its parser: tokens, the format of `terraform fmt`, and what an expression names."""

import re
from typing import NamedTuple

KEYWORDS = {"for", "in", "if", "true", "false", "null"}
OPENING, CLOSING = "([{", ")]}"
MATCH = re.compile(
    r"(?P<newline>\n)|(?P<space>[ \t]+)|(?P<comment>(?:#|//)[^\n]*)"
    r"|(?P<ident>[A-Za-z_][A-Za-z0-9_-]*)|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<op>=>|==|!=|<=|>=|&&|\|\||\.\.\.|[=<>!+\-*/%?:.,()\[\]{}])"
)


class Token(NamedTuple):
    kind: str
    text: str
    line: int
    column: int


def tokens(text: str) -> list[Token]:
    """All tokens but spaces; a quoted string, interpolations included, is one."""
    found, at, line, begin = [], 0, 1, 0
    while at < len(text):
        if text[at] == '"':
            end = string_end(text, at)
            kind, end = "string", end
        else:
            match = MATCH.match(text, at)
            if not match:
                raise AssertionError(f"line {line}: cannot read {text[at:at + 20]!r} (heredocs and block comments are not used)")
            kind, end = match.lastgroup, match.end()
        if kind != "space":
            found.append(Token(kind, text[at:end], line, at - begin))
        if kind == "newline":
            line, begin = line + 1, end
        at = end
    return found


def string_end(text: str, at: int) -> int:
    """Where the string ends that begins at `at`, with its closing quote."""
    at += 1
    while text[at] != '"':
        if text[at] == "\n":
            raise AssertionError("a string runs over the end of its line")
        if text[at] == "\\":
            at += 2
        elif text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = interpolation_end(text, at + 2) + 1
        else:
            at += 1
    return at + 1


def interpolation_end(text: str, at: int) -> int:
    """Where the brace stands that closes the interpolation whose inside begins at `at`."""
    depth = 0
    while True:
        if text[at] == '"':
            at = string_end(text, at)
            continue
        if text[at] == "}" and depth == 0:
            return at
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1


def interpolations(string: str):
    """The expressions inside of a quoted string."""
    at = 1
    while at < len(string) - 1:
        if string[at] == "\\":
            at += 2
        elif string.startswith(("$${", "%%{"), at):
            at += 3
        elif string.startswith(("${", "%{"), at):
            end = interpolation_end(string, at + 2)
            yield string[at + 2 : end].strip("~")
            at = end + 1
        else:
            at += 1


# === the format of `terraform fmt`: hclwrite's rules for indentation and for the alignment of `=` ===


def formatted(text: str) -> str:
    """The text as `terraform fmt` would leave it, for what our files use: no heredocs, no comment after code."""
    lines: list[list[Token]] = [[]]
    for token in tokens(text):
        if token.kind == "newline":
            lines.append([])
        else:
            lines[-1].append(token)
    raw = text.split("\n")
    out, levels = [], []
    chain: list[tuple[int, str, str]] = []

    def close_chain():
        widest = max((len(lead) for _, lead, _ in chain), default=0)
        for index, lead, rest in chain:
            out[index] = f"{lead.ljust(widest)} {rest}"
        chain.clear()

    for line, source in zip(lines, raw):
        if not line:
            close_chain()
            out.append("")
            continue
        change = sum((it.text in OPENING) - (it.text in CLOSING) for it in line if it.kind == "op")
        if change < 0:
            dedent(levels, -change)
        indent = "  " * len(levels)
        if change > 0:
            levels.append(change)
        equal = next((n for n, it in enumerate(line) if n > 0 and it.kind == "op" and it.text == "="), None)
        body = source.strip()
        if equal is None:
            close_chain()
            out.append(indent + body)
            continue
        begin = line[equal].column
        lead = indent + source[:begin].strip()
        rest = "= " + source[begin + 1 :].strip()
        balance = sum((it.text in OPENING) - (it.text in CLOSING) for it in line[equal:] if it.kind == "op")
        if balance == 0:
            chain.append((len(out), lead, rest))
            out.append("")
        else:
            close_chain()
            out.append(f"{lead} {rest}")
    close_chain()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).rstrip("\n") + "\n"


def dedent(levels: list[int], closed: int) -> None:
    """A line that opens two brackets indents once, and so does the one that closes both."""
    while closed > 0 and levels:
        last = levels.pop()
        if last > closed:
            levels.append(last - closed)
        closed -= last


def spacing(text: str) -> list[str]:
    """Spaces between tokens that `terraform fmt` would change, apart from indentation and alignment."""
    wrong, previous = [], None
    for token in tokens(text):
        if previous and previous.line == token.line and token.kind != "newline":
            gap = token.column - previous.column - len(previous.text)
            two = (previous.text, token.text)
            if "," == previous.text and gap != 1:
                wrong.append(f"line {token.line}: one space after a comma")
            elif token.text in ",)]" and token.kind == "op" and gap and previous.text != "{":
                wrong.append(f"line {token.line}: no space before {token.text}")
            elif previous.kind == "op" and previous.text in "([" and gap:
                wrong.append(f"line {token.line}: no space after {previous.text}")
            elif previous.text == "{" and token.text != "}" and gap != 1 or token.text == "}" and previous.text != "{" and gap != 1:
                wrong.append(f"line {token.line}: one space inside of braces")
            elif two == ("{", "}") and gap:
                wrong.append(f"line {token.line}: no space in empty braces")
            elif any(it.kind == "op" and it.text in {"==", "!=", "<=", ">=", "<", ">", "&&", "||", "?", ":", "=>", "+", "/", "%"} for it in (previous, token)) and gap != 1:
                wrong.append(f"line {token.line}: one space around {previous.text} {token.text}")
            elif token.kind == "comment":
                wrong.append(f"line {token.line}: a comment after code")
        previous = token
    return wrong


# === what an expression names ===


class Reference(NamedTuple):
    """`aws_vpc.this.id` is ("aws_vpc", "this", "id"); an index is "[]" and a splat "[*]"."""

    parts: tuple[str, ...]
    line: int


def references(text: str, line: int = 1) -> tuple[list[Reference], set[str], set[str]]:
    """The names an expression reads, the names it binds itself (`for`), and the functions it calls."""
    all_tokens = [it for it in tokens(text) if it.kind not in ("newline", "comment")]
    found, bound, called = [], set(), set()
    at = 0
    while at < len(all_tokens):
        token = all_tokens[at]
        following = all_tokens[at + 1].text if at + 1 < len(all_tokens) else ""
        heads_block = following == "{" or following.startswith('"')
        before = all_tokens[at - 1].text if at else ""
        if token.kind == "string":
            for inner in interpolations(token.text):
                more = references(inner, line + token.line - 1)
                found += more[0]
                bound |= more[1]
                called |= more[2]
        elif token.kind == "ident" and before != ".":
            if token.text == "for":
                at += 1
                while all_tokens[at].text != "in":
                    if all_tokens[at].kind == "ident":
                        bound.add(all_tokens[at].text)
                    at += 1
            elif following == "(":
                called.add(token.text)
            elif following != "=" and not heads_block and token.text not in KEYWORDS:
                found.append(Reference(chain(all_tokens, at), line + token.line - 1))
        at += 1
    return found, bound, called


def chain(all_tokens: list[Token], at: int) -> tuple[str, ...]:
    """The steps from a name on: `.name`, `[…]`, `[*]`, `.0`."""
    parts = [all_tokens[at].text]
    at += 1
    while at < len(all_tokens):
        if all_tokens[at].text == "." and at + 1 < len(all_tokens):
            parts.append("[*]" if all_tokens[at + 1].text == "*" else all_tokens[at + 1].text)
            at += 2
        elif all_tokens[at].text == "[" and all_tokens[at].column == all_tokens[at - 1].column + len(all_tokens[at - 1].text):
            splat = all_tokens[at + 1].text == "*"
            key = all_tokens[at + 1]
            depth, end = 0, at
            while True:
                depth += (all_tokens[end].text in OPENING) - (all_tokens[end].text in CLOSING) if all_tokens[end].kind == "op" else 0
                end += 1
                if depth == 0:
                    break
            constant = key.kind == "string" and end == at + 3 and "${" not in key.text
            parts.append("[*]" if splat else f"[{key.text}]" if constant else "[]")
            at = end
        else:
            break
    return tuple(parts)
