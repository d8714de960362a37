//! `GET /auth/me`.

use outcrop_auth::Acting;
use outcrop_types::{Permission, Role, Scope, Subject};
use serde_json::json;

use super::gate::{Gate, PASSWORD, send};

#[actix_web::test]
async fn somebody_learns_who_it_is_and_what_it_may() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Viewer).await;
    let second = gate.team("second").await;
    gate.world.auth.set_member(&Acting::system(), second.id, user.id, Role::Developer).await.unwrap();
    let first = &gate.world.first.team;
    let scope = Scope {
        permissions: Some(vec![Permission::ReadModels, Permission::ManageKeys]),
        models: vec!["claude-*".parse().unwrap()],
        ..Scope::default()
    };
    let key = gate
        .key(Subject::User(user.id), |new| {
            new.role = Some(Role::Viewer);
            new.scope = scope.clone();
        })
        .await;
    let me = gate.replica.me(key.expose()).await;
    assert_eq!(me.header("cache-control"), "no-store");
    let expected = json!({
        "subject": { "kind": "user", "id": user.id },
        "name": "ada",
        "team": { "id": first.id, "name": first.name },
        "role": "viewer",
        // The role has no more of the scope than this.
        "permissions": ["models:read"],
        "scope": { "permissions": ["models:read", "keys:manage"], "models": ["claude-*"] },
        // Keys are made by others, too: one of this team's does not tell of the other team.
        "memberships": [{ "team": { "id": first.id, "name": first.name }, "role": "viewer" }],
        "key": { "id": key.id(), "prefix": key.id().prefix() },
    });
    assert_eq!(me.expect(200), expected);
}

#[actix_web::test]
async fn who_is_logged_in_learns_of_all_teams_of_its_own() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Viewer).await;
    let login = json!({ "name": "ada", "password": PASSWORD });
    let browser = gate.replica.post("/auth/login", &login).await;
    let cookie = browser.cookies()[0].split(';').next().unwrap().to_owned();
    let token = gate.log_in("ada").await["access_token"].as_str().unwrap().to_owned();
    let (first, second) = (&gate.world.first.team, gate.team("second").await);
    gate.world.auth.set_member(&Acting::system(), second.id, user.id, Role::Developer).await.unwrap();
    let by_cookie = gate.replica.request(reqwest::Method::GET, "/auth/me").header("cookie", cookie);
    for me in [gate.replica.me(&token).await, send(by_cookie).await] {
        let expected = json!([
            { "team": { "id": first.id, "name": first.name }, "role": "viewer" },
            { "team": { "id": second.id, "name": "second" }, "role": "developer" },
        ]);
        assert_eq!(me.expect(200)["memberships"], expected);
    }
}

#[actix_web::test]
async fn nobody_learns_nothing() {
    let gate = Gate::open().await;
    gate.replica.get("/auth/me").await.expect(401);
}
