//! A load balancer that knows nothing of sessions: each request goes to the next replica that takes connections.
//!
//! A fixture of the conformance suite keeps what a call changes in its own process, where the platform's own state is everybody's.
//! Such a call is told to every replica, so that they stay the same whoever answers next.
//!
//! Scripts that run beside a test have it cut every connection that is open, or send everything to one replica, at
//! `POST /_proxy/…`; and so they kill replicas and start them again.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::replicas::Replicas;

/// More than any client's headers.
const MAX_HEAD: usize = 64 * 1024;
/// What stands for no replica in particular.
const EACH_IN_TURN: usize = usize::MAX;
/// Where orders are taken.
const ORDERS: &str = "/_proxy/";
/// What the tools of fixtures that change something begin with.
const CHANGES: &[u8] = b"\"test_trigger_";

/// A running proxy. Dropping it ends it.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    replicas: Arc<Replicas>,
    /// What it shows in the place of what clients show, for those that have no key.
    authorization: Option<String>,
    turn: AtomicUsize,
    only: AtomicUsize,
    /// Changes when all connections are to be cut.
    cut: watch::Sender<()>,
}

impl Proxy {
    /// Stands before these replicas.
    pub(crate) async fn start(replicas: Arc<Replicas>) -> Self {
        Self::with(replicas, None).await
    }

    /// The same, and shows a key.
    pub(crate) async fn with_key(replicas: Arc<Replicas>, key: &str) -> Self {
        Self::with(replicas, Some(format!("Bearer {key}"))).await
    }

    async fn with(replicas: Arc<Replicas>, authorization: Option<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (turn, only) = (AtomicUsize::new(0), AtomicUsize::new(EACH_IN_TURN));
        let state = Arc::new(State { replicas, authorization, turn, only, cut: watch::Sender::new(()) });
        let task = tokio::spawn(accept(listener, state.clone())).abort_handle();
        Self { url, state, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.state.cut.send_replace(());
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        // A client or a replica that goes away in the middle is what happens here.
        tokio::spawn(serve(state.clone(), client));
    }
}

/// One connection is one request: whoever asks again comes with another one, and to another replica.
async fn serve(state: Arc<State>, mut client: TcpStream) -> io::Result<()> {
    let mut cut = state.cut.subscribe();
    let Some(mut head) = Head::read(&mut client).await? else { return Ok(()) };
    if let Some(order) = head.order() {
        let status = if state.obey(order).await { "204 No Content" } else { "404 Not Found" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes()).await;
    }
    head.read_on(&mut client).await?;
    if head.body.windows(CHANGES.len()).any(|it| it == CHANGES) {
        return state.tell_all(&mut client, &head).await;
    }
    let Some(mut replica) = state.next().await else {
        let answer = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return client.write_all(answer.as_bytes()).await;
    };
    client.set_nodelay(true)?;
    replica.set_nodelay(true)?;
    replica.write_all(&head.forwarded(state.authorization.as_deref())).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_replica, mut to_replica) = replica.split();
    tokio::select! {
        copied = copy(&mut from_client, &mut to_replica) => copied?,
        copied = copy(&mut from_replica, &mut to_client) => copied?,
        _ = cut.changed() => 0,
    };
    Ok(())
}

impl State {
    /// A connection to the replica whose turn it is, or to the next that takes one.
    async fn next(&self) -> Option<TcpStream> {
        let addresses = self.replicas.addresses();
        let first = match self.only.load(Ordering::Relaxed) {
            EACH_IN_TURN => self.turn.fetch_add(1, Ordering::Relaxed),
            only => return TcpStream::connect(&addresses[only]).await.ok(),
        };
        for at in 0..addresses.len() {
            let address = &addresses[(first + at) % addresses.len()];
            if let Ok(replica) = TcpStream::connect(address).await {
                return Some(replica);
            }
        }
        None
    }

    /// Has every replica answer, and hands on the answer of the last.
    async fn tell_all(&self, client: &mut TcpStream, head: &Head) -> io::Result<()> {
        let mut answer = Vec::new();
        for address in self.replicas.addresses() {
            let mut replica = TcpStream::connect(address).await?;
            replica.write_all(&head.forwarded(self.authorization.as_deref())).await?;
            answer.clear();
            replica.read_to_end(&mut answer).await?;
        }
        client.write_all(&answer).await
    }

    /// Does what a script asks for; whether it is known.
    async fn obey(&self, order: &str) -> bool {
        let (what, which) = order.split_once('/').unwrap_or((order, ""));
        let replica = which.parse::<usize>().ok().filter(|it| *it < self.replicas.addresses().len());
        match (what, replica) {
            ("cut", None) => {
                self.cut.send_replace(());
            }
            ("each-in-turn", None) => self.only.store(EACH_IN_TURN, Ordering::Relaxed),
            ("only", Some(replica)) => self.only.store(replica, Ordering::Relaxed),
            ("kill", Some(replica)) => self.replicas.kill(replica).await,
            ("start", Some(replica)) => self.replicas.start_again(replica),
            _ => return false,
        }
        true
    }
}

/// A request up to its body, of which the beginning may have come with it.
struct Head {
    head: String,
    body: Vec<u8>,
}

impl Head {
    /// `None`: the connection was closed without a request.
    async fn read(client: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                let body = bytes.split_off(end + 4);
                bytes.truncate(end);
                let head = String::from_utf8(bytes).map_err(io::Error::other)?;
                return Ok(Some(Self { head, body }));
            }
            if bytes.len() > MAX_HEAD || client.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads a small body to its end; a large one is forwarded as it comes.
    async fn read_on(&mut self, client: &mut TcpStream) -> io::Result<()> {
        let lines = self.head.to_ascii_lowercase();
        let length = lines.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|it| it.trim().parse::<usize>().ok()).unwrap_or(0);
        while length < MAX_HEAD && self.body.len() < length {
            if client.read_buf(&mut self.body).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What a script asks the proxy itself for.
    fn order(&self) -> Option<&str> {
        self.head.strip_prefix("POST ")?.split(' ').next()?.strip_prefix(ORDERS)
    }

    fn forwarded(&self, authorization: Option<&str>) -> Vec<u8> {
        let mut lines = self.head.split("\r\n");
        let mut head = format!("{}\r\nconnection: close\r\n", lines.next().unwrap_or_default());
        let is_ours =
            |name: &str| name == "connection" || (authorization.is_some() && name == "authorization");
        for line in lines {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !is_ours(&name) {
                head.push_str(line);
                head.push_str("\r\n");
            }
        }
        if let Some(authorization) = authorization {
            head.push_str(&format!("authorization: {authorization}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}
