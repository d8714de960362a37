//! A child process that does not outlive its owner.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A running process; ended when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        writeln!(file, "{command:?}")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// The operating system's id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        // The shell's own: not every machine has the program.
        let kill = format!("kill -s INT {}", self.id());
        let asked = Command::new("/bin/sh").args(["-c", &kill]).status()?;
        if !asked.success() {
            bail!("{} could not be asked to end", self.name);
        }
        self.child.wait()?;
        Ok(())
    }

    /// Waits until something listens on `port`; fails if the process ends first or `limit` passes.
    pub fn wait_for_port(&mut self, port: u16, limit: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at its start: {status}", self.name);
            }
            if wait_for_port(port, Duration::from_millis(100)) {
                return Ok(());
            }
            if began.elapsed() > limit {
                bail!("{} does not listen on port {port} after {limit:?}", self.name);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether something accepts connections on this port of this machine within `limit`.
#[must_use]
pub fn wait_for_port(port: u16, limit: Duration) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let began = Instant::now();
    loop {
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return true;
        }
        if began.elapsed() >= limit {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "developer tooling, outside any async runtime")]
        std::thread::sleep(Duration::from_millis(20));
    }
}
