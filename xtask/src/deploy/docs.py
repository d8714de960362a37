"""The documentation: every page is in the book, every link and picture is there, every command is run or says why not, and what commands
name exists (files, settings, parameters of templates, values of the chart). Builds the book where there is an mdBook."""

import html.parser
import os
import pathlib
import re
import shutil
import tempfile
import urllib.parse

import yaml
from common import ROOT, run, say, setting_names, unknown_settings

import cost

DOCS = ROOT / "docs"
# Marks of `sh` blocks; CONTRIBUTING.md says what each means. `cargo xtask docs` executes those marked `run`.
MARKS = {"run", "checkout", "engine", "cluster", "aws", "yours"}
FENCE = re.compile(r"^(`{3,}|~{3,})(.*)$")
INLINE = re.compile(r"`((?:cargo xtask|outcrop|helm|terraform|aws|--set|-f|deploy/\w+/deploy\.sh) [^`]*)`")
LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
IGNORED = {"target", "node_modules", ".git"}


def pages() -> list[pathlib.Path]:
    """What people read: the documentation, and each README beside what it is about."""
    found = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    for folder in ("deploy", "helm", "crates"):
        found += [page for page in (ROOT / folder).rglob("*.md") if not IGNORED & set(page.parts)]
    return sorted(set(found))


class Page:
    """The text of a page without its blocks, those blocks, and its headings."""

    def __init__(self, path: pathlib.Path):
        self.path, self.name = path, path.relative_to(ROOT).as_posix()
        self.prose, self.blocks, fence = [], [], None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mark = FENCE.match(line.strip())
            if fence is None and mark:
                fence = mark[1]
                self.blocks.append((number, mark[2].strip(), []))
            elif fence and mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = None
            elif fence:
                self.blocks[-1][2].append(line)
            else:
                self.prose.append((number, line))
        if fence:
            raise AssertionError(f"{self.name}: a block that begins in line {self.blocks[-1][0]} has no end")
        self.anchors = anchors(line for _, line in self.prose)


def anchors(lines) -> set[str]:
    """What headings are called in links, as GitHub and mdBook make it."""
    seen, found = {}, set()
    for line in lines:
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").replace("*", "")
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    return found


def check_summary(all_pages) -> None:
    summary = DOCS / "SUMMARY.md"
    listed = [DOCS / target for target in LINK.findall(summary.read_text())]
    twice = {it for it in listed if listed.count(it) > 1}
    there = {page for page in all_pages if page.is_relative_to(DOCS) and page != summary}
    problems = [f"twice: {it}" for it in twice]
    problems += [f"not there: {it.relative_to(ROOT)}" for it in set(listed) - there]
    problems += [f"not in docs/SUMMARY.md: {it.relative_to(ROOT)}" for it in there - set(listed)]
    if problems:
        raise AssertionError("\n".join(sorted(problems)))
    say(f"docs/SUMMARY.md has all {len(there)} pages, each once")


def check_links(read) -> None:
    problems, links, pictures = [], 0, 0
    for page in read.values():
        for number, line in page.prose:
            # `code` has no links.
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                links += 1
                path, _, anchor = target.partition("#")
                aim = (page.path.parent / urllib.parse.unquote(path)).resolve() if path else page.path
                pictures += aim.suffix in {".svg", ".png"}
                if not aim.exists():
                    problems.append(f"{page.name}:{number}: {target} is not there")
                elif anchor and anchor not in getattr(read.get(aim), "anchors", ()):
                    problems.append(f"{page.name}:{number}: {target}: no such heading")
    if problems:
        raise AssertionError("\n".join(problems))
    say(f"{links} links within {len(read)} pages lead somewhere, {pictures} of them to pictures")


