//! Every operation of the OpenAPI document, asked everything that the document allows and much that it does not.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::platform::Platform;

/// A bound on the whole walk.
const LIMIT: Duration = Duration::from_secs(240);
/// What the walk must never do: end the sessions it needs, make keys without end, or let nobody call any more.
const LEFT_ALONE: &str = "^/auth/(logout|login|password|callback)|^/auth/token|^/admin/v1/policies$";

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn no_request_makes_it_fail_or_answer_what_is_not_documented() {
    let platform = Platform::together().await;
    let schemathesis = Path::new(&outcrop_testkit::python()).with_file_name("schemathesis");
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(schemathesis);
    command
        .args(["run", &format!("{}/openapi.json", platform.services.front().url)])
        .args(["--header", &format!("authorization: Bearer {}", platform.key)])
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        .args(["--exclude-path-regex", LEFT_ALONE])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1"])
        .args(["--workers", "1", "--no-color", "--continue-on-failure"])
        .env("NO_PROXY", "*")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("the walk ends").unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
}
