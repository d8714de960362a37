//! Telling servers in this process, under names that a test makes up.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{Outbound as _, OutboundAnswer, OutboundMethod, OutboundRequest, PortError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::resolver::Lookup;
use super::{GuardedOutbound, OutboundRules};

struct Names(HashMap<&'static str, Vec<IpAddr>>);

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.get(host).cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}

fn names(names: &[(&'static str, &[&str])]) -> Arc<Names> {
    let parsed = |addresses: &&[&str]| addresses.iter().map(|it| it.parse().unwrap()).collect();
    Arc::new(Names(names.iter().map(|(name, addresses)| (*name, parsed(addresses))).collect()))
}

fn local() -> OutboundRules {
    OutboundRules { allow_http: true, allow_networks: vec!["127.0.0.1".parse().unwrap()] }
}

/// A server that answers everything with this; the requests come out of the channel.
async fn site(answer: Vec<u8>) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (tell, answer) = (tell.clone(), answer.clone());
            tokio::spawn(async move {
                let (mut request, mut length) = (vec![0; 16_384], 0);
                while !request[..length].ends_with(b"told") {
                    length += stream.read(&mut request[length..]).await.unwrap();
                }
                tell.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
                // Who reads no further has gone.
                let _ = stream.write_all(&answer).await;
                let _ = stream.read(&mut [0; 1]).await;
            });
        }
    });
    (port, asked)
}

async fn tell(outbound: &GuardedOutbound, url: String) -> Result<OutboundAnswer, PortError> {
    let request = OutboundRequest {
        method: OutboundMethod::Post,
        url,
        headers: vec![("webhook-id".into(), "evt_1".into())],
        body: Bytes::from_static(b"told"),
        timeout: Duration::from_secs(5),
        max_answer: 1_000,
    };
    outbound.send(request).await
}

#[tokio::test]
async fn an_allowed_server_is_told_and_its_answer_is_read_within_bounds() {
    let answer =
        [b"HTTP/1.1 503 Later\r\nretry-after: 7\r\ncontent-length: 5000\r\n\r\n".as_slice(), &[b'x'; 5_000]];
    let (port, mut asked) = site(answer.concat()).await;
    let outbound = GuardedOutbound::with_lookup(local(), names(&[("hooks.example", &["127.0.0.1"])]));
    let answer = tell(&outbound, format!("http://hooks.example:{port}/a?b=c#d")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (503, 1_000));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    let asked = asked.recv().await.unwrap();
    assert!(asked.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("webhook-id: evt_1\r\n") && asked.ends_with("told"), "{asked}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (second, mut never) = site(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let to = format!("HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:{second}/\r\ncontent-length: 0\r\n\r\n");
    let (port, _asked) = site(to.into_bytes()).await;
    let outbound = GuardedOutbound::with_lookup(local(), names(&[]));
    assert_eq!(tell(&outbound, format!("http://127.0.0.1:{port}/")).await.unwrap().status, 307);
    assert!(never.try_recv().is_err());
}

#[tokio::test]
async fn names_that_lead_into_this_network_are_not_asked() {
    let (port, mut asked) = site(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let names = names(&[
        ("inside.example", &["127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("both.example", &["1.1.1.1", "10.0.0.1"]),
    ]);
    let closed = OutboundRules { allow_http: true, ..OutboundRules::default() };
    let outbound = GuardedOutbound::with_lookup(closed, names);
    let mut told = Vec::new();
    for host in ["inside.example", "metadata.example", "both.example", "nowhere.example"] {
        told.push(tell(&outbound, format!("http://{host}:{port}/")).await.unwrap_err().chain());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "which names there are is not told: {told:?}");
    assert!(told[0].ends_with("the address leads to no address that may be asked"), "{told:?}");
    assert!(asked.try_recv().is_err());
}

#[test]
fn what_is_wrong_with_an_address_is_told_beforehand() {
    let outbound = GuardedOutbound::new(OutboundRules::default());
    let nowhere = "leads to no address that may be asked";
    for (url, wrong) in [
        ("https://example.com/hooks?x=y", None),
        ("https://example.com:8443/", None),
        ("https://1.1.1.1/", None),
        ("http://example.com/", Some("must be an https:// URL")),
        ("file:///etc/passwd", Some("must be an https:// URL")),
        ("nonsense", Some("is not a URL")),
        ("https://me:pw@example.com/", Some("holds a user name or a password")),
        ("https://169.254.169.254/latest/", Some(nowhere)),
        ("https://10.1.2.3/", Some(nowhere)),
        ("https://2130706433/", Some(nowhere)),
        ("https://[::ffff:127.0.0.1]/", Some(nowhere)),
        ("https://[fd00:ec2::254]/", Some(nowhere)),
    ] {
        assert_eq!(outbound.refuses(url).as_deref(), wrong, "{url}");
    }
    // Who opens everything does not open the metadata services.
    let all = OutboundRules { allow_http: true, allow_networks: vec!["0.0.0.0/0".parse().unwrap()] };
    let outbound = GuardedOutbound::new(all);
    assert_eq!(outbound.refuses("http://10.1.2.3/"), None);
    assert_eq!(outbound.refuses("http://169.254.169.254/").as_deref(), Some(nowhere));
}

#[tokio::test]
async fn whoever_does_not_answer_is_told_of_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outbound = GuardedOutbound::with_lookup(local(), names(&[]));
    let error = tell(&outbound, format!("http://127.0.0.1:{port}/hunter2")).await.unwrap_err().chain();
    assert!(error.contains("no connection: ") && !error.contains("hunter2"), "{error}");
}
