//! `cargo xtask bench mcp`: small requests of the Model Context Protocol, in a session on Redis and without one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use outcrop_testkit::{Process, Redis, Tools, free_port};
use serde_json::{Value, json};

use super::load::{self, Call, Moment};
use super::subject::{self, Emulator};
use super::{CHAT_CONNECTIONS, build, machine};
use crate::paths;

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";
/// What is asked without a session. In one, tools are not called: all connections send the same bytes, and of requests that run a session
/// takes each id once.
const METHODS: [(&str, &str); 2] =
    [("tools/list", "{}"), ("tools/call", r#"{"name":"list_models","arguments":{}}"#)];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Requests a second over all connections, while latency is measured.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build(&options.profile)?;
    }
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let redis = Redis::start(&tools, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    machine::pin_this_process();
    let binaries = paths::binaries(&options.profile);
    let emulator = Emulator::start(&binaries, folder.path())?;
    let length = Duration::from_secs(options.seconds);
    let server = Server::start(&binaries, folder.path(), &emulator, &redis)?;
    let session = runtime.block_on(server.session())?;
    println!("{} at {} requests/s over {CHAT_CONNECTIONS} connections", machine::describe(), options.rate);
    println!("| Outcrop, one process | p50 µs | p99 µs | requests/s, closed loop | CPU µs per request |");
    for (name, call) in server.calls(&session) {
        let call = Arc::new(call);
        runtime.block_on(load::closed_loop(&call, CHAT_CONNECTIONS, Duration::from_secs(1)))?;
        let spread = load::spread(&call, (CHAT_CONNECTIONS, options.rate), length, Moment::LastByte);
        let latency = runtime.block_on(spread)?;
        let before = machine::cpu(server.process.id());
        let rate = runtime.block_on(load::closed_loop(&call, CHAT_CONNECTIONS, length))?;
        let spent = machine::cpu(server.process.id()).saturating_sub(before);
        let cpu_us = spent.as_micros() as f64 / rate.answers.max(1) as f64;
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {cpu_us:.0} |",
            latency.p50_us,
            latency.p99_us,
            rate.per_second()
        );
    }
    Ok(())
}

struct Server {
    process: Process,
    port: u16,
    key: String,
}

impl Server {
    fn start(binaries: &Path, folder: &Path, emulator: &Emulator, redis: &Redis) -> anyhow::Result<Self> {
        let (port, log) = (free_port()?, folder.join("mcp.log"));
        let mut command = machine::on_subject_core(&binaries.join("outcrop"));
        command.arg("--data-dir").arg(folder.join("mcp"));
        subject::settings(&mut command, port, emulator);
        command.env("OUTCROP__CACHE__URL", redis.url());
        let process = Process::start("outcrop", &mut command, &log)?;
        subject::wait_until_ready(port)?;
        let printed = std::fs::read_to_string(&log)?;
        let key = subject::key_in(&printed).context("the first start printed no key")?;
        Ok(Self { process, port, key })
    }

    /// Begins a session; its id.
    async fn session(&self) -> anyhow::Result<String> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let begin = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": LEGACY,
                "capabilities": {},
                "clientInfo": { "name": "bench", "version": "1" },
            },
        });
        let request = client.post(format!("http://127.0.0.1:{}/mcp", self.port)).bearer_auth(&self.key);
        let request = request.header("accept", "application/json, text/event-stream").json(&begin);
        let answer = request.send().await?.error_for_status()?;
        let session = answer.headers().get("mcp-session-id").context("no session was begun")?;
        Ok(session.to_str()?.to_owned())
    }

    /// What is measured, each with its name.
    fn calls(&self, session: &str) -> Vec<(String, Call)> {
        let listed = ("GET /v1/models".to_owned(), Call::get(self.port, "/v1/models", &self.headers("")));
        let in_session = format!("mcp-protocol-version: {LEGACY}\r\nmcp-session-id: {session}\r\n");
        let mut calls = vec![listed, (format!("ping, {LEGACY}"), self.call("ping", "{}", &in_session))];
        calls.push((format!("tools/list, {LEGACY}"), self.call("tools/list", "{}", &in_session)));
        for (method, params) in METHODS {
            let name = if method == "tools/call" { "mcp-name: list_models\r\n" } else { "" };
            let headers = format!("mcp-protocol-version: {MODERN}\r\nmcp-method: {method}\r\n{name}");
            calls.push((format!("{method}, {MODERN}"), self.call(method, &modern(params), &headers)));
        }
        calls
    }

    fn call(&self, method: &str, params: &str, headers: &str) -> Call {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        Call::post(self.port, "/mcp", &self.headers(headers), &body)
    }

    fn headers(&self, more: &str) -> String {
        format!("authorization: Bearer {}\r\naccept: application/json, text/event-stream\r\n{more}", self.key)
    }
}

/// Parameters as the revision without sessions wants them.
fn modern(params: &str) -> String {
    let mut params: Value = serde_json::from_str(params).unwrap_or_default();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
    });
    params.to_string()
}
