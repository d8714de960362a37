"""SQS and S3 for trials: moto, with the queue and the bucket that Outcrop needs. It forgets everything when it stops."""

import json
import os
import pathlib
import signal
import threading

# boto3 looks for credentials before it asks; these stand for none.
os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto.server import ThreadedMotoServer

PORT = int(os.environ.get("TRIAL_AWS_PORT", "5000"))
READY = pathlib.Path(os.environ.get("TRIAL_AWS_READY", "/tmp/ready"))


def prepare() -> None:
    endpoint = f"http://127.0.0.1:{PORT}"
    sqs = boto3.client("sqs", endpoint_url=endpoint)
    dead = sqs.create_queue(QueueName="outcrop-jobs-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
    sqs.create_queue(QueueName="outcrop-jobs", Attributes={"RedrivePolicy": redrive})
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="outcrop-files")


def main() -> None:
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    READY.unlink(missing_ok=True)
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=PORT)
    server.start()
    prepare()
    READY.write_text("")
    print("SQS and S3 for trials are ready: queue outcrop-jobs, bucket outcrop-files", flush=True)
    stop.wait()
    server.stop()


main()
