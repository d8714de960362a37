//! Who shows a key?

use outcrop_types::Role;
use serde_json::json;

use crate::world::{World, answer, client};

#[actix_web::test]
async fn a_good_key_is_its_principal_and_a_changed_one_nobody() {
    let world = World::new().await;
    let server = world.serve_internal();
    let ask = |key: &str| {
        let body = json!({"credential": {"api_key": key}});
        answer(client().post(format!("{}/internal/introspect", server.url)).json(&body))
    };
    let good = world.first.key.expose();
    let (status, body) = ask(good).await;
    assert_eq!(status, 200);
    assert_eq!(body["principal"]["role"], "platform_admin");
    assert_eq!(body["principal"]["team"], world.first.team.id.to_string());

    assert_eq!(ask("ock_nonsense").await.0, 401);
    let other = if good.ends_with('x') { 'y' } else { 'x' };
    let changed = format!("{}{other}", &good[..good.len() - 1]);
    assert_eq!(ask(&changed).await.0, 401);
}

#[actix_web::test]
async fn a_key_of_another_servers_secret_is_refused() {
    let (ours, theirs) = (World::new().await, World::new().await);
    let server = ours.serve_internal();
    let body = json!({"credential": {"api_key": theirs.first.key.expose()}});
    let (status, _) = answer(client().post(format!("{}/internal/introspect", server.url)).json(&body)).await;
    assert_eq!(status, 401);
}

#[actix_web::test]
async fn nobody_but_a_service_asks_who_shows_a_key() {
    let world = World::new().await;
    let body = json!({"credential": {"api_key": world.first.key.expose()}});
    for caller in [None, Some(world.caller(Role::PlatformAdmin)), Some(world.caller(Role::Service))] {
        let server = world.serve_internal_to(caller.clone());
        let url = format!("{}/internal/introspect", server.url);
        let (status, answer) = answer(client().post(url).json(&body)).await;
        assert_eq!(status, 403, "{caller:?}: {answer}");
        assert!(answer.get("principal").is_none(), "{answer}");
    }
}

#[actix_web::test]
async fn what_is_no_credential_of_its_kind_is_nobodys() {
    let world = World::new().await;
    let server = world.serve_internal();
    let key = world.first.key.expose();
    for (credential, status) in [
        (json!({"api_key": key}), 200),
        (json!({"session": key}), 401),
        (json!({"token": key}), 401),
        (json!({"token": "a.b.c"}), 401),
        (json!({"static": key}), 401),
        (json!({"password": "x"}), 400),
        (json!({"api_key": key, "token": "a.b.c"}), 400),
    ] {
        let body = json!({ "credential": credential });
        let request = client().post(format!("{}/internal/introspect", server.url)).json(&body);
        let (found, answer) = answer(request).await;
        assert_eq!(found, status, "{answer}");
        let told = answer.to_string();
        assert!(status == 200 || !told.contains(key), "{told}");
    }
}
