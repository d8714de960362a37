//! What a large picture costs in memory, from the bytes that came to the bytes that leave. Each way in a process of its
//! own, since its peak is what is measured; Linux, which tells it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use outcrop_bedrock::{BedrockModel, BedrockOptions, Catalog, CatalogOptions};
use outcrop_ports::{ChatModel, InvokeCall, ModelCall, ModelCatalog, RawModel};
use outcrop_wire::anthropic::invoke::{self, Inlined, Traits};
use outcrop_wire::anthropic::{Betas, Purpose, Version};
use outcrop_wire::bedrock::invoke as bedrock_invoke;
use outcrop_wire::openai;

/// 20 MB of a picture.
const PICTURE: usize = 20 << 20;

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":"end_turn",
    "usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;

/// A far end that keeps nothing of what it is sent.
fn sink() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&mut stream.unwrap());
        }
    });
    url
}

fn answer(stream: &mut TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    let mut head = Vec::new();
    let (end, length) = loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "a request without a body");
        head.extend_from_slice(&buffer[..read]);
        let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|it| it.strip_prefix("content-length:")).unwrap().trim().to_owned();
        break (end + 4, length.parse::<usize>().unwrap());
    };
    let mut left = length - (head.len() - end);
    while left > 0 {
        left -= stream.read(&mut buffer).unwrap();
    }
    let length = ANSWER.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{ANSWER}")
        .unwrap();
}

/// A body with a picture of so many bytes in base64 between these two texts.
fn body(before: &str, bytes: usize, after: &str) -> Bytes {
    let encoded = bytes / 3 * 4;
    let mut body = Vec::with_capacity(before.len() + encoded + after.len());
    body.extend_from_slice(before.as_bytes());
    // A PNG as far as its first bytes say.
    body.extend_from_slice(b"iVBORw0KGgoA");
    body.resize(before.len() + encoded, b'A');
    body.extend_from_slice(after.as_bytes());
    Bytes::from(body)
}

/// A chat request with a picture of so many bytes.
fn chat(bytes: usize) -> Bytes {
    let before = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,"#;
    body(before, bytes, r#""}}]}]}"#)
}

/// A message to Claude with a picture of so many bytes.
fn message(bytes: usize) -> Bytes {
    let before = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":""#;
    body(before, bytes, r#""}}]}]}"#)
}

struct Bedrock {
    model: BedrockModel,
    catalog: Catalog,
}

impl Bedrock {
    fn new() -> Self {
        let sdk = outcrop_aws::local_config(&sink(), "us-east-1");
        let model = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
        let options =
            CatalogOptions { default_model: "nova-lite", region: "us-east-1", ..CatalogOptions::default() };
        Self { model, catalog: Catalog::load(&options).unwrap() }
    }

    async fn chat(&self, body: Bytes) {
        let request = openai::chat::parse(&body).unwrap().into_chat().unwrap().request;
        let model = self.catalog.resolve(None).unwrap();
        let call = ModelCall { model, request: request.into(), deadline: Duration::from_secs(60) };
        let answer = self.model.chat(call).await.unwrap();
        assert_eq!(answer.usage.output, 1);
        // Whoever asked keeps what came until it is answered.
        drop(body);
    }

    /// Sends a body to Claude as it came, with what its links led to.
    async fn messages(&self, body: Bytes, fetched: Vec<Inlined>) {
        let traits = Traits {
            anthropic_version: "bedrock-2023-05-31",
            max_output_tokens: None,
            sampling: true,
            exclusive_sampling: false,
            thinks_by_budget: false,
        };
        let (version, betas) = (Version::default(), Betas::default());
        let own = invoke::body(&body, version, &betas, traits, Purpose::Answer).unwrap().body;
        drop(body);
        assert_eq!(invoke::find(&own).len(), fetched.len());
        let own = if fetched.is_empty() { own } else { invoke::inline(&own, fetched) };
        bedrock_invoke::check_s3(&own, &mut |url, _| panic!("{url}")).unwrap();
        let model = self.catalog.resolve(Some("claude-haiku-4-5")).unwrap();
        self.model.invoke(InvokeCall::json(model, own, Duration::from_secs(60))).await.unwrap();
    }
}

/// A line of this process's status, bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Whether this is the process in which a test is alone; otherwise starts it, and has it succeed.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "OUTCROP_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut own = Command::new(std::env::current_exe().unwrap());
    let done = own.args([test, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}{}", told(&done.stdout), told(&done.stderr));
    assert!(told(&done.stdout).contains("1 passed"), "no test is named {test}");
    false
}

/// Refuses a call that takes more than two and a half times its size, with all that was made before it.
async fn measure(size: usize, call: impl AsyncFnOnce()) {
    let before = status("VmRSS");
    // Forgets the peak so far.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    call().await;
    let peak = status("VmHWM").saturating_sub(before);
    assert!(peak > size, "the peak is told: {peak}");
    assert!(peak * 2 < size * 5, "{peak} bytes at the peak for {size}");
}

#[tokio::test]
async fn a_large_picture_is_copied_once() {
    if is_alone("a_large_picture_is_copied_once") {
        let bedrock = Bedrock::new();
        bedrock.chat(chat(3 << 10)).await;
        measure(PICTURE / 3 * 4, async || bedrock.chat(chat(PICTURE)).await).await;
    }
}

#[tokio::test]
async fn a_large_picture_for_claude_is_copied_once() {
    if is_alone("a_large_picture_for_claude_is_copied_once") {
        let bedrock = Bedrock::new();
        bedrock.messages(message(3 << 10), Vec::new()).await;
        measure(PICTURE / 3 * 4, async || bedrock.messages(message(PICTURE), Vec::new()).await).await;
    }
}

#[tokio::test]
async fn a_linked_picture_for_claude_is_written_once() {
    const LINK: &str = r#"{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://a/b.png"}}]}]}"#;
    if is_alone("a_linked_picture_for_claude_is_written_once") {
        let bedrock = Bedrock::new();
        let fetched = |bytes| vec![Inlined { media_type: "image/png", bytes: vec![1; bytes].into() }];
        bedrock.messages(LINK.into(), fetched(3 << 10)).await;
        // What was fetched, and what is sent: in base64 it is a third more.
        measure(PICTURE, async || bedrock.messages(LINK.into(), fetched(PICTURE)).await).await;
    }
}
