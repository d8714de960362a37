//! A TCP proxy in front of Postgres, which can be away or lose connections without a word.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A proxy on a port of its own. Dropping it does not stop it; [`stop`](Self::stop) does.
pub(crate) struct Proxy {
    address: SocketAddr,
    upstream: (String, u16),
    /// Connections of an earlier generation than this are lost.
    generation: watch::Sender<u32>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(upstream: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let generation = watch::Sender::new(0);
        let accepting = tokio::spawn(accept(listener, upstream.clone(), generation.subscribe()));
        Self { address, upstream, generation, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// As when Postgres is stopped: connections end and new ones are refused.
    pub(crate) async fn stop(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    /// As when Postgres is started again, under the same address.
    pub(crate) async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let generation = self.generation.subscribe();
        self.accepting = tokio::spawn(accept(listener, self.upstream.clone(), generation));
    }

    /// As when another server takes over and the first one fell silent: connections that are there stay, and
    /// nothing comes through them ever again; new ones work.
    pub(crate) fn lose_connections(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

async fn accept(listener: TcpListener, upstream: (String, u16), generation: watch::Receiver<u32>) {
    // The set ends with this task, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (upstream, mut generation) = (upstream.clone(), generation.clone());
        generation.mark_unchanged();
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(upstream).await else { return };
            let (client, server) = (client.into_split(), server.into_split());
            tokio::select! {
                () = copy(client.0, server.1, generation.clone()) => {}
                () = copy(server.0, client.1, generation) => {}
            }
        });
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    generation: watch::Receiver<u32>,
) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        if generation.has_changed().unwrap_or(true) {
            // The end of a connection is not heard of either.
            std::future::pending::<()>().await;
        }
        let Ok(read @ 1..) = read else { return };
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
