//! `POST /auth/login`: cookies for browsers.

use chrono::TimeDelta;
use outcrop_auth::Acting;
use outcrop_types::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::gate::{Answer, Gate, PASSWORD, Replica, send};
use crate::world::World;

fn body(name: &str, password: &str) -> Value {
    json!({ "name": name, "password": password })
}

async fn log_in(replica: &Replica, origin: Option<&str>) -> Answer {
    let request = replica.request(Method::POST, "/auth/login").json(&body("ada", PASSWORD));
    send(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

fn cookie<'a>(answer: &'a Answer, name: &str) -> (&'a str, Vec<&'a str>) {
    let cookies = answer.cookies();
    let line = cookies.iter().find(|it| it.starts_with(&format!("{name}="))).copied();
    let mut parts = line.unwrap_or_else(|| panic!("no `{name}` in {cookies:?}")).split("; ");
    let (_, value) = parts.next().unwrap().split_once('=').unwrap();
    (value, parts.collect())
}

async fn me(replica: &Replica, cookies: &str) -> Answer {
    send(replica.request(Method::GET, "/auth/me").header("cookie", cookies)).await
}

#[actix_web::test]
async fn a_browser_gets_a_cookie_that_no_script_reads_and_one_that_ours_do() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::TeamAdmin).await;
    let answer = log_in(&gate.replica, None).await;
    let (session, attributes) = cookie(&answer, "outcrop_session");
    assert!(session.starts_with("ocs_"));
    assert_eq!(attributes, ["Path=/", "Max-Age=43200", "SameSite=Lax", "HttpOnly"]);
    let (csrf, attributes) = cookie(&answer, "outcrop_csrf");
    assert_eq!(attributes, ["Path=/", "Max-Age=43200", "SameSite=Lax"]);
    let team = &gate.world.first.team;
    let expected = json!({
        "user": { "id": user.id, "name": "ada" },
        "team": { "id": team.id, "name": team.name },
        "role": "team_admin",
        "csrf_token": csrf,
    });
    let me = me(&gate.replica, &format!("a=b; outcrop_session={session}")).await.expect(200);
    assert_eq!((&me["role"], &me["csrf_token"]), (&json!("team_admin"), &json!(csrf)));
    assert_eq!(answer.expect(200), expected);
}

#[actix_web::test]
async fn over_https_the_cookies_are_bound_to_the_host() {
    let world = World::with(|_, options| options.public_url = "https://ai.example.com".into()).await;
    let gate = Gate::of(world);
    gate.person("ada", Role::Viewer).await;
    let answer = log_in(&gate.replica, Some("https://ai.example.com")).await;
    let (session, attributes) = cookie(&answer, "__Host-outcrop_session");
    assert_eq!(attributes, ["Path=/", "Max-Age=43200", "SameSite=Lax", "Secure", "HttpOnly"]);
    let (_, attributes) = cookie(&answer, "__Host-outcrop_csrf");
    assert_eq!(attributes, ["Path=/", "Max-Age=43200", "SameSite=Lax", "Secure"]);
    me(&gate.replica, &format!("__Host-outcrop_session={session}")).await.expect(200);
}

#[actix_web::test]
async fn only_trusted_pages_may_log_in() {
    let world = World::with(|_, options| {
        options.public_url = "https://ai.example.com".into();
        options.origins = vec!["https://console.example.com".into()];
    })
    .await;
    let gate = Gate::of(world);
    gate.person("ada", Role::Viewer).await;
    for origin in ["https://ai.example.com", "https://console.example.com"] {
        log_in(&gate.replica, Some(origin)).await.expect(200);
    }
    for origin in
        ["https://evil.example", "null", "http://ai.example.com", "https://ai.example.com.evil.example"]
    {
        let refused = log_in(&gate.replica, Some(origin)).await;
        assert!(refused.status == 403 && refused.cookies().is_empty(), "{origin}: {refused:#?}");
    }
}

#[actix_web::test]
async fn a_form_is_no_login() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Viewer).await;
    let text = body("ada", PASSWORD).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = gate.replica.request(Method::POST, "/auth/login");
        let answer = send(request.header("content-type", kind).body(text.clone())).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
}

#[actix_web::test]
async fn whatever_is_wrong_is_told_in_the_same_words() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Viewer).await;
    let mut bodies = Vec::new();
    for asked in [
        body("nobody", PASSWORD),
        body("ada", "another password"),
        body("ada", ""),
        json!({ "name": "ada", "password": PASSWORD, "team": "nowhere" }),
    ] {
        let request = gate.replica.request(Method::POST, "/auth/login").json(&asked);
        let answer = send(request.header("x-request-id", "one")).await;
        assert!(answer.status == 401 && answer.cookies().is_empty(), "{answer:#?}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    let unknown = json!({ "name": "ada", "password": PASSWORD, "remember": true });
    assert_eq!(gate.replica.post("/auth/login", &unknown).await.expect(400)["param"], "remember");
}

#[actix_web::test]
async fn the_cookie_is_what_its_user_is_now_and_ends_after_half_a_day() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let answer = log_in(&gate.replica, None).await;
    let cookies = format!("outcrop_session={}", cookie(&answer, "outcrop_session").0);
    let team = gate.world.first.team.id;
    gate.world.auth.set_member(&Acting::system(), team, user.id, Role::TeamAdmin).await.unwrap();
    assert_eq!(me(&gate.replica, &cookies).await.expect(200)["role"], "team_admin");
    gate.world.clock.advance(TimeDelta::hours(12) - TimeDelta::seconds(1));
    me(&gate.replica, &cookies).await.expect(200);
    gate.world.clock.advance(TimeDelta::seconds(1));
    me(&gate.replica, &cookies).await.expect(401);
}

#[actix_web::test]
async fn another_servers_cookie_is_nobodys() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let answer = log_in(&gate.replica, None).await;
    let good = cookie(&answer, "outcrop_session").0;
    let other = Gate::open().await;
    other.person("ada", Role::Developer).await;
    let answer = log_in(&other.replica, None).await;
    let theirs = cookie(&answer, "outcrop_session").0;
    me(&gate.replica, &format!("outcrop_session={theirs}")).await.expect(401);
    me(&gate.replica, &format!("outcrop_session={good}")).await.expect(200);
}
