//! `outcrop users` and `outcrop teams`, beside a running server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, Running, client, eventually, text};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

async fn set_password(server: &Running, invitation: &str, password: &str) -> u16 {
    let body = json!({"invitation": invitation, "password": password});
    let request = client().post(format!("{}/auth/password", server.url)).json(&body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_user_is_invited_kept_out_and_let_in_again() {
    let home = Home::new();
    let server = home.start().await;
    let team = home.succeed(&["teams", "create", "red"]).await;
    let output = home.run(&["users", "create", "dan", "--team", "red", "--email", "d@example.com"]).await;
    let (invitation, note) = (text(&output.stdout), text(&output.stderr));
    assert!(invitation.starts_with("oci_") && note.starts_with("Invitation of dan "), "{output:?}");
    assert!(!note.contains("oci_"), "the invitation is on stdout alone: {note}");
    let again = home.succeed(&["users", "invite", "dan"]).await;
    let password = "correct horse battery staple";
    assert_eq!(set_password(&server, invitation.trim(), password).await / 100, 4, "it was withdrawn");
    assert_eq!(set_password(&server, again.trim(), password).await / 100, 2);

    let listed = home.succeed(&["users", "list", "--team", "red", "--json"]).await;
    let user = read(listed.trim());
    assert_eq!((&user["name"], &user["email"]), (&json!("dan"), &json!("d@example.com")));
    let key = read(&home.succeed(&["keys", "create", "--user", "dan", "--json"]).await);
    assert_eq!((&key["subject"], &key["team"]), (&user["id"], &json!(team.trim())), "its own team's");
    let key = key["key"].as_str().unwrap();
    server.answer(key, "Hello").await;
    home.succeed(&["users", "disable", "dan"]).await;
    let limit = Duration::from_secs(3);
    let status = async |status: u16| {
        eventually(limit, async || (server.ask(key, "Hello", false).await.status() == status).then_some(()))
            .await;
    };
    status(401).await;
    assert!(home.succeed(&["users", "list"]).await.contains("disabled"));
    home.succeed(&["users", "enable", user["id"].as_str().unwrap()]).await;
    status(200).await;
}

#[tokio::test]
async fn people_can_be_there_before_the_first_start() {
    let home = Home::new();
    home.succeed(&["users", "create", "ann", "--role", "platform_admin"]).await;
    let server = home.start().await;
    assert_eq!(server.key, None, "the admin is there already");
    let users = home.succeed(&["users", "list"]).await;
    assert!(users.contains("admin") && users.contains("ann"), "{users}");
    assert!(home.succeed(&["teams", "list"]).await.contains("default"));
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let home = Home::new();
    for command in [&["users", "list"][..], &["teams", "list"], &["audit", "list"], &["audit", "verify"]] {
        let output = home.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(text(&output.stderr).starts_with("outcrop: there is no database "), "{output:?}");
    }
    home.succeed(&["teams", "create", "red"]).await;
    for (command, told) in [
        (&["users", "disable", "nobody"][..], "there is no user named `nobody`"),
        (&["users", "invite", "nobody"], "there is no user named `nobody`"),
        (&["users", "create", "x", "--team", "nowhere"], "there is no team named `nowhere`"),
        (&["teams", "create", "red"], "there is a team with this name already"),
    ] {
        let output = home.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert_eq!(text(&output.stderr), format!("outcrop: {told}\n"));
    }
}
