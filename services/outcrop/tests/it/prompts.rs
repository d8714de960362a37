//! `outcrop prompts`.

use serde_json::{Value, json};

use crate::home::{Home, text};

const REVIEW: &str = r#"+++
title = "Review code"

[[arguments]]
name = "language"
required = true
values = ["Rust", "Go"]
+++

Review this {{language}}.
"#;

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn write(home: &Home, name: &str, text: &str) -> String {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_prompt_is_put_shown_rolled_back_and_deleted() {
    let home = Home::new();
    let file = write(&home, "review.md", REVIEW);
    let made = read(&home.succeed(&["prompts", "put", &file, "--json"]).await);
    assert_eq!(
        (&made["name"], &made["current"], &made["archived"]),
        (&json!("review"), &json!(1), &json!(false))
    );
    let version = &made["version"];
    assert_eq!((&version["title"], &version["created_by"]), (&json!("Review code"), &json!("command_line")));
    assert_eq!(version["messages"], json!([{"role": "user", "text": "Review this {{language}}."}]));
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        read(&home.succeed(&["prompts", "put", &file, "--json"]).await),
        made,
        "the same is no new version"
    );

    let other = json!({"name": "review", "messages": [{"role": "user", "text": "Shorter."}]}).to_string();
    let other = write(&home, "other.json", &other);
    let put = home.succeed(&["prompts", "put", &other]).await;
    assert_eq!(put, format!("Prompt review ({id}): version 2 is served.\n"));
    let third = write(&home, "third.toml", "[[messages]]\nrole = \"user\"\ntext = \"Longer.\"\n");
    let put = home.succeed(&["prompts", "put", &third, "--name", "review", "--draft"]).await;
    assert_eq!(put, format!("Prompt review ({id}): version 2 is served; version 3 is written.\n"));

    let back = home.succeed(&["prompts", "rollback", "review"]).await;
    assert_eq!(back, format!("Prompt review ({id}): version 1 is served.\n"));
    let shown = home.succeed(&["prompts", "show", "review"]).await;
    for words in
        ["version 1 is served", "1 of 3", "language, required: Rust, Go", "user:\nReview this {{language}}."]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let third = read(&home.succeed(&["prompts", "show", id, "--version", "3", "--json"]).await);
    assert_eq!(third["version"]["messages"][0]["text"], "Longer.");
    let output = home.run(&["prompts", "rollback", "review"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    let archived = home.succeed(&["prompts", "archive", "review"]).await;
    assert_eq!(archived, format!("Prompt review ({id}) is archived.\n"));
    assert!(home.succeed(&["prompts", "list", "--archived"]).await.contains(id));
    let again = home.succeed(&["prompts", "rollback", "review", "--version", "2"]).await;
    assert_eq!(again, format!("Prompt review ({id}): version 2 is served.\n"));
    assert!(!home.succeed(&["prompts", "list", "--archived"]).await.contains(id));
    let deleted = home.succeed(&["prompts", "delete", "review"]).await;
    assert_eq!(deleted, format!("Prompt review ({id}) is deleted.\n"));
    let output = home.run(&["prompts", "show", "review"]).await;
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), "outcrop: there is no prompt named `review`\n")
    );
}

#[tokio::test]
async fn a_rollback_serves_what_was_served_before() {
    let home = Home::new();
    let put = async |text: &str, options: &[&str]| {
        let file = write(&home, "roll.md", text);
        home.succeed(&[&["prompts", "put", &file][..], options].concat()).await
    };
    let rolled = async |version: u32| {
        let back = home.succeed(&["prompts", "rollback", "roll"]).await;
        assert!(back.ends_with(&format!(": version {version} is served.\n")), "{back}");
    };
    put("one", &[]).await;
    put("two", &["--draft"]).await;
    put("three", &["--draft"]).await;
    put("four", &[]).await;
    rolled(1).await;
    put("five", &[]).await;
    rolled(1).await;
    put("six", &["--draft"]).await;
    home.succeed(&["prompts", "archive", "roll"]).await;
    rolled(1).await;
    let output = home.run(&["prompts", "rollback", "roll"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(home.succeed(&["prompts", "show", "roll", "--version", "6"]).await.contains("never served"));
}

#[tokio::test]
async fn the_same_file_again_is_no_new_version() {
    let home = Home::new();
    let said = "\n[[messages]]\nrole = \"user\"\ntext = \"Look.\"\n";
    let file = write(&home, "desc.toml", &format!("description = \"\"\"\nLooks.\n\"\"\"{said}"));
    let put = async |file: &str, options: &[&str]| {
        let put = home.succeed(&[&["prompts", "put", file, "--json"][..], options].concat()).await;
        let put = read(&put);
        (put["current"].clone(), put["latest"].clone())
    };
    for options in [&[][..], &[], &["--draft"]] {
        assert_eq!(put(&file, options).await, (json!(1), json!(1)));
    }
    let other = write(&home, "other.md", "+++\r\nname = \"desc\"\r\n+++\r\n\r\nOther,\r\nlonger.\r\n");
    for _ in 0..2 {
        assert_eq!(put(&other, &["--draft"]).await, (json!(1), json!(2)));
    }
    let unix = write(&home, "desc.md", "\u{feff}+++\nname = \"desc\"\n+++\nOther,\nlonger.\n");
    assert_eq!(put(&unix, &[]).await, (json!(2), json!(2)), "the draft is served");
}

#[tokio::test]
async fn teams_have_prompts_of_their_own() {
    let home = Home::new();
    home.succeed(&["teams", "create", "acme"]).await;
    let file = write(&home, "hello.md", "Hello.");
    home.succeed(&["prompts", "put", &file]).await;
    let ours = read(&home.succeed(&["prompts", "put", &file, "--team", "acme", "--json"]).await);
    let output = home.run(&["prompts", "show", "hello"]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let shown = home.succeed(&["prompts", "show", "hello", "--team", "acme", "--json"]).await;
    assert_eq!(read(&shown)["id"], ours["id"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said() {
    let home = Home::new();
    for (name, content, says) in [
        ("a.txt", "x", ".json, .toml or .md"),
        ("a.toml", "colour = 1", "colour"),
        ("a.json", "{}", "`messages` must have 1 to 32 entries"),
        ("a.md", "Say {{what}}", "has the blank `{{what}}`"),
        ("Two words.md", "x", "`name` must have"),
    ] {
        let file = write(&home, name, content);
        let output = home.run(&["prompts", "put", &file]).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(says), "{output:?}");
    }
}
