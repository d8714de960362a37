//! A Redis of a test's own.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A Redis on this port, which ends when dropped.
pub(crate) async fn start(port: u16, folder: &std::path::Path) -> Child {
    start_with(port, folder, &[]).await
}

/// The same with more settings.
pub(crate) async fn start_with(port: u16, folder: &std::path::Path, settings: &[&str]) -> Child {
    let program = std::env::var(outcrop_testkit::REDIS_SERVER).unwrap_or_else(|_| "redis-server".into());
    let server = Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder)
        .args(settings)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("redis-server on the PATH");
    let started = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "redis-server did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server
}

/// Sends it a signal of the system's.
pub(crate) async fn signal(server: &Child, signal: &str) {
    let id = server.id().expect("running").to_string();
    let status = Command::new("kill").args([signal, &id]).status().await.expect("kill on the PATH");
    assert!(status.success());
}
