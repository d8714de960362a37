//! A program of the platform as a child process that does not outlive its owner.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::process::{Child, Command};

use crate::client::http;
use crate::wait::{LIMIT, until};

/// Lines of a log that a failed test prints.
const LOG_LINES: usize = 40;

/// What is to be run, and how: everything that a restart needs.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    command: PathBuf,
    arguments: Vec<OsString>,
    env: Vec<(String, String)>,
    /// Its working folder; its log is kept there.
    folder: PathBuf,
}

/// A running program. Dropping it kills it, and prints the end of its log if the test has failed.
#[derive(Debug)]
pub(crate) struct Service {
    program: Program,
    child: Child,
    /// Where it answers.
    pub(crate) url: String,
}

impl Program {
    /// A binary of this workspace, with nothing of the tester's own environment.
    pub(crate) fn new(name: &'static str, folder: &Path) -> Self {
        let beside = Path::new(env!("CARGO_BIN_EXE_outcrop")).with_file_name(name);
        assert!(beside.exists(), "{} is not built; run `cargo build --workspace --bins`", beside.display());
        let home = folder.join(name);
        std::fs::create_dir_all(&home).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let env = [
            ("PATH", path.as_str()),
            ("HOME", home.to_str().unwrap()),
            // No test waits for, or asks, a machine that only EC2 has.
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { name, command: beside, arguments: Vec::new(), env, folder: home }
    }

    pub(crate) fn arguments<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn envs(self, all: &[(String, String)]) -> Self {
        all.iter().fold(self, |program, (name, value)| program.env(name, value.as_str()))
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.command);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, which must be a success; gives what it printed.
    pub(crate) async fn succeed(&self) -> String {
        let output = tokio::time::timeout(LIMIT, self.command().output()).await.expect("it ends").unwrap();
        assert!(output.status.success(), "{} {:?}: {output:?}", self.name, self.arguments);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts it; it is to listen on `port`, and has done so when this returns.
    pub(crate) async fn start(self, port: u16) -> Service {
        let child = self.spawn();
        let mut service = Service { program: self, child, url: format!("http://127.0.0.1:{port}") };
        service.alive().await;
        service
    }

    fn spawn(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.command().stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }
}

impl Service {
    /// Waits until it answers; fails if it ends first.
    async fn alive(&mut self) {
        let (url, http) = (format!("{}/healthz", self.url), http());
        let child = &mut self.child;
        let name = self.program.name;
        until(name, async || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended at its start: {ended:?}");
            http.get(&url).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Another process of the same program and settings and these, with a folder of its own.
    pub(crate) async fn twin_with(&self, folder: &Path, port: u16, env: &[(String, String)]) -> Self {
        let program = &self.program;
        let twin = Program {
            name: program.name,
            command: program.command.clone(),
            arguments: program.arguments.clone(),
            env: program.env.clone(),
            folder: folder.to_owned(),
        };
        twin.envs(env).env("OUTCROP__SERVER__PORT", port.to_string()).start(port).await
    }

    /// What it printed and logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.program.log()).unwrap()
    }

    /// The operating system's id of the process, which must run.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends a signal by its name: `TERM`, `KILL`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.id();
        // The shell's own: not every machine has the program.
        let kill = format!("kill -s {name} {pid}");
        let sent = Command::new("/bin/sh").args(["-c", &kill]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits for its own end; its exit code, unless a signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        tokio::time::timeout(LIMIT, self.child.wait()).await.expect("it ends").unwrap().code()
    }

    /// Kills it as `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        self.signal("KILL").await;
        assert_eq!(self.ended().await, None);
    }

    /// Starts it again where it was, with the state it left.
    pub(crate) async fn start_again(&mut self) {
        self.child = self.program.spawn();
        self.alive().await;
    }
}

impl Drop for Service {
    #[expect(clippy::print_stderr, reason = "a failed test shows what the programs said")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let log = std::fs::read_to_string(self.program.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.len().saturating_sub(LOG_LINES);
        eprintln!("--- the end of {}'s log\n{}", self.program.name, lines[last..].join("\n"));
    }
}

/// A free port for a server that is started in a moment.
///
/// Below the range from which systems take the ports of outgoing connections, and apart for each test process,
/// so that nobody takes it meanwhile.
pub(crate) fn port() -> u16 {
    const PORTS: u16 = 200;
    const SHARES: u32 = 60;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let share = u16::try_from(slot() % SHARES).unwrap();
    let ports = (0..PORTS).map(|_| NEXT.fetch_add(1, Ordering::Relaxed) % PORTS);
    let mut ports = ports.map(|at| 20_000 + share * PORTS + at);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a free port")
}

/// What no other test process that runs now has: nextest numbers them; elsewhere all tests are in one process.
fn slot() -> u32 {
    let numbered = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok());
    numbered.unwrap_or_else(std::process::id)
}
