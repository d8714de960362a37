"""A receiver of webhooks as the public libraries have it: `standardwebhooks` verifies every delivery, and so does the
OpenAI SDK, which also reads it. Prints every event as one line of JSON without what differs from run to run, so that two
runs can be compared.

Reads OUTCROP_URL, and OPENAI_BASE_URL and OPENAI_API_KEY as the SDK does.
"""

import json
import os
import queue
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

URL = os.environ["OUTCROP_URL"]
KEY = os.environ["OPENAI_API_KEY"]
MODEL = "claude-haiku-4-5"

client = OpenAI(max_retries=0, timeout=30)
inbox = queue.Queue()
# What the receiver answers next; 204 when there is nothing here.
answers = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        inbox.put((dict(self.headers), body))
        self.send_response(answers.get() if not answers.empty() else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(URL + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def verified(secrets):
    """The next delivery, which each of these secrets must verify."""
    headers, body = inbox.get(timeout=60)
    event = None
    for secret in secrets:
        event = Webhook(secret).verify(body, headers)
        unwrapped = client.webhooks.unwrap(body, headers, secret=secret)
        assert (unwrapped.id, unwrapped.type) == (event["id"], event["type"]), (unwrapped, event)
        assert unwrapped.data.id == event["data"]["id"]
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["webhook-id"] == event["id"]
    assert event["object"] == "event" and abs(event["created_at"] - time.time()) < 300
    return event, headers, body


def refused(secret, headers, body):
    """Whether both libraries refuse this."""
    for verify, error in [
        (lambda: Webhook(secret).verify(body, headers), WebhookVerificationError),
        (lambda: client.webhooks.unwrap(body, headers, secret=secret), InvalidWebhookSignatureError),
    ]:
        try:
            verify()
        except error:
            continue
        return False
    return True


def show(title, event):
    print(title, json.dumps({"type": event["type"], "about": event["data"]["id"].split("_")[0]}, sort_keys=True))


def job(prompt):
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    return call("POST", "/v1/jobs", {"path": "/v1/chat/completions", "body": body})["id"]


def deliveries(webhook):
    return call("GET", f"/v1/webhooks/{webhook}/deliveries?limit=100")["data"]


def settled(webhook):
    """The deliveries, once nothing is under way."""
    for _ in range(300):
        listed = deliveries(webhook)
        if all(it["state"] != "pending" for it in listed):
            return listed
        time.sleep(0.1)
    raise AssertionError(listed)


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
hook = call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{server.server_port}/hooks?token=hunter2"})
path, first = f"/v1/webhooks/{hook['id']}", hook["secret"]

call("POST", f"{path}/test")
event, headers, body = verified([first])
assert event["data"]["id"] == hook["id"]
assert refused(first, headers, body.replace(b"event", b"other", 1)), "a body that was changed"
assert refused("whsec_" + "AAAA" * 8, headers, body), "another's secret"
show("test", event)

jobs = {job(f"[[say: {number}]]") for number in range(3)}
events = [verified([first])[0] for _ in jobs]
assert {event["data"]["id"] for event in events} == jobs, (events, jobs)
for event in events:
    show("job", event)

# The old secret and the new one verify what is sent while both are good.
second = call("POST", f"{path}/rotate")["secret"]
assert second != first
rotated = job("[[say: rotated]]")
event, _, _ = verified([first, second])
assert event["data"]["id"] == rotated
show("rotated", event)

# A receiver that fails is told again, of the same event.
answers.put(500)
failed = job("[[say: again]]")
before, _, _ = verified([second])
after, _, _ = verified([second])
assert before == after and before["data"]["id"] == failed
show("again", after)

# What was delivered can be sent once more.
listed = settled(hook["id"])
assert len(listed) == 6 and all(it["state"] == "delivered" for it in listed), listed
last = listed[0]
assert (last["attempts"], last["event_id"], last["last_status"]) == (2, after["id"], 204), last
call("POST", f"{path}/deliveries/{last['id']}/replay")
event, _, _ = verified([second])
assert event == after
show("replayed", event)
settled(hook["id"])
assert inbox.empty()

assert "hunter2" not in json.dumps(deliveries(hook["id"]))
call("DELETE", path)
job("[[say: unheard]]")
time.sleep(2)
assert inbox.empty(), "nobody is told any more"
