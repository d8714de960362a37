//! The systems that are measured, and how each is started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use outcrop_testkit::{Moto, Postgres, Process, Redis, Tools, free_port};

use super::load::Call;
use super::machine;

pub(crate) const MODEL: &str = "claude-haiku-4-5";
const BEDROCK_MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
/// Tells the emulator to answer with this many tokens, streamed as one delta each.
pub(crate) const PROMPT: &str = "[[tokens: 100]]";
pub(crate) const SECRET: &str = "a secret of the benchmark, long enough to sign with";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    EmulatorAlone,
    Nginx,
    OneProcess,
    Apart,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::EmulatorAlone, Self::Nginx, Self::OneProcess, Self::Apart];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EmulatorAlone => "emulator, direct",
            Self::Nginx => "nginx, plain proxy",
            Self::OneProcess => "Outcrop, one process",
            Self::Apart => "Outcrop, apart",
        }
    }
}

/// A running system under test.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) start_ms: u128,
    pub(crate) chat: Arc<Call>,
    pub(crate) stream: Arc<Call>,
    processes: Vec<Process>,
    /// Measured, and owned by somebody else: the emulator.
    also: Vec<u32>,
}

impl Subject {
    fn pids(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().map(Process::id).chain(self.also.iter().copied())
    }

    pub(crate) fn cpu(&self) -> Duration {
        self.pids().map(machine::cpu).sum()
    }

    pub(crate) fn rss_mib(&self) -> f64 {
        self.pids().map(machine::rss_mib).sum()
    }
}

/// The upstream of all.
pub(crate) struct Emulator {
    process: Process,
    port: u16,
    start_ms: u128,
}

impl Emulator {
    pub(crate) fn start(binaries: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::answering_after(binaries, folder, 0)
    }

    /// One that takes so long for every answer.
    pub(crate) fn answering_after(binaries: &Path, folder: &Path, latency_ms: u64) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = machine::on_load_core(&binaries.join("outcrop-bedrock-emulator"));
        command.args(["--port", &port.to_string(), "--workers", "1"]);
        command.args(["--latency-ms", &latency_ms.to_string()]);
        let began = Instant::now();
        let mut process = Process::start("emulator", &mut command, &folder.join("emulator.log"))?;
        process.wait_for_port(port, Duration::from_secs(10))?;
        Ok(Self { process, port, start_ms: began.elapsed().as_millis() })
    }
}

/// Postgres and Redis for Outcrop apart.
pub(crate) struct Servers {
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) moto: Moto,
}

impl Servers {
    pub(crate) fn start(tools: &Tools, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            postgres: Postgres::start(tools, folder)?,
            redis: Redis::start(tools, folder)?,
            moto: Moto::start(tools, folder)?,
        })
    }
}

pub(crate) fn start(
    kind: Kind,
    binaries: &Path,
    folder: &Path,
    emulator: &Emulator,
    servers: &Servers,
) -> anyhow::Result<Option<Subject>> {
    match kind {
        Kind::EmulatorAlone => Ok(Some(emulator_alone(emulator))),
        Kind::Nginx => nginx(folder, emulator),
        Kind::OneProcess => one_process(binaries, folder, emulator).map(Some),
        Kind::Apart => apart(binaries, folder, emulator, servers).map(Some),
    }
}

fn bedrock_calls(port: u16) -> (Arc<Call>, Arc<Call>) {
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":"{PROMPT}"}}]}}],"inferenceConfig":{{"maxTokens":1000}}}}"#
    );
    let call = |operation: &str| {
        let path = format!("/model/{}/{operation}", BEDROCK_MODEL.replace(':', "%3A"));
        Arc::new(Call::post(port, &path, "authorization: Bearer local\r\n", &body))
    };
    (call("converse"), call("converse-stream"))
}

pub(crate) fn outcrop_calls(port: u16, key: &str, more: &str) -> (Arc<Call>, Arc<Call>) {
    let headers = format!("authorization: Bearer {key}\r\n{more}");
    let body = |stream: bool| {
        format!(
            r#"{{"model":"{MODEL}","stream":{stream},"max_tokens":1000,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
        )
    };
    let path = "/v1/chat/completions";
    let chat = Call::post(port, path, &headers, &body(false));
    let stream = Call::post(port, path, &headers, &body(true)).ending_with(b"data: [DONE]\n\n");
    (Arc::new(chat), Arc::new(stream))
}

fn emulator_alone(emulator: &Emulator) -> Subject {
    let (chat, stream) = bedrock_calls(emulator.port);
    Subject {
        name: Kind::EmulatorAlone.name(),
        start_ms: emulator.start_ms,
        chat,
        stream,
        processes: Vec::new(),
        also: vec![emulator.process.id()],
    }
}

fn nginx(folder: &Path, emulator: &Emulator) -> anyhow::Result<Option<Subject>> {
    let Some(program) = ["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]
        .map(PathBuf::from)
        .into_iter()
        .find(|it| it.exists())
    else {
        return Ok(None);
    };
    let (port, home) = (free_port()?, folder.join("nginx"));
    std::fs::create_dir_all(&home)?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", home.display()))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;\nevents {{ worker_connections 1024; }}\nhttp {{\n  access_log off;\n{temporary}  \
         upstream emulator {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}\n  keepalive_requests 1000000;\n  \
         server {{ listen 127.0.0.1:{port};\n    location / {{ proxy_pass http://emulator; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }} }}\n}}\n",
        home = home.display(),
        upstream = emulator.port,
    );
    std::fs::write(home.join("nginx.conf"), config)?;
    let mut command = machine::on_subject_core(&program);
    command.arg("-p").arg(&home).arg("-c").arg(home.join("nginx.conf"));
    let began = Instant::now();
    let mut process = Process::start("nginx", &mut command, &folder.join("nginx.log"))?;
    process.wait_for_port(port, Duration::from_secs(10))?;
    let start_ms = began.elapsed().as_millis();
    let (chat, stream) = bedrock_calls(port);
    Ok(Some(Subject {
        name: Kind::Nginx.name(),
        start_ms,
        chat,
        stream,
        processes: vec![process],
        also: Vec::new(),
    }))
}

