"""Prepares the local AWS of docker-compose.yml: a queue with its dead-letter queue, a bucket, two secrets.

The secrets are random, made at the first start and kept in a volume, because the local AWS forgets everything
when it stops and API keys would otherwise die with it.
"""

import json
import os
import pathlib
import secrets

import boto3
from botocore.exceptions import ClientError

STORE = pathlib.Path("/secrets")


def kept(name: str) -> str:
    """The secret of this name, made at the first call."""
    path = STORE / name
    if not path.exists():
        path.write_text(secrets.token_hex(32))
        path.chmod(0o600)
    return path.read_text()


def queue(sqs) -> None:
    dead = sqs.create_queue(QueueName="outcrop-jobs-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": "5"}
    sqs.create_queue(QueueName="outcrop-jobs", Attributes={"RedrivePolicy": json.dumps(redrive)})


def secret(manager, name: str) -> None:
    value = kept(name)
    try:
        manager.create_secret(Name=f"outcrop/{name}", SecretString=value)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        manager.put_secret_value(SecretId=f"outcrop/{name}", SecretString=value)


def main() -> None:
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    client = lambda service: boto3.client(service, endpoint_url=endpoint)  # noqa: E731
    queue(client("sqs"))
    client("s3").create_bucket(Bucket="outcrop-files")
    for name in ("internal-secret", "key-secret"):
        secret(client("secretsmanager"), name)
    print("local AWS is ready: queue outcrop-jobs, bucket outcrop-files, secrets outcrop/*")


main()