def check_marks(read) -> None:
    problems, counts = [], dict.fromkeys(sorted(MARKS), 0)
    executed = {ROOT / "README.md"}
    for page in read.values():
        for number, info, _ in page.blocks:
            words = info.split()
            if words[:1] != ["sh"] and words[:1] not in (["bash"], ["shell"], ["console"]):
                continue
            # What is no page of the book may leave the mark away: READMEs beside artefacts, most of whose commands need them.
            if words == ["sh"] and not page.path.is_relative_to(DOCS) and page.path.parent != ROOT:
                continue
            if words[0] != "sh" or len(words) != 2 or words[1] not in MARKS:
                problems.append(f"{page.name}:{number}: `{info}` is none of: sh {', sh '.join(sorted(MARKS))}")
            elif words[1] == "run" and page.path not in executed and not page.path.is_relative_to(DOCS):
                problems.append(f"{page.name}:{number}: `cargo xtask docs` does not look at this page")
            elif words[1] == "run" and page.path.read_text().splitlines()[number - 1] != "```sh run":
                problems.append(f"{page.name}:{number}: `cargo xtask docs` does not see a block that is indented")
            else:
                counts[words[1]] += 1
    if problems:
        raise AssertionError("\n".join(problems))
    say("blocks of commands: " + ", ".join(f"{count} {mark}" for mark, count in counts.items()))


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def variants(path: str, enum: str) -> set[str]:
    """The subcommands that an enum of clap's makes."""
    source = (ROOT / path).read_text()
    found = re.search(rf"enum {enum} \{{\n(.*?)\n\}}", source, re.DOTALL)
    if not found:
        raise AssertionError(f"{path} has no enum {enum}")
    return {kebab(name) for name in re.findall(r"^    ([A-Z]\w*)\b", found[1], re.MULTILINE)}


class Tags(yaml.SafeLoader):
    """CloudFormation's `!Ref` and the like: whatever they are, they are no parameters."""


Tags.add_multi_constructor("!", lambda *_: None)


def template_parameters(template: str) -> set[str]:
    text = (ROOT / template).read_text()
    return set(yaml.load(text, Tags).get("Parameters") or {})


def unknown_parameters(command: str) -> list[str]:
    """Parameters that a command gives to a template which does not have them."""
    template = re.search(r"--template(?:-file)?[ =](\S+)", command)
    given = re.search(r"--parameter-overrides((?:\s+(?!--)\S+)+)", command)
    if not template or not given or not (ROOT / template[1]).is_file():
        return []
    names = {word.split("=")[0].strip("'\"") for word in given[1].split() if "=" in word}
    return sorted(names - template_parameters(template[1]))


def unknown_values(command: str) -> list[str]:
    """Values that a command gives to the chart which does not have them."""
    if not re.search(r"\bhelm (?:upgrade|install|template)\b|^(?:--set|-f helm/)", command):
        return []
    values = yaml.safe_load((ROOT / "helm/outcrop/values.yaml").read_text())
    wrong = []
    for name in re.findall(r"--set(?:-string|-file|-json)?[ =]['\"]?([\w.\\/\[\]-]+)=", command):
        node = values
        for part in re.split(r"(?<!\\)\.", name):
            # What is an empty map in values.yaml is filled in by whoever installs it.
            if node == {} or isinstance(node, list):
                break
            if not isinstance(node, dict) or part.split("[")[0] not in node:
                wrong.append(name)
                break
            node = node[part.split("[")[0]]
    return wrong


def terraform_variables() -> set[str]:
    texts = [it.read_text() for it in (ROOT / "deploy/terraform").rglob("*.tf")]
    return {name for text in texts for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE)}


