"""What is asked of a platform that runs, whoever runs it: whether it is up, a chat, a stream; and waiting for it."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

from common import run

MODEL = "claude-haiku-4-5"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(what: str, seconds: float, ready):
    """What `ready` returns, as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


def answers(url: str, path: str = "/healthz") -> bool:
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def printed_key(text: str) -> str | None:
    found = re.search(r"\bock_\w+", text)
    return found and found.group()


def ask(url: str, key: str, path: str, body: dict | None = None):
    """An answer's headers and text; one that refuses raises `urllib.error.HTTPError`."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}{path}", data, headers), timeout=60) as answer:
        return answer.headers, answer.read().decode()


def chat(url: str, key: str, stream: bool = False, model: str = MODEL) -> str:
    """What a model answers, over the API."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    _, text = ask(url, key, "/v1/chat/completions", body)
    if not stream:
        return json.loads(text)["choices"][0]["message"]["content"]
    assert text.rstrip().endswith("data: [DONE]"), text[-200:]
    chunks = (json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {"))
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def first_chat(url: str, key: str) -> str:
    """The first answer, which a slow machine may refuse with 503 until everything has been read once."""
    def asked() -> str | None:
        try:
            return chat(url, key)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    return wait("a chat", 120, asked)


def inspect(name: str) -> dict:
    """What the container engine knows of an image or a container."""
    return json.loads(run(["docker", "inspect", name]))[0]


def healthy(container: str) -> bool:
    return inspect(container)["State"]["Health"]["Status"] == "healthy"


def logs(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def exit_code(args) -> int:
    return subprocess.run([str(it) for it in args], capture_output=True, check=False).returncode


def ended_well(container: str) -> None:
    """It has ended, by itself."""
    state = inspect(container)["State"]
    assert not state["Running"] and state["ExitCode"] == 0, f"{container} ended with {state['ExitCode']}:\n{logs(container)[-2000:]}"


def stopped(container: str) -> float:
    """Stops a container; it must end by itself. In how many seconds."""
    began = time.monotonic()
    run(["docker", "stop", "--time", "40", container])
    ended_well(container)
    return time.monotonic() - began
