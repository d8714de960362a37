//! Other people's programs, run against a fleet as their users run them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::fleet::Fleet;

/// Programs start slowly on a busy machine, and some of these wait for a lease to run out.
const LIMIT: Duration = Duration::from_secs(150);

/// Runs a program to its end.
pub(crate) async fn run(command: &mut Command) -> Output {
    let node = PathBuf::from(outcrop_testkit::node());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = node.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    output.unwrap_or_else(|_| panic!("{command:?} does not end")).unwrap()
}

/// What it printed, if it ended well.
#[track_caller]
pub(crate) fn printed(output: &Output) -> String {
    let (printed, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{complaint}");
    printed.into_owned()
}

/// A program of the JavaScript clients.
pub(crate) fn bin(name: &str) -> Command {
    Command::new(Path::new(&outcrop_testkit::node_modules()).join(".bin").join(name))
}

/// Runs a script in Python, which prints a line for each thing that held: so many.
pub(crate) async fn python(fleet: &Fleet, name: &str, held: usize) {
    let mut command = Command::new(outcrop_testkit::python());
    command.arg(tests().join("python").join(name));
    script(fleet, command, held).await;
}

/// The same in JavaScript. Modules are looked for beside the script, so that it is copied to where they are.
pub(crate) async fn node(fleet: &Fleet, name: &str, held: usize) {
    let folder = TempDir::new().unwrap();
    for file in [name, "mcp_world.mjs"] {
        std::fs::copy(tests().join("node").join(file), folder.path().join(file)).unwrap();
    }
    std::os::unix::fs::symlink(outcrop_testkit::node_modules(), folder.path().join("node_modules")).unwrap();
    let mut command = Command::new(outcrop_testkit::node());
    command.arg(folder.path().join(name));
    script(fleet, command, held).await;
}

async fn script(fleet: &Fleet, mut command: Command, held: usize) {
    command
        .env("OUTCROP_URL", &fleet.url)
        .env("OUTCROP_KEY", &fleet.key)
        .env("OUTCROP_OTHER_KEY", &fleet.other_key)
        .env("OUTCROP_PROXY", &fleet.proxy.url)
        .env("OUTCROP_BEDROCK", &fleet.bedrock);
    let output = run(&mut command).await;
    let printed = printed(&output);
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), held, "{printed}");
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
