//! `outcrop chat`, as people and scripts use it.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::home::{Home, Running, finish, finish_with_input, text};

fn chat(home: &Home, server: &Running, arguments: &[&str]) -> Command {
    let mut command = home.command(&["chat"]);
    command.args(arguments).env("OUTCROP_URL", &server.url).env("OUTCROP_API_KEY", server.key());
    command
}

#[tokio::test]
async fn an_answer_is_printed_and_nothing_else() {
    let home = Home::new();
    let server = home.start().await;
    let output = finish(chat(&home, &server, &["[[say: one]]"])).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("one\n", ""));
    let output =
        finish(chat(&home, &server, &["--model", "nova-lite", "--system", "Be brief.", "[[say: two]]"]))
            .await;
    assert_eq!(text(&output.stdout), "two\n", "{output:?}");
}

#[tokio::test]
async fn a_prompt_comes_through_a_pipe() {
    let home = Home::new();
    let server = home.start().await;
    let output = finish_with_input(chat(&home, &server, &[]), "[[say: from a pipe]]\n").await;
    assert_eq!(text(&output.stdout), "from a pipe\n", "{output:?}");
    let output = finish_with_input(chat(&home, &server, &["Say what follows:", "-"]), "[[say: both]]").await;
    assert_eq!(text(&output.stdout), "both\n", "{output:?}");
}

#[tokio::test]
async fn tokens_are_printed_as_they_come_and_a_reader_may_leave() {
    let home = Home::new();
    let server = home.start().await;
    // Half a minute of answer, so that waiting for all of it cannot be mistaken for streaming.
    let mut child = chat(&home, &server, &["[[tokens: 300]] [[rate: 10]]"]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 1];
    tokio::time::timeout(Duration::from_secs(10), stdout.read_exact(&mut first))
        .await
        .expect("a first token")
        .unwrap();
    drop(stdout);
    let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await;
    let output = output.expect("nobody reads, so it leaves").unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[tokio::test]
async fn what_goes_wrong_goes_to_stderr() {
    let home = Home::new();
    let server = home.start().await;
    let mut command = chat(&home, &server, &["Hello"]);
    command.env_remove("OUTCROP_API_KEY");
    let output = finish(command).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("OUTCROP_API_KEY"), "{output:?}");

    let mut command = chat(&home, &server, &["Hello"]);
    command.env("OUTCROP_API_KEY", "wrong");
    let output = finish(command).await;
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    assert!(text(&output.stderr).starts_with("outcrop: 401"), "{output:?}");

    let output = finish(chat(&home, &server, &["--model", "no-such-model", "Hello"])).await;
    assert!(text(&output.stderr).contains("no-such-model"), "{output:?}");

    let output = finish(chat(&home, &server, &["--url", "http://127.0.0.1:9", "Hello"])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("outcrop: could not reach http://127.0.0.1:9"), "{output:?}");

    let output = finish(chat(&home, &server, &["[[say: half]] [[fault: cut after 2]]"])).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
