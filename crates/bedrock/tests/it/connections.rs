//! What becomes of a connection behind an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_ports::{ChatModel as _, ModelFailure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fake::{call, say};

/// Answers every request on every connection with these bytes; counts connections.
async fn server(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(socket, answer.clone()));
        }
    });
    (url, opened)
}

async fn serve(mut socket: TcpStream, answer: String) {
    let mut request = Vec::new();
    let mut some = [0; 4_096];
    while let Ok(read @ 1..) = socket.read(&mut some).await {
        request.extend_from_slice(&some[..read]);
        // The body is an object of objects, and comes last.
        if request.ends_with(b"}]}]}") {
            request.clear();
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        if answer.contains("content-length: 1000\r\n") && request.is_empty() {
            // More was promised than comes.
            return;
        }
    }
}

fn answer(status: &str, length: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn model(url: &str) -> BedrockModel {
    BedrockModel::new(&outcrop_aws::local_config(url, "us-east-1"), BedrockOptions::default()).unwrap()
}

#[tokio::test]
async fn one_that_answered_for_somebody_who_is_ill_is_not_used_again() {
    let body = r#"{"message":"no"}"#;
    for (status, failure, connections) in [
        ("400 Bad Request", ModelFailure::Invalid, 1),
        ("503 Service Unavailable", ModelFailure::Unavailable, 2),
    ] {
        let (url, opened) = server(answer(status, body.len(), body)).await;
        let model = model(&url);
        for _ in 0..2 {
            let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
            assert_eq!(error.failure, failure, "{status}");
        }
        assert_eq!(opened.load(Ordering::Relaxed), connections, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_broken() {
    let (url, _) = server(answer("200 OK", 1_000, r#"{"output":"#)).await;
    let error = model(&url).chat(call("nova-lite", say("hi"))).await.unwrap_err();
    assert_eq!(
        (error.failure, error.message.as_str()),
        (ModelFailure::Broken, "the connection to Bedrock broke")
    );
}
