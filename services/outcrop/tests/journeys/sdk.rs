//! OpenAI's own SDK, which must get the same answers from both compositions.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::platform::{PlainStart, Platform};
use crate::wait::LIMIT;

async fn run(script: &str, url: &str, key: &str) -> String {
    let base = format!("{url}/v1");
    run_script(script, &[("OPENAI_BASE_URL", base.as_str()), ("OPENAI_API_KEY", key)]).await
}

/// Runs a script as a user would; gives what it printed.
pub(crate) async fn run_script(script: &str, env: &[(&str, &str)]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let mut command = Command::new(outcrop_testkit::python());
    command
        .arg(script)
        .envs(env.iter().copied())
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
async fn openais_sdk_gets_the_same_answers_from_every_composition() {
    let (plain, together, apart) = tokio::join!(PlainStart::new(), Platform::together(), Platform::apart());
    let script = async |url: &str, key: &str| run("openai_journey.py", url, key).await;
    let (from_plain, from_one, from_four) = tokio::join!(
        script(&plain.service.url, &plain.key),
        script(&together.services.front().url, &together.key),
        script(&apart.services.front().url, &apart.key),
    );
    assert!(from_one.lines().count() > 10, "{from_one}");
    assert_eq!(from_one, from_four);
    assert_eq!(from_one, from_plain);
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn boto3_comes_in_with_a_key_as_its_bearer_token() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    for platform in [&together, &apart] {
        let narrow = json!({ "name": "narrow", "scope": { "models": ["nova-*"] } });
        let narrow = platform.create_key(&narrow).await.body;
        let url = &platform.services.front().url;
        let env = [
            ("OUTCROP_URL", url.as_str()),
            ("AWS_BEARER_TOKEN_BEDROCK", platform.key.as_str()),
            ("OUTCROP_NARROW_KEY", narrow["key"].as_str().unwrap()),
            ("AWS_REGION", "us-east-1"),
        ];
        let printed = run_script("bedrock_bearer.py", &env).await;
        assert!(printed.lines().count() >= 4, "{printed}");
    }
}
