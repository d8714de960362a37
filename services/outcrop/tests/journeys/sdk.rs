//! OpenAI's own SDK, which must get the same answers from both compositions.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::platform::Platform;
use crate::wait::LIMIT;

/// Runs a script as a user would; gives what it printed.
async fn run(script: &str, platform: &Platform) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let mut command = Command::new(outcrop_testkit::python());
    command
        .arg(script)
        .env("OPENAI_BASE_URL", format!("{}/v1", platform.services.front().url))
        .env("OPENAI_API_KEY", &platform.key)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("the script ends").unwrap();
    let (printed, complaint) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{complaint}");
    printed
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn openais_sdk_gets_the_same_answers_from_both_compositions() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    let (from_one, from_four) =
        tokio::join!(run("openai_journey.py", &together), run("openai_journey.py", &apart));
    assert!(from_one.lines().count() > 10, "{from_one}");
    assert_eq!(from_one, from_four);
}
