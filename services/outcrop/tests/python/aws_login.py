"""Logs in to Outcrop with nothing but AWS credentials, as an ECS task, a Lambda function or an EC2 instance has them.

Reads OUTCROP_URL, OUTCROP_SERVER_ID (what the server's `auth.server_id` is) and AWS_REGION; prints what it is logged in as.
"""

import json
import os
import urllib.request

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


# docs: begin
def login(url, server_id, region):
    """An access token, good for 15 minutes. Each call signs a new request: a signature is good once."""
    headers = {"content-type": "application/x-www-form-urlencoded", "x-outcrop-server-id": server_id}
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("POST", f"https://sts.{region}.amazonaws.com/", headers=headers, data=body)
    credentials = botocore.session.get_session().get_credentials().get_frozen_credentials()
    SigV4Auth(credentials, "sts", region).add_auth(request)
    grant = {
        "grant_type": "aws_iam",
        "iam_request_url": request.url,
        "iam_request_headers": dict(request.headers),
        "iam_request_body": body,
    }
    return call(f"{url}/auth/token", {"content-type": "application/json"}, json.dumps(grant).encode())["access_token"]


def call(url, headers, body=None):
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)


# docs: end


if __name__ == "__main__":
    url = os.environ["OUTCROP_URL"]
    token = login(url, os.environ["OUTCROP_SERVER_ID"], os.environ["AWS_REGION"])
    me = call(f"{url}/auth/me", {"authorization": f"Bearer {token}"})
    print(me["role"], me["team"]["name"])
