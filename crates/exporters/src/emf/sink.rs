//! Where lines go: stdout, or an agent of CloudWatch.
//!
//! Called by a thread of its own, which may block. What cannot be written is dropped and counted; nothing waits in memory.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use opentelemetry::KeyValue;
use outcrop_telemetry::names;

use crate::options;

/// Longest for a connection, and for a write to it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What takes lines.
pub(super) struct Sink {
    out: Out,
    failing: bool,
}

enum Out {
    Stdout,
    Agent { address: String, stream: Option<TcpStream> },
}

impl Sink {
    /// `None` if nobody wants any.
    pub(super) fn new(emf: &options::Emf) -> Option<Self> {
        let out = match emf {
            options::Emf::Off => return None,
            options::Emf::Stdout => Out::Stdout,
            options::Emf::Agent(address) => Out::Agent { address: address.clone(), stream: None },
        };
        Some(Self { out, failing: false })
    }

    /// Writes them, or as many as are taken.
    pub(super) fn write(&mut self, lines: &[String]) {
        let (mut written, mut failed) = (0, None);
        for line in lines {
            match self.out.write(line) {
                Ok(()) => written += 1,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if failed.is_none() {
            failed = self.out.flush().err();
        }
        self.note(failed.as_ref(), lines.len() - written);
    }

    #[cfg(test)]
    pub(super) fn is_broken(&self) -> bool {
        matches!(&self.out, Out::Agent { stream: Some(stream), .. } if !is_alive(stream))
    }

    /// One line of the log when it begins to fail and one when it is over; what is lost is counted.
    fn note(&mut self, failed: Option<&io::Error>, dropped: usize) {
        match failed {
            None if self.failing => tracing::info!("metrics for CloudWatch are taken again"),
            Some(error) if !self.failing => {
                tracing::warn!(%error, "nobody takes the metrics for CloudWatch; they are dropped meanwhile");
            }
            _ => {}
        }
        self.failing = failed.is_some();
        let signal = [KeyValue::new(names::SIGNAL, "metrics")];
        if self.failing {
            names::TELEMETRY_FAILURES.add(1.0, &signal);
        }
        if dropped > 0 {
            names::TELEMETRY_LINES_DROPPED.add(dropped as f64, &signal);
        }
    }
}

impl Out {
    fn write(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Stdout => writeln!(io::stdout(), "{line}"),
            Self::Agent { address, stream } => {
                if let Some(open) = stream.take().filter(is_alive)
                    && send(&open, line).is_ok()
                {
                    *stream = Some(open);
                    return Ok(());
                }
                let new = connect(address)?;
                send(&new, line)?;
                *stream = Some(new);
                Ok(())
            }
        }
    }

    fn flush(&self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Agent { .. } => Ok(()),
        }
    }
}

fn send(mut stream: &TcpStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())
}

/// Whether the agent is still there, which never says anything: what is written to one that has gone is lost without an error
/// at first.
fn is_alive(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let back = stream.set_nonblocking(false);
    match looked {
        Ok(count) => count > 0 && back.is_ok(),
        Err(error) => error.kind() == io::ErrorKind::WouldBlock && back.is_ok(),
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the agent's name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
