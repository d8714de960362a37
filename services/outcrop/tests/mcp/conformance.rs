//! The protocol's official conformance suite, against two replicas that take turns.
//!
//! Everything it has for servers is run, of every revision that it knows, extensions included. What is expected to fail stands in
//! `conformance.yml` with the reason; the suite itself fails where anything else does, or where that list is out of date.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fleet::Fleet;
use crate::programs::{bin, run};
use crate::proxy::Proxy;

/// Runs all of the suite that is of a revision, or all of it; it must pass. It has no key of its own.
async fn pass(proxy: &Proxy, part: &[&str]) {
    let folder = TempDir::new().unwrap();
    let mut command = bin("conformance");
    command.args(["server", "--url", &format!("{}/mcp", proxy.url), "-o", "results", "--suite", "all"]);
    command
        .arg("--expected-failures")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/conformance.yml"));
    command.args(part).current_dir(folder.path());
    let output = run(&mut command).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{part:?}: {said}\n{:#?}", complaints(&folder.path().join("results")));
    assert!(said.contains("passed"), "nothing was run: {said}");
}

/// What the suite found wrong.
fn complaints(results: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for scenario in std::fs::read_dir(results).unwrap() {
        let checks = std::fs::read(scenario.unwrap().path().join("checks.json")).unwrap_or_default();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap_or_default();
        let is_good =
            |check: &Value| matches!(check["status"].as_str(), Some("SUCCESS" | "INFO" | "SKIPPED"));
        found.extend(checks.into_iter().filter(|check| !is_good(check)));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn everything_that_the_suite_has_for_sessions_passes() {
    let fleet = Fleet::together(&[]).await;
    let proxy = Proxy::with_key(fleet.replicas.clone(), &fleet.key).await;
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        pass(&proxy, &["--spec-version", version]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn everything_else_that_the_suite_has_for_servers_passes() {
    let fleet = Fleet::together(&[]).await;
    let proxy = Proxy::with_key(fleet.replicas.clone(), &fleet.key).await;
    pass(&proxy, &["--spec-version", "2026-07-28"]).await;
    // Extensions are of no revision: they are run where none is named, together with everything else.
    pass(&proxy, &[]).await;
}
