"""What users do, done at an address: the scripts of the official SDKs that services/outcrop's own journeys run, and the same
things over plain HTTP. The scripts are those very files; each asserts by itself what its SDK promises.

In the environment, where `cargo xtask verify-deploy` puts them:

    OUTCROP_TEST_PYTHON          a Python with the official SDKs
    OUTCROP_TEST_NODE            a Node.js
    OUTCROP_TEST_NODE_MODULES    the folder of the JavaScript clients
"""

import json
import os
import pathlib
import shutil
import tempfile
import time
import urllib.error

from common import ROOT, run
from running import MODEL, answers, ask, wait

TESTS = ROOT / "services/outcrop/tests"
# Batches go through the queue and the files' bucket; a batch is waited for up to 90 s.
PYTHON = ("openai_journey.py", "openai_dialects.py", "openai_batches.py", "anthropic_journey.py", "bedrock_bearer.py")
NODE = ("openai.mjs", "openai_batches.mjs", "anthropic.mjs")
MOST_SECONDS = 900


def tool(name: str) -> str:
    found = os.environ.get(name)
    assert found, f"{name} is not set: run this by `cargo xtask verify-deploy images`"
    return found


def environment(url: str, key: str, narrow: str = "") -> dict[str, str]:
    """An address and a key in the variables that anybody reads. `narrow` is a key for `nova-*` alone."""
    bearing = {"AWS_BEARER_TOKEN_BEDROCK": key, "OUTCROP_NARROW_KEY": narrow, "AWS_REGION": "us-east-1"}
    mine = {
        "OUTCROP_URL": url, "OUTCROP_KEY": key, "NO_PROXY": "*", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key,
    }
    # Whoever runs this may have an AWS of their own in their environment.
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "ANTHROPIC_"))}
    return theirs | bearing | mine


def openai(url: str, key: str) -> str:
    """All that the first journey's script was answered, without ids and times: alike wherever Outcrop runs."""
    script = TESTS / "python/openai_journey.py"
    printed = run([tool("OUTCROP_TEST_PYTHON"), "-B", script], env=environment(url, key), timeout=MOST_SECONDS)
    assert len(printed.splitlines()) > 10, printed
    return printed


def sdks(url: str, key: str, narrow: str) -> int:
    """Every script; how many."""
    env = environment(url, key, narrow)
    for name in PYTHON:
        printed = run([tool("OUTCROP_TEST_PYTHON"), "-B", TESTS / "python" / name], env=env, timeout=MOST_SECONDS)
        assert printed.strip(), f"{name} printed nothing that held"
    # Modules are looked for beside the script, so that it is copied to where they are.
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "node_modules").symlink_to(tool("OUTCROP_TEST_NODE_MODULES"))
        for name in NODE:
            shutil.copy(TESTS / "node" / name, folder)
            printed = run([tool("OUTCROP_TEST_NODE"), pathlib.Path(folder, name)], env=env, timeout=MOST_SECONDS)
            assert printed.strip(), f"{name} printed nothing that held"
    return len(PYTHON) + len(NODE)


def plain(url: str, key: str) -> str:
    """Health, the short way in and its stream, refusals, and that what was used is counted once. Gives that request's id."""
    assert answers(url) and answers(url, "/readyz")
    for path in ("/generate", "/v1/generate"):
        _, text = ask(url, key, path, {"prompt": "[[say: Hello.]]"})
        assert json.loads(text)["text"] == "Hello.", text
    _, text = ask(url, key, "/generate", {"prompt": "[[say: one two]]", "stream": True})
    assert "event: start" in text and "event: done" in text, text
    for stranger, body, status in [
        ("ock_nobody", {"prompt": "Hi"}, 401), (key, {"prompt": "Hi", "model": "nobody"}, 404), (key, {}, 400),
    ]:
        refused(url, stranger, body, status)
    headers, _ = ask(url, key, "/generate", {"prompt": "[[say: counted]][[usage: input=11,output=7]]"})
    id = headers["x-request-id"]
    record = usage(url, key, id)
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (11, 7), record
    assert record["model_asked"] == MODEL and record["outcome"] == "completed", record
    return id


def refused(url: str, key: str, body: dict, status: int) -> None:
    try:
        ask(url, key, "/generate", body)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        assert error.code == status == problem["status"], problem
        assert error.headers["content-type"] == "application/problem+json", error.headers
        return
    raise AssertionError(f"{body} was answered, and should be refused with {status}")


def usage(url: str, key: str, id: str) -> dict:
    """The one usage record of a request, once it is in the ledger."""
    def found() -> list[dict]:
        listed = json.loads(ask(url, key, "/v1/usage?limit=1000")[1])["data"]
        return [it for it in listed if it["request_id"] == id]

    records = wait(f"the usage record of {id}", 60, found)
    # Whatever would count it twice has had the time to.
    time.sleep(2)
    assert len(found()) == len(records) == 1, records
    return records[0]
