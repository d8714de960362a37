//! What Redis says of itself.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What it holds of memory, bytes (Redis documentation, "INFO": `used_memory`).
pub(crate) async fn used_memory(url: &str) -> u64 {
    let mut redis = TcpStream::connect(url.strip_prefix("redis://").expect("a Redis URL")).await.unwrap();
    redis.write_all(b"INFO memory\r\nQUIT\r\n").await.unwrap();
    let mut told = String::new();
    redis.read_to_string(&mut told).await.unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.unwrap_or_else(|| panic!("no used_memory in {told}")).trim().parse().unwrap()
}