def check_commands(read) -> None:
    tasks = variants("xtask/src/main.rs", "Task")
    words = variants("services/outcrop/src/cli/mod.rs", "Command") | {"help"}
    checks = set(re.findall(r'(?:check|on_request)\(\s*"([a-z]+)"', (ROOT / "xtask/src/deploy/mod.rs").read_text()))
    path = re.compile(r"(?<![\w/.-])\.?/?((?:deploy|helm|docs|xtask|services|crates)/[\w./-]+|docker-compose[\w.-]*\.yml)")
    problems, seen = [], 0
    for page in read.values():
        base = page.path.parent if page.path.is_relative_to(ROOT / "crates") else ROOT
        # Commands within sentences, too.
        spans = [(number, "sh", [it]) for number, line in page.prose for it in INLINE.findall(line)]
        for number, info, lines in page.blocks + spans:
            if info.split()[:1] != ["sh"]:
                continue
            text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
            made = set(re.findall(r"\bcp \S+ (\S+)", text))
            for command in text.splitlines():
                seen += bool(command.strip())
                wrong = [f"no task {it}" for it in re.findall(r"\bcargo xtask ([a-z-]+)", command) if it not in tasks]
                for names in re.findall(r"\bcargo xtask verify-deploy((?: [a-z]+)*)", command):
                    wrong += [f"no check {it}" for it in names.split() if it not in checks]
                wrong += [
                    f"no command {it}"
                    for it in re.findall(r"(?:^|[|;&(] *|exec )outcrop ([a-z]+)", command)
                    if it not in words
                ]
                wrong += [
                    f"no file {it}"
                    for it in path.findall(command)
                    if it not in made and not (ROOT / it).exists() and not (base / it).exists()
                ]
                wrong += [f"no parameter {it}" for it in unknown_parameters(command)]
                wrong += [f"no value {it} in the chart" for it in unknown_values(command)]
                if "terraform" in command:
                    given = re.findall(r"-var[ =]['\"]?(\w+)=", command)
                    wrong += [f"no variable {it}" for it in given if it not in terraform_variables()]
                problems += [f"{page.name}:{number}: {it}" for it in wrong]
        text = page.path.read_text()
        problems += [f"{page.name}: no setting {it}" for it in unknown_settings(setting_names(text) - {"OUTCROP__SECTION__FIELD"})]
    if problems:
        raise AssertionError("\n".join(problems))
    say(f"{seen} lines of commands name tasks, commands, files, settings, parameters and values that exist")


def check_cost() -> None:
    page = DOCS / "capacity.md"
    text = page.read_text()
    for name, table in cost.tables().items():
        if f"<!-- {name} -->\n\n{table}\n\n<!-- end -->" not in text:
            raise AssertionError(f"{page.relative_to(ROOT)}: the table {name} is stale: python3 xtask/src/deploy/cost.py --write")
    say(f"{len(cost.tables())} tables of docs/capacity.md are what cost.py computes from its prices")


class Targets(html.parser.HTMLParser):
    """What a built page refers to, and what can be referred to in it."""

    def __init__(self):
        super().__init__()
        self.refers, self.names = [], set()

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.names.update(of[it] for it in ("id", "name") if of.get(it))
        self.refers += [of[it] for it in ("href", "src") if of.get(it)]


def mdbook() -> str | None:
    home = pathlib.Path(os.environ.get("CARGO_HOME") or pathlib.Path.home() / ".cargo")
    return shutil.which("mdbook") or shutil.which("mdbook", path=home / "bin")


def check_book() -> None:
    program = mdbook()
    if not program:
        say("NOT CHECKED: no mdbook here (cargo install mdbook --locked), so that the site was not built")
        return
    with tempfile.TemporaryDirectory() as folder:
        said = run(["sh", "-c", f"'{program}' build '{DOCS}' --dest-dir '{folder}/book' 2>&1"])
        if re.search(r"\b(WARN|ERROR)\b", said):
            raise AssertionError(said)
        built = {}
        for file in pathlib.Path(folder, "book").resolve().rglob("*.html"):
            built[file] = Targets()
            built[file].feed(file.read_text())
        problems = []
        for file, page in built.items():
            if file.name in {"print.html", "toc.html", "404.html"}:
                continue
            for target in page.refers:
                if re.search(r"/blob/main/docs/.*\.md", target):
                    problems.append(f"{file.name}: {target} is a page of the book")
                if re.match(r"([a-z]+:|//)", target):
                    continue
                path, _, anchor = target.partition("#")
                aim = (file.parent / urllib.parse.unquote(path)).resolve() if path else file
                if not aim.exists():
                    problems.append(f"{file.name}: {target} is not there")
                elif anchor and aim in built and urllib.parse.unquote(anchor) not in built[aim].names:
                    problems.append(f"{file.name}: {target}: no such heading")
        if problems:
            raise AssertionError("in the site: " + "\n".join(sorted(set(problems))[:20]))
        say(f"{run([program, '--version']).strip()} builds the site without a warning: {len(built)} pages, each link in them leads somewhere")


def main() -> None:
    all_pages = pages()
    read = {page: Page(page) for page in all_pages}
    check_summary(all_pages)
    check_links(read)
    check_marks(read)
    check_commands(read)
    check_cost()
    check_book()


main()
