//! The settings themselves: what `outcrop config check` says.

use outcrop_config::{Config, LoadError};

use super::finding::Finding;
use crate::commands;
use crate::failure::Failure;

const NAME: &str = "settings";
const CORRECT: &str = "correct the setting; `outcrop config show` says where each value comes from";

/// Settings that cannot be loaded: one finding for each thing that is wrong, and nothing else can be looked at.
pub(super) fn refused(error: &LoadError) -> Vec<Finding> {
    error.problems.iter().map(|it| Finding::fail(NAME, it.to_string(), CORRECT)).collect()
}

/// Settings that load: whether their parts fit together.
pub(super) fn together(config: &Config) -> Vec<Finding> {
    let mut problems = Vec::new();
    let apart = config.internal.secret.is_some();
    if !apart && let Err(failure) = commands::config::together(config) {
        problems.extend(words(failure));
    }
    if let Err(error) = outcrop_wiring::check_models(config) {
        problems.push(error.to_string());
    } else if let Some(file) = &config.routing.routes
        && let Err(failure) = commands::routes::read(config, file, "`routing.routes`: ")
    {
        problems.extend(words(failure));
    }
    let mut findings: Vec<_> = problems.into_iter().map(|line| Finding::fail(NAME, line, CORRECT)).collect();
    if findings.is_empty() {
        let seen = if apart { "each is good" } else { "good, for one process" };
        findings.push(Finding::ok(NAME, seen));
    }
    if apart {
        // Which of them a process needs depends on the service that it is.
        let seen = "not asked: what services apart must have besides, each looks at when it starts";
        findings.push(Finding::skipped("settings together", seen));
    }
    findings.extend(public_address(config));
    findings
}

/// What clients are told of where we are, when others than this machine can reach us.
fn public_address(config: &Config) -> Option<Finding> {
    let host = config.server.host.as_str();
    if matches!(host, "127.0.0.1" | "localhost" | "::1" | "[::1]") {
        return None;
    }
    match config.server.public_url.as_deref() {
        None => Some(Finding::warn(
            "public address",
            format!("listens on {host}, and `server.public_url` is not set"),
            "set `server.public_url` to the https:// address that clients use: tokens name it as their issuer",
        )),
        Some(url) if url.starts_with("http://") => Some(Finding::warn(
            "public address",
            "`server.public_url` is plain http://",
            "put TLS in front, and set `server.public_url` to the https:// address",
        )),
        Some(_) => None,
    }
}

fn words(failure: Failure) -> Vec<String> {
    match failure {
        Failure::Settings(lines) => lines,
        Failure::Usage(line) | Failure::Failed(line) | Failure::Stopped(line) => vec![line],
        Failure::NobodyReads => Vec::new(),
    }
}
