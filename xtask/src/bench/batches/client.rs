//! Who uploads, waits and downloads.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};

use crate::bench::subject::{MODEL, PROMPT};

const BOUNDARY: &str = "a-boundary-that-no-line-has";
/// Bytes that are sent at a time.
const PIECE: usize = 64 * 1024;

/// A client of the platform.
pub(super) struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(port: u16, key: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { base: format!("http://127.0.0.1:{port}"), key: key.to_owned(), http })
    }

    /// Uploads a file of lines, made as it is sent; its id.
    pub(super) async fn upload_lines(&self, lines: u64) -> anyhow::Result<String> {
        let length = line(1).len() as u64 * lines;
        let body = stream::iter(1..=lines).map(line).chunks(200).map(|it| Bytes::from(it.concat()));
        self.send("batch", length, body).await
    }

    /// Uploads a file of so many bytes; its id.
    pub(super) async fn upload(&self, bytes: u64) -> anyhow::Result<String> {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let pieces = stream::unfold(bytes, move |left| {
            let piece = piece.clone();
            async move {
                let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                (length > 0).then(|| (piece.slice(..length), left - length as u64))
            }
        });
        self.send("user_data", bytes, pieces).await
    }

    async fn send(
        &self,
        purpose: &str,
        length: u64,
        body: impl Stream<Item = Bytes> + Send + 'static,
    ) -> anyhow::Result<String> {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"bench.jsonl\"\r\ncontent-type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let length = length + (head.len() + tail.len()) as u64;
        let one = |text: String| stream::iter([Bytes::from(text)]);
        let body = one(head).chain(body).chain(one(tail)).map(Ok::<_, std::io::Error>);
        let request = self.http.post(format!("{}/v1/files", self.base)).bearer_auth(&self.key);
        let request = request
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("content-length", length)
            .body(reqwest::Body::wrap_stream(body));
        let file = told(request).await?;
        Ok(file["id"].as_str().context("a file without an id")?.to_owned())
    }

    /// Has a batch done; it, when it has ended.
    pub(super) async fn batch(&self, input: &str) -> anyhow::Result<Value> {
        let body = json!({
            "input_file_id": input, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        });
        let request = self.http.post(format!("{}/v1/batches", self.base)).bearer_auth(&self.key);
        let batch = told(request.json(&body)).await?;
        let url = format!("{}/v1/batches/{}", self.base, batch["id"].as_str().context("no id")?);
        loop {
            let seen = told(self.http.get(&url).bearer_auth(&self.key)).await?;
            if ["completed", "failed", "expired"].contains(&seen["status"].as_str().unwrap_or_default()) {
                return Ok(seen);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Reads a file to its end; how many bytes came.
    pub(super) async fn download(&self, id: &str) -> anyhow::Result<u64> {
        let url = format!("{}/v1/files/{id}/content", self.base);
        let mut answer = self.http.get(url).bearer_auth(&self.key).send().await?.error_for_status()?;
        let mut bytes = 0;
        while let Some(piece) = answer.chunk().await? {
            bytes += piece.len() as u64;
        }
        Ok(bytes)
    }
}

/// A line with its end. All are of one length.
fn line(number: u64) -> Bytes {
    let line = json!({
        "custom_id": format!("line-{number:09}"),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": MODEL, "max_tokens": 1_000, "messages": [{"role": "user", "content": PROMPT}]},
    });
    Bytes::from(format!("{line}\n"))
}

async fn told(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

fn signature(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A queue in the local AWS, and where its messages go that nobody comes to an end with.
pub(crate) async fn make_queue(aws: &str, name: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let dead = format!("{name}-dead");
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{dead}");
    let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": "5" }).to_string();
    let queues = [
        json!({ "QueueName": dead }),
        json!({ "QueueName": name, "Attributes": { "RedrivePolicy": redrive } }),
    ];
    for queue in queues {
        let request = http
            .post(aws)
            .header("x-amz-target", "AmazonSQS.CreateQueue")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", signature("sqs"));
        request.body(queue.to_string()).send().await?.error_for_status()?;
    }
    Ok(())
}

/// A bucket in the local AWS.
pub(crate) async fn make_bucket(aws: &str, name: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let request = http.put(format!("{aws}/{name}")).header("authorization", signature("s3"));
    request.send().await?.error_for_status()?;
    Ok(())
}
