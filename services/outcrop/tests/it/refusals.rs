//! What cannot work is told in one line, with an exit code that says whose fault it is.

use std::net::TcpListener;
use std::process::Output;

use crate::home::{Home, finish, text};

#[track_caller]
fn check(output: &Output, code: i32, expected: &str) {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert_eq!(told.lines().count(), 1, "one line: {told}");
    assert!(told.starts_with("outcrop: ") && told.contains(expected), "{told}");
    assert_eq!(text(&output.stdout), "");
}

#[tokio::test]
async fn a_taken_port() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = home.run(&["--port", &address.port().to_string()]).await;
    check(&output, 1, &format!("cannot listen on {address}: the address is in use"));
    // The key was not made for nobody to see.
    assert!(home.start().await.key.is_some());
}

#[tokio::test]
async fn a_data_folder_that_is_a_file() {
    let home = Home::new();
    std::fs::write(home.data_dir(), "").unwrap();
    let output = home.run(&["--port", "0"]).await;
    check(&output, 1, &format!("could not use {} as data folder", home.data_dir().display()));
}

#[tokio::test]
async fn a_misspelt_setting() {
    let home = Home::new();
    let mut command = home.command(&["--port", "0"]);
    command.env("OUTCROP__SERVER__PROT", "1");
    check(&finish(command).await, 78, "did you mean `OUTCROP__SERVER__PORT`?");
    std::fs::write(home.path().join("outcrop.toml"), "[serve]\nport = 1\n").unwrap();
    check(
        &home.run(&["serve"]).await,
        78,
        "unknown setting `serve.port` in outcrop.toml; did you mean `server.port`?",
    );
}

#[tokio::test]
async fn a_settings_file_that_is_not_there() {
    let output = Home::new().run(&["--config", "missing.toml"]).await;
    check(&output, 78, "could not read the settings file missing.toml");
}

#[tokio::test]
async fn a_model_nobody_knows() {
    let home = Home::new();
    let mut command = home.command(&["--port", "0"]);
    command.env("DEFAULT_MODEL", "claude-haiku-4-6");
    check(&finish(command).await, 78, "`claude-haiku-4-6`");
}

#[tokio::test]
async fn bedrock_without_a_region() {
    let home = Home::new();
    let output = home.run(&["--port", "0", "--models", "bedrock://"]).await;
    check(&output, 78, "AWS_REGION");
}

#[tokio::test]
async fn a_database_that_is_away() {
    let home = Home::new();
    let mut command = home.command(&["--port", "0"]);
    command
        .env("OUTCROP__STORE__URL", "postgres://me:hunter2@127.0.0.1:9/none")
        .env("OUTCROP__QUEUE__URL", "sqs://jobs")
        .env("OUTCROP__AUTH__KEY_SECRET", "s".repeat(32))
        .env("AWS_REGION", "us-east-1");
    let output = finish(command).await;
    check(&output, 1, "could not migrate the database");
    assert!(!text(&output.stderr).contains("hunter2"), "{output:?}");
}

#[tokio::test]
async fn server_flags_on_another_command() {
    check(&Home::new().run(&["--port", "1", "keys", "list"]).await, 2, "--port");
}

#[tokio::test]
async fn postgres_without_what_replicas_share() {
    let home = Home::new();
    let mut command = home.command(&["--port", "0"]);
    command
        .env("OUTCROP__STORE__URL", "postgres://nobody@127.0.0.1:9/none")
        .env("OUTCROP__QUEUE__URL", "sqs://jobs");
    check(&finish(command).await, 78, "`auth.key_secret` must be set");
}
