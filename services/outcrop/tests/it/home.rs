//! A data folder of a test's own, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Far more than anything here takes, and an end to what would hang.
const LIMIT: Duration = Duration::from_secs(30);

/// A folder that holds one platform's state.
pub(crate) struct Home(TempDir);

/// A started server. Dropping it kills it.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// The key, at the first start.
    pub(crate) key: Option<String>,
    /// Everything that the start printed.
    pub(crate) printed: String,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The program in this folder, with nothing of the tester's own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outcrop"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("OUTCROP__DATA_DIR", self.data_dir())
            // No test waits for, or asks, a machine that only EC2 has.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments)).await
    }

    /// Runs the program to its end, which must be a success; gives what it printed.
    pub(crate) async fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the server on a free port and waits until it says that it is ready.
    pub(crate) async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// The same, with these variables.
    pub(crate) async fn start_with(&self, variables: &[(String, String)]) -> Running {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let mut command = self.command(&["--port", "0"]);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        let (mut url, mut key) = (None, None);
        loop {
            let line = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap();
            let Some(line) = line else { panic!("the server ended: {}", self.log()) };
            printed.push_str(&line);
            printed.push('\n');
            if let Some(it) = line.strip_prefix("Outcrop is ready on ") {
                url = Some(it.to_owned());
            }
            if line.trim_start().starts_with("ock_") {
                key = Some(line.trim().to_owned());
            }
            // The last line of either block.
            if line.starts_with("Another API key") || line.contains("outcrop chat") {
                break;
            }
        }
        Running { child, url: url.unwrap(), key, printed, _stdout: lines }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// Runs a command to its end, in bounded time.
pub(crate) async fn finish(mut command: Command) -> Output {
    tokio::time::timeout(LIMIT, command.output()).await.expect("the program ends").unwrap()
}

/// Runs a command to its end with this on its standard input.
pub(crate) async fn finish_with_input(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("the program ends").unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Running {
    pub(crate) fn key(&self) -> &str {
        self.key.as_deref().expect("the first start prints a key")
    }

    /// Sends a signal by its name: `INT`, `KILL`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the server runs").to_string();
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {pid}")]).status().await;
        assert!(sent.unwrap().success());
    }

    /// Waits for the server's own end; its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        tokio::time::timeout(LIMIT, self.child.wait()).await.expect("the server ends").unwrap().code()
    }

    /// Kills the server as `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.signal("KILL").await;
        assert_eq!(self.ended().await, None);
    }

    /// Sends a request for a chat.
    pub(crate) async fn ask(&self, key: &str, prompt: &str, stream: bool) -> reqwest::Response {
        client()
            .post(format!("{}/v1/chat/completions", self.url))
            .bearer_auth(key)
            .json(&json!({
                "model": "claude-haiku-4-5",
                "messages": [{"role": "user", "content": prompt}],
                "stream": stream,
            }))
            .send()
            .await
            .unwrap()
    }

    /// Asks, and expects an answer.
    pub(crate) async fn answer(&self, key: &str, prompt: &str) -> String {
        let response = self.ask(key, prompt, false).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(LIMIT).build().unwrap()
}

/// Asks again and again until the answer is there.
pub(crate) async fn eventually<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "nothing within {limit:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