/// What every Outcrop process of the benchmark is told: the emulator as Bedrock, one worker, limits on.
pub(crate) fn settings(command: &mut Command, port: u16, emulator: &Emulator) {
    command
        .env("OUTCROP__SERVER__PORT", port.to_string())
        .env("OUTCROP__SERVER__WORKERS", "1")
        .env("OUTCROP__MODELS__URL", "bedrock://us-east-1")
        .env("OUTCROP__LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "100000000")
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("http://127.0.0.1:{}", emulator.port))
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_REGION", "us-east-1");
}

fn one_process(binaries: &Path, folder: &Path, emulator: &Emulator) -> anyhow::Result<Subject> {
    one_process_with(binaries, folder, emulator, ("one-process", None, ""))
}

/// One process whose requests ask for kept answers, in memory or in a Redis.
pub(crate) fn one_process_keeping(
    binaries: &Path,
    folder: &Path,
    emulator: &Emulator,
    (name, redis): (&str, Option<&str>),
) -> anyhow::Result<Subject> {
    one_process_with(binaries, folder, emulator, (name, redis, "x-outcrop-cache-ttl: 3600\r\n"))
}

fn one_process_with(
    binaries: &Path,
    folder: &Path,
    emulator: &Emulator,
    (name, redis, headers): (&str, Option<&str>, &str),
) -> anyhow::Result<Subject> {
    let (port, data) = (free_port()?, folder.join(name));
    let log = folder.join(format!("{name}.log"));
    let mut command = machine::on_subject_core(&binaries.join("outcrop"));
    command.arg("--data-dir").arg(&data);
    settings(&mut command, port, emulator);
    if let Some(url) = redis {
        command.env("OUTCROP__CACHE__URL", url);
    }
    let began = Instant::now();
    let process = Process::start("outcrop", &mut command, &log)?;
    wait_until_ready(port)?;
    let start_ms = began.elapsed().as_millis();
    let printed = std::fs::read_to_string(&log)?;
    let key = key_in(&printed).context("the first start printed no key")?;
    let (chat, stream) = outcrop_calls(port, &key, headers);
    Ok(Subject {
        name: Kind::OneProcess.name(),
        start_ms,
        chat,
        stream,
        processes: vec![process],
        also: Vec::new(),
    })
}

fn apart(binaries: &Path, folder: &Path, emulator: &Emulator, servers: &Servers) -> anyhow::Result<Subject> {
    let (gateway, auth, inference) = (free_port()?, free_port()?, free_port()?);
    let common = |command: &mut Command, port: u16, name: &str| {
        settings(command, port, emulator);
        command
            .env("OUTCROP__DATA_DIR", folder.join(name))
            .env("OUTCROP__STORE__URL", servers.postgres.url())
            .env("OUTCROP__CACHE__URL", servers.redis.url())
            .env("OUTCROP__QUEUE__URL", "sqs://outcrop-bench")
            .env("OUTCROP__BLOBS__URL", "s3://outcrop-bench/files")
            .env("OUTCROP__AUTH__KEY_SECRET", SECRET)
            .env("OUTCROP__INTERNAL__SECRET", SECRET)
            .env("OUTCROP__SERVICES__AUTH", format!("http://127.0.0.1:{auth}"))
            .env("OUTCROP__SERVICES__INFERENCE", format!("http://127.0.0.1:{inference}"))
            .env("AWS_ENDPOINT_URL", servers.moto.endpoint());
    };
    let admin = |arguments: &[&str]| -> anyhow::Result<String> {
        let mut command = Command::new(binaries.join("outcrop"));
        common(&mut command, 0, "admin");
        let out = command.args(arguments).output()?;
        if !out.status.success() {
            bail!("outcrop {arguments:?} failed: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    admin(&["migrate"])?;
    let key = key_in(&admin(&["keys", "create", "--name", "bench"])?).context("no key was printed")?;
    let began = Instant::now();
    let mut processes = Vec::new();
    for (program, port) in
        [("outcrop-auth", auth), ("outcrop-inference", inference), ("outcrop-gateway", gateway)]
    {
        let mut command = machine::on_subject_core(&binaries.join(program));
        common(&mut command, port, program);
        processes.push(Process::start(program, &mut command, &folder.join(format!("{program}.log")))?);
    }
    for port in [auth, inference, gateway] {
        wait_until_ready(port)?;
    }
    let start_ms = began.elapsed().as_millis();
    let (chat, stream) = outcrop_calls(gateway, &key, "");
    Ok(Subject { name: Kind::Apart.name(), start_ms, chat, stream, processes, also: Vec::new() })
}

/// Waits for `/readyz` to answer 200.
pub(crate) fn wait_until_ready(port: u16) -> anyhow::Result<()> {
    use std::io::{Read as _, Write as _};
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
            let mut answer = [0; 12];
            let asked =
                stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            if asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"200") {
                return Ok(());
            }
        }
        #[expect(clippy::disallowed_methods, reason = "no async runtime here")]
        std::thread::sleep(Duration::from_millis(2));
    }
    bail!("port {port} is not ready after 20 s")
}

pub(crate) fn key_in(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.find(|word| word.starts_with("ock_") && word.len() > 60).map(str::to_owned)
}
