//! `grant_type=password`.

use outcrop_auth::{Acting, UserPatch};
use outcrop_types::Role;
use serde_json::{Value, json};

use super::gate::{Gate, PASSWORD, password_form, send, with_form};

fn form<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&password_form(name, PASSWORD)[..], more].concat()
}

#[actix_web::test]
async fn name_and_password_give_a_token_that_works() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let answer = gate.replica.grant(&password_form("ada", PASSWORD)).await;
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let given = answer.expect(200);
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!((&given["role"], &given["team"]), (&json!("developer"), &json!(gate.world.first.team.id)));
    assert_eq!(
        given["scope"], "inference:invoke models:read jobs:write jobs:read usage:read mcp:use",
        "all that the role may"
    );
    assert!(given["refresh_token"].as_str().unwrap().starts_with("ocr_"));
    let me = gate.replica.me(given["access_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(me["subject"], json!({ "kind": "user", "id": user.id }));
    let found = gate.replica.authenticate(&given["access_token"]).await.unwrap();
    assert!(found.session.is_some() && found.principal.scope.is_none());
    let ends = gate.world.ports.clock.now() + chrono::TimeDelta::minutes(15);
    let taken = outcrop_token::AccessVerifier::LEEWAY;
    assert_eq!(found.expires_at, Some(ends + taken), "as long as it is taken");
    gate.world.clock.advance(chrono::TimeDelta::minutes(15) + taken - chrono::TimeDelta::seconds(1));
    let late = gate.replica.authenticate(&given["access_token"]).await.unwrap();
    assert_eq!(late.expires_at, Some(ends + taken), "past its `exp`, and not yet past its end");
    gate.world.clock.advance(chrono::TimeDelta::seconds(1));
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_err());
}

#[actix_web::test]
async fn whatever_is_wrong_is_told_in_the_same_words() {
    let gate = Gate::open().await;
    let (disabled, lonely) =
        (gate.person("off", Role::Viewer).await, gate.person("lonely", Role::Viewer).await);
    gate.person("ada", Role::Developer).await;
    gate.invited("new", gate.world.first.team.id, Role::Viewer).await;
    let foreign = gate.team("foreign").await;
    let acting = Acting::system();
    let off = UserPatch { disabled: Some(true), ..UserPatch::default() };
    gate.world.auth.update_user(&acting, disabled.id, off).await.unwrap();
    gate.world.auth.remove_member(&acting, gate.world.first.team.id, lonely.id).await.unwrap();
    let foreign_id = foreign.id.to_string();
    let long = "x".repeat(5_000);
    let mut bodies = Vec::new();
    for (what, form) in [
        ("unknown", form("nobody", &[])),
        ("wrong", password_form("ada", "another password").to_vec()),
        ("far too long", password_form("ada", &long).to_vec()),
        ("no password yet", form("new", &[])),
        ("disabled", form("off", &[])),
        ("in no team", form("lonely", &[])),
        ("not in this team", form("ada", &[("team", "foreign")])),
        ("not in this team, by id", form("ada", &[("team", &foreign_id)])),
        ("no such team", form("ada", &[("team", "nowhere")])),
        ("a name that can be nobody's", form("a\u{0}b", &[])),
        ("a team that can be nobody's", form("ada", &[("team", "a\u{0}b")])),
    ] {
        let request = gate.replica.request(reqwest::Method::POST, "/auth/token");
        let answer = send(with_form(request.header("x-request-id", "one"), &form)).await;
        assert_eq!(answer.refused(400), "invalid_grant", "{what}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    assert_eq!(bodies[0]["error_description"], "name or password is wrong");
}

#[actix_web::test]
async fn who_is_in_several_teams_says_for_which() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Viewer).await;
    let second = gate.team("second").await;
    gate.world.auth.set_member(&Acting::system(), second.id, user.id, Role::TeamAdmin).await.unwrap();
    let undecided = gate.replica.grant(&form("ada", &[])).await;
    assert_eq!(undecided.refused(400), "invalid_request");
    let told = undecided.body.to_string();
    assert!(told.contains("team") && !told.contains("second"), "it lists nothing: {told}");
    let second_id = second.id.to_string();
    for (team, role) in [("default", "viewer"), ("second", "team_admin"), (&second_id, "team_admin")] {
        let given = gate.replica.grant(&form("ada", &[("team", team)])).await.expect(200);
        assert_eq!(given["role"], role, "{team}");
    }
}

#[actix_web::test]
async fn a_platform_admin_acts_for_any_team() {
    let gate = Gate::open().await;
    gate.person("root", Role::PlatformAdmin).await;
    gate.team("second").await;
    let given = gate.replica.grant(&form("root", &[("team", "second")])).await.expect(200);
    assert_eq!(given["role"], "platform_admin");
}

#[actix_web::test]
async fn a_scope_narrows_the_token() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.replica.grant(&form("ada", &[("scope", "models:read usage:read")])).await.expect(200);
    assert_eq!(given["scope"], "models:read usage:read");
    let me = gate.replica.me(given["access_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(me["permissions"], json!(["models:read", "usage:read"]));
    for scope in ["keys:manage", "models:write", "models:read keys:manage", "*"] {
        let refused = gate.replica.grant(&form("ada", &[("scope", scope)])).await;
        assert_eq!(refused.refused(400), "invalid_scope", "{scope}");
    }
}

#[actix_web::test]
async fn what_somebody_may_now_caps_the_token() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let token = gate.log_in("ada").await["access_token"].clone();
    let team = gate.world.first.team.id;
    let acting = Acting::system();
    gate.world.auth.set_member(&acting, team, user.id, Role::Viewer).await.unwrap();
    assert_eq!(gate.replica.authenticate(&token).await.unwrap().principal.role, Role::Viewer);
    gate.world.auth.set_member(&acting, team, user.id, Role::TeamAdmin).await.unwrap();
    let role = gate.replica.authenticate(&token).await.unwrap().principal.role;
    assert_eq!(role, Role::Developer, "a token does not grow");
    gate.world.auth.remove_member(&acting, team, user.id).await.unwrap();
    assert!(gate.replica.authenticate(&token).await.is_err());
}

#[actix_web::test]
async fn nothing_secret_is_in_the_audit_log_or_the_answers_to_others() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let rows = gate.world.ports.audit.read_audit_chain(0, 1_000).await.unwrap();
    let log: String = rows.into_iter().map(|row| row.record).collect();
    for secret in [&given["refresh_token"], &given["access_token"], &Value::from(PASSWORD)] {
        assert!(!log.contains(secret.as_str().unwrap()), "{log}");
    }
    assert!(!log.contains("argon2"), "{log}");
}
