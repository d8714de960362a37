//! Requests to servers that are not ours, against ones that answer by script.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use outcrop_client::HttpOutbound;
use outcrop_ports::{Outbound, OutboundAnswer, OutboundMethod, OutboundRequest, PortError, PortFailure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A server that answers every connection so; what it was sent comes out of the channel.
async fn serve(answer: impl Into<Vec<u8>>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::unbounded_channel();
    let answer = answer.into();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut head, tell, answer) = (vec![0; 4096], tell.clone(), answer.clone());
            tokio::spawn(async move {
                let mut length = 0;
                while !ended(&head[..length]) {
                    length += stream.read(&mut head[length..]).await.unwrap();
                }
                tell.send(String::from_utf8_lossy(&head[..length]).into_owned()).unwrap();
                stream.write_all(&answer).await.unwrap();
                // Open until the other side goes: what is missing from the answer never comes.
                let _ = stream.read(&mut head).await;
            });
        }
    });
    (url, told)
}

/// Whether a request is whole; bodies here end in `!`.
fn ended(request: &[u8]) -> bool {
    request.ends_with(b"\r\n\r\n") && !request.starts_with(b"POST") || request.ends_with(b"!")
}

fn get(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: OutboundMethod::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        timeout: Duration::from_secs(5),
        max_answer: 1_000,
    }
}

async fn send(request: OutboundRequest) -> Result<OutboundAnswer, PortError> {
    HttpOutbound::new(Duration::from_secs(2)).send(request).await
}

fn sized(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length))
}

#[tokio::test]
async fn a_request_goes_out_as_it_is() {
    let (url, mut told) = serve("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = OutboundRequest {
        method: OutboundMethod::Post,
        headers: vec![header("host", "sts.amazonaws.com"), header("x-amz-date", "20260101T000000Z")],
        body: "a=b&c=!".into(),
        ..get(&format!("{url}/?q=%2F+x"))
    };
    let answer = send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (403, b"no".as_ref()), "any status is an answer");
    let sent = told.recv().await.unwrap().to_ascii_lowercase();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "post /?q=%2f+x http/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["accept: */*", "content-length: 7", "host: sts.amazonaws.com", "x-amz-date: 20260101t000000z"]
    );
    assert_eq!(body, "a=b&c=!");
}

#[tokio::test]
async fn no_more_is_read_than_was_asked_for() {
    let (fits, _keep) = serve(sized(1_000)).await;
    assert_eq!(send(get(&fits)).await.unwrap().body.len(), 1_000);
    let (announced, _keep) = serve(sized(1_001)).await;
    assert_eq!(send(get(&announced)).await.unwrap_err().failure, PortFailure::Broken);
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000)).repeat(2);
    let (chunked, _keep) =
        serve(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")).await;
    assert_eq!(send(get(&chunked)).await.unwrap_err().failure, PortFailure::Broken);
}

#[tokio::test]
async fn whoever_is_slow_is_away() {
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let (url, _keep) = serve(answer).await;
        let started = Instant::now();
        let request = OutboundRequest { timeout: Duration::from_millis(150), ..get(&url) };
        assert_eq!(send(request).await.unwrap_err().failure, PortFailure::Unavailable, "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(3), "{answer:?}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (elsewhere, mut told) = serve(sized(1)).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
    let (url, _keep) = serve(redirect).await;
    assert_eq!(send(get(&url)).await.unwrap().status, 302);
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn nothing_goes_out_in_the_clear() {
    for url in [
        "http://idp.example/",
        "http://10.0.0.1/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://169.254.169.254/latest/meta-data",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "nonsense",
    ] {
        let error = send(get(url)).await.unwrap_err();
        assert_eq!(error.failure, PortFailure::Broken, "{url}: {}", error.chain());
    }
}

#[tokio::test]
async fn errors_tell_no_secret() {
    let request = OutboundRequest {
        headers: vec![("authorization".into(), "Bearer hunter2\n".into())],
        ..get("http://127.0.0.1:9/hooks/hunter2?X-Amz-Signature=hunter2")
    };
    let unfit = send(request.clone()).await.unwrap_err();
    let away = send(OutboundRequest { headers: Vec::new(), ..request.clone() }).await.unwrap_err();
    for text in [unfit.chain(), away.chain(), format!("{request:?} {unfit:?} {away:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
