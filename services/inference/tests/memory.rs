//! What a large request costs in memory, from the client's bytes to Bedrock's, in each dialect. A process of its own,
//! since its peak is what is measured, with the allocator that the servers have; Linux, which tells it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "what this test has no use for")]
#[path = "it/desk.rs"]
mod desk;
#[path = "it/harness.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod harness;
#[expect(dead_code, reason = "what this test has no use for")]
#[path = "it/mcp_client.rs"]
mod mcp_client;
#[path = "it/prompt_store.rs"]
mod prompt_store;
#[path = "it/response_store.rs"]
mod response_store;
#[expect(dead_code, reason = "what this test has no use for")]
#[path = "it/route_store.rs"]
mod route_store;
#[path = "it/stores.rs"]
mod stores;
#[path = "it/test_limiter.rs"]
mod test_limiter;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use harness::{Setup, TestApp};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many pictures, and how long each is in base64.
const LARGE: (usize, usize) = (5, 4_000_000);
const SMALL: (usize, usize) = (1, 16);

const CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":"end_turn",
    "usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"ok"}],
    "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;

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
    let (head, _) = message(stream);
    let body = if head.contains("/invoke ") { MESSAGE } else { CONVERSE };
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
}

/// Reads a message of HTTP: its head, and the beginning of its body, of which no more than a buffer is kept.
fn message(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut buffer = vec![0; 64 << 10];
    let mut head = Vec::new();
    let end = loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "a message without an end: {}", String::from_utf8_lossy(&head));
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
    };
    let body = head.split_off(end + 4);
    let head = String::from_utf8(head).unwrap();
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    let mut left = head.lines().find_map(length).unwrap_or(0_usize).saturating_sub(body.len());
    while left > 0 {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "a body that breaks off");
        left -= read;
    }
    (head, body)
}

/// A body with pictures in it, each between what the dialect writes before and behind it.
fn body([head, before, behind, end]: [&str; 4], (pictures, length): (usize, usize)) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024 + pictures * (length + 256));
    body.extend_from_slice(head.as_bytes());
    for at in 0..pictures {
        body.extend_from_slice(if at == 0 { before.trim_start_matches(',') } else { before }.as_bytes());
        // A PNG as far as its first bytes say.
        body.extend_from_slice(b"iVBORw0KGgoA");
        body.resize(body.len() + length - 12, b'A');
        body.extend_from_slice(behind.as_bytes());
    }
    body.extend_from_slice(end.as_bytes());
    body
}

fn post(at: &str, path: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(at).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
        .unwrap();
    stream.write_all(body).unwrap();
    let (head, body) = message(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}{}", String::from_utf8_lossy(&body));
}

/// A line of this process's status, bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Names the one case that a process is to measure: what another has freed would count for it.
const CASE: &str = "OUTCROP_MEMORY_CASE";

#[test]
fn a_large_request_costs_less_than_two_and_a_half_times_its_size() {
    if let Ok(case) = std::env::var(CASE) {
        let (path, parts) = CASES[case.parse::<usize>().unwrap()];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.unwrap().block_on(measure(path, parts));
    }
    for case in 0..CASES.len() {
        let own = std::env::current_exe().unwrap();
        let ended =
            std::process::Command::new(own).env(CASE, case.to_string()).arg("--nocapture").output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

async fn measure(path: &'static str, parts: [&'static str; 4]) {
    let app = TestApp::with(Setup { models_at: Some(sink()), ..Setup::default() }).await;
    let at = app.url().trim_start_matches("http://").to_owned();
    let asking = tokio::task::spawn_blocking(move || {
        // What is set up once is no cost of a request, and neither is the client's own copy.
        post(&at, path, &body(parts, SMALL));
        let large = body(parts, LARGE);
        let before = status("VmRSS");
        // Forgets the peak so far.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        post(&at, path, &large);
        (status("VmHWM").saturating_sub(before), large.len())
    });
    let (peak, size) = asking.await.unwrap();
    assert!(peak > size, "{path}: the peak is told: {peak}");
    assert!(peak * 2 < size * 5, "{path}: {peak} bytes at the peak for a body of {size}");
}

/// What stands before and behind Anthropic's pictures.
const ANTHROPIC: [&str; 3] =
    [r#",{"type":"image","source":{"type":"base64","media_type":"image/png","data":""#, r#""}}"#, "]}]}"];

/// Path and body of a request in each dialect.
const CASES: [(&str, [&str; 4]); 5] = [
    (
        "/v1/chat/completions",
        [
            r#"{"model":"nova-lite","messages":[{"role":"user","content":["#,
            r#",{"type":"image_url","image_url":{"url":"data:image/png;base64,"#,
            r#""}}"#,
            "]}]}",
        ],
    ),
    (
        "/v1/messages",
        [
            r#"{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":["#,
            ANTHROPIC[0],
            ANTHROPIC[1],
            ANTHROPIC[2],
        ],
    ),
    (
        "/v1/messages",
        [
            r#"{"model":"nova-lite","max_tokens":9,"messages":[{"role":"user","content":["#,
            ANTHROPIC[0],
            ANTHROPIC[1],
            ANTHROPIC[2],
        ],
    ),
    (
        "/v1/responses",
        [
            r#"{"model":"nova-lite","input":[{"role":"user","content":["#,
            r#",{"type":"input_image","image_url":"data:image/png;base64,"#,
            r#""}"#,
            "]}]}",
        ],
    ),
    (
        "/model/nova-lite/converse",
        [
            r#"{"messages":[{"role":"user","content":["#,
            r#",{"image":{"format":"png","source":{"bytes":""#,
            r#""}}}"#,
            "]}]}",
        ],
    ),
];
