//! What people put before Outcrop: official SDKs, frameworks built on them, and programs for the command line.
//!
//! Each runs as its users run it, against a platform of its own kind; what it asserts stands in its script.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::platform::Platform;

/// Programs of the command line start slowly on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const MODEL: &str = "claude-haiku-4-5";
/// What the emulator writes when asked for this many tokens, somewhere in it; no prompt holds it.
const PROMPT: &str = "[[tokens: 40]]";
const ANSWER: &str = "light falls on quiet water";

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Runs a program to its end, with the platform's address and key in the variables that anybody reads.
async fn run(platform: &Platform, program: impl AsRef<OsStr>, set_up: impl FnOnce(&mut Command)) -> Output {
    let url = &platform.services.front().url;
    let mut command = Command::new(&program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let node = PathBuf::from(outcrop_testkit::node());
    let paths = node.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("NO_PROXY", "*")
        .env("OUTCROP_URL", url)
        .env("OUTCROP_KEY", &platform.key)
        .env("OPENAI_BASE_URL", format!("{url}/v1"))
        .env("OPENAI_API_BASE", format!("{url}/v1"))
        .env("OPENAI_API_KEY", &platform.key)
        .env("ANTHROPIC_BASE_URL", url)
        .env("ANTHROPIC_API_KEY", &platform.key)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    set_up(&mut command);
    let program = program.as_ref().display();
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    output
        .unwrap_or_else(|_| panic!("{program} did not end"))
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// What it printed, if it ended well.
#[track_caller]
fn printed(output: &Output) -> String {
    let (printed, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{complaint}");
    printed.into_owned()
}

/// A script that prints a line for each thing that held; how many there are.
pub(crate) async fn script(platform: &Platform, python: String, name: &str, lines: usize) {
    let script = tests().join("python").join(name);
    let output = run(platform, python, |command| {
        command.arg(&script);
    });
    let printed = printed(&output.await);
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), lines, "{printed}");
}

/// The same in JavaScript. Modules are looked for beside the script, so that it is copied to where they are.
pub(crate) async fn module(platform: &Platform, name: &str, lines: usize) {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join(name);
    std::fs::copy(tests().join("node").join(name), &script).unwrap();
    std::os::unix::fs::symlink(outcrop_testkit::node_modules(), folder.path().join("node_modules")).unwrap();
    let output = run(platform, outcrop_testkit::node(), |command| {
        command.arg(&script);
    });
    let printed = printed(&output.await);
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), lines, "{printed}");
}

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn openais_sdk_for_python_gets_everything_it_knows() {
    script(&Platform::together().await, outcrop_testkit::python(), "openai_dialects.py", 8).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn openais_sdk_for_python_gets_it_from_four_services() {
    script(&Platform::apart().await, outcrop_testkit::python(), "openai_dialects.py", 8).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn anthropics_sdk_for_python_works() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    for platform in [&together, &apart] {
        script(platform, outcrop_testkit::python(), "anthropic_journey.py", 5).await;
    }
}

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn frameworks_work() {
    script(&Platform::together().await, outcrop_testkit::python_frameworks(), "frameworks.py", 3).await;
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn openais_sdk_for_javascript_works() {
    module(&Platform::together().await, "openai.mjs", 11).await;
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn anthropics_sdk_for_javascript_works() {
    module(&Platform::together().await, "anthropic.mjs", 10).await;
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn vercels_ai_sdk_works() {
    module(&Platform::together().await, "ai_sdk.mjs", 17).await;
}

/// A program's home, empty but for these files.
fn home(files: &[(&str, String)]) -> TempDir {
    let home = TempDir::new().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    home
}

fn bin(name: &str) -> PathBuf {
    Path::new(&outcrop_testkit::node_modules()).join(".bin").join(name)
}

/// The program answered what the model said, and the platform knows of the call.
async fn answered(platform: &Platform, output: &Output) {
    let printed = printed(output);
    assert!(printed.contains(ANSWER), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let usage = platform.admin.get("/v1/usage").await.expect(200).body;
    assert!(usage["data"].is_array(), "{usage}");
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn claude_code_has_a_conversation() {
    let (platform, home) = (Platform::together().await, home(&[]));
    let output = run(&platform, bin("claude"), |command| {
        command
            .args(["-p", PROMPT, "--model", MODEL])
            .env("HOME", home.path())
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .current_dir(home.path());
    });
    answered(&platform, &output.await).await;
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn codex_has_a_conversation() {
    let platform = Platform::together().await;
    let settings = format!(
        "model = \"{MODEL}\"\nmodel_provider = \"outcrop\"\n\n[model_providers.outcrop]\nname = \"Outcrop\"\n\
         base_url = \"{}/v1\"\nenv_key = \"OUTCROP_KEY\"\nwire_api = \"responses\"\n",
        platform.services.front().url
    );
    let home = home(&[("config.toml", settings)]);
    let output = run(&platform, bin("codex"), |command| {
        command
            .args(["exec", "--skip-git-repo-check", PROMPT])
            .env("HOME", home.path())
            .env("CODEX_HOME", home.path())
            .current_dir(home.path());
    });
    answered(&platform, &output.await).await;
}

#[tokio::test]
#[ignore = "needs Node.js: cargo xtask test"]
async fn opencode_has_a_conversation() {
    let platform = Platform::together().await;
    let settings = serde_json::json!({
        "provider": { "outcrop": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Outcrop",
            "options": { "baseURL": format!("{}/v1", platform.services.front().url), "apiKey": "{env:OUTCROP_KEY}" },
            "models": { MODEL: { "name": "Haiku" } },
        } },
        "small_model": format!("outcrop/{MODEL}"),
        "autoupdate": false,
        "share": "disabled",
    });
    let home = home(&[("opencode.json", settings.to_string())]);
    let output = run(&platform, bin("opencode"), |command| {
        command
            .args(["run", "-m", &format!("outcrop/{MODEL}"), PROMPT])
            .env("HOME", home.path())
            // It believes this, and not where it is.
            .env("PWD", home.path())
            .current_dir(home.path());
    });
    answered(&platform, &output.await).await;
}

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn aider_has_a_conversation() {
    let (platform, home) = (Platform::together().await, home(&[]));
    let output = run(&platform, outcrop_testkit::aider(), |command| {
        command
            .args(["--model", &format!("openai/{MODEL}"), "--message", PROMPT])
            .args([
                "--no-check-update",
                "--no-analytics",
                "--no-show-model-warnings",
                "--no-git",
                "--yes-always",
            ])
            .env("HOME", home.path())
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .current_dir(home.path());
    });
    answered(&platform, &output.await).await;
}

#[tokio::test]
#[ignore = "needs python: cargo xtask test"]
async fn llm_has_a_conversation() {
    let platform = Platform::together().await;
    let settings = format!(
        "- model_id: outcrop\n  model_name: {MODEL}\n  api_base: {}/v1\n  api_key_name: outcrop\n",
        platform.services.front().url
    );
    let home = home(&[("extra-openai-models.yaml", settings)]);
    let llm = Path::new(&outcrop_testkit::python_frameworks()).with_file_name("llm");
    let output = run(&platform, llm, |command| {
        command
            .args(["-m", "outcrop", "--key", &platform.key, PROMPT])
            .env("HOME", home.path())
            .env("LLM_USER_PATH", home.path());
    });
    answered(&platform, &output.await).await;
}
