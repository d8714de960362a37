//! `healthcheck`: what a container runtime calls to see whether the emulator in it answers.

use anyhow::{Context as _, bail};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the emulator on this machine for `/healthz`.
pub(crate) fn run(host: &str, port: u16) -> anyhow::Result<()> {
    // An emulator that listens on all addresses is asked on the loopback one.
    let host = if ["0.0.0.0", "::", "[::]"].contains(&host) { "127.0.0.1" } else { host };
    let address = (host, port).to_socket_addrs()?.next().context("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("could not reach {address}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    if &head != b"HTTP/1.1 200" {
        bail!("{address} answered {}", String::from_utf8_lossy(&head));
    }
    Ok(())
}
