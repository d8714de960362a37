"""A preprocessor of mdBook: pages from above docs/, and links that lead out of it.

A page that is nothing but `{{#include ../../X.md}}` becomes that file, with its links as they are from here. A link to what is no page
or picture of the book leads to the repository. mdBook says on standard input what there is, and reads it changed from standard output.
"""

import json
import os
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
INCLUDED = re.compile(r"\{\{#include (\S+)\}\}")
# A link's or a picture's target, in front of a title if it has one.
TARGET = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(#[^)\s]*)?")
FENCE = re.compile(r"^(```|~~~)")


def chapters(items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def rewritten(text: str, base: pathlib.Path, page: pathlib.Path, pages: dict, repository: str) -> str:
    """`text`, whose links are relative to the folder `base`, as the content of `page`."""

    def target(found: re.Match) -> str:
        path, anchor = (base / found[1]).resolve(), found[2] or ""
        if path.is_dir() and (path / "README.md") in pages:
            path = path / "README.md"
        if path in pages:
            path = pages[path]
        elif not (path.is_relative_to(DOCS) and path.is_file() and path.suffix != ".md"):
            kind = "tree" if path.is_dir() else "blob"
            return f"{repository}/{kind}/main/{path.relative_to(ROOT)}{anchor}"
        return os.path.relpath(path, page.parent) + anchor

    lines, fenced = [], False
    for line in text.splitlines():
        fenced ^= bool(FENCE.match(line))
        lines.append(line if fenced else TARGET.sub(target, line))
    return "\n".join(lines) + "\n"


def main() -> None:
    context, book = json.load(sys.stdin)
    repository = context["config"]["output"]["html"]["git-repository-url"]
    all_chapters = [it for it in chapters(book["items"]) if it.get("path")]
    included, pages = {}, {}
    for chapter in all_chapters:
        page = DOCS / chapter["path"]
        whole = INCLUDED.fullmatch(chapter["content"].strip())
        if whole:
            included[chapter["path"]] = (page.parent / whole[1]).resolve()
            pages[included[chapter["path"]]] = page
        # mdBook makes index.html of a folder's README.md, before or after us, and leaves links to it alone.
        pages[DOCS / chapter["source_path"]] = page.with_name("index.md") if page.name == "README.md" else page
    for chapter in all_chapters:
        page = DOCS / chapter["path"]
        source = included.get(chapter["path"])
        text = source.read_text() if source else chapter["content"]
        chapter["content"] = rewritten(text, (source or page).parent, page, pages, repository)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0)
    main()
