//! Keys that stand in the settings: one for everybody, and those with names.

use std::sync::Arc;

use outcrop_auth::{Acting, AuthOptions, AuthPorts, AuthService, ServiceAccountPatch};
use outcrop_config::StaticKey;
use outcrop_ports::{Authenticator as _, Credential};
use outcrop_sqlite::SqliteStore;
use outcrop_types::Role;
use serde_json::json;

use super::gate::Gate;
use crate::world::World;

const KEY: &str = "a-static-key-of-the-operators";

fn with_key(options: &mut AuthOptions) {
    options.static_key = Some((KEY.into(), Role::Developer));
}

#[actix_web::test]
async fn its_bearer_acts_for_the_first_admins_team() {
    let gate = Gate::of(World::with(|_, options| with_key(options)).await);
    let me = gate.replica.me(KEY).await.expect(200);
    assert_eq!(me["team"]["id"], json!(gate.world.first.team.id));
    assert_eq!((&me["role"], &me["subject"]["kind"]), (&json!("developer"), &json!("service_account")));
    let again = gate.replica.me(KEY).await.expect(200);
    assert_eq!(me["subject"], again["subject"]);
    for other in [&KEY[1..], "a-static-key-of-the-operatorS", &format!("{KEY}x"), ""] {
        let found = gate.replica.auth.authenticate(&Credential::Static(other.into())).await;
        assert!(found.is_err(), "{other}");
    }
}

#[actix_web::test]
async fn its_bearer_is_an_account_that_can_be_kept_out() {
    let gate = Gate::of(World::with(|_, options| with_key(options)).await);
    let me = gate.replica.me(KEY).await.expect(200);
    let id = me["subject"]["id"].as_str().unwrap().parse().unwrap();
    let patch = ServiceAccountPatch { disabled: Some(true), ..ServiceAccountPatch::default() };
    gate.replica.auth.update_service_account(&Acting::command_line(), id, patch).await.unwrap();
    gate.replica.me(KEY).await.expect(401);
}

#[actix_web::test]
async fn an_account_of_the_same_name_is_not_in_its_way() {
    let gate = Gate::of(World::with(|_, options| with_key(options)).await);
    let other = gate.account("static key (settings)").await;
    let me = gate.replica.me(KEY).await.expect(200);
    assert_ne!(me["subject"]["id"], json!(other.id));
    assert_eq!(gate.replica.me(KEY).await.expect(200)["subject"], me["subject"]);
}

#[actix_web::test]
async fn without_one_nothing_is_it() {
    let gate = Gate::open().await;
    gate.replica.me(KEY).await.expect(401);
}

fn with_names(options: &mut AuthOptions) {
    let keys = json!({
        "me": KEY,
        "ci": { "key": format!("{KEY}-2"), "team": "research", "role": "viewer" },
    });
    options.static_keys = StaticKey::read(&keys.to_string().into()).unwrap();
}

#[actix_web::test]
async fn keys_with_names_are_told_apart() {
    let gate = Gate::of(World::with(|_, options| with_names(options)).await);
    let me = gate.replica.me(KEY).await.expect(200);
    // The team of that name is there already.
    assert_eq!(me["team"]["id"], json!(gate.world.first.team.id));
    assert_eq!((&me["role"], &me["name"]), (&json!("developer"), &json!("me")));
    let ci = gate.replica.me(&format!("{KEY}-2")).await.expect(200);
    assert_eq!((&ci["team"]["name"], &ci["role"]), (&json!("research"), &json!("viewer")));
    assert_ne!(ci["subject"]["id"], me["subject"]["id"]);
    gate.replica.me(&format!("{KEY}-3")).await.expect(401);
}

#[actix_web::test]
async fn bearers_are_the_same_in_processes_that_share_nothing() {
    let who = async || {
        let gate = Gate::of(World::with(|_, options| with_names(options)).await);
        let ci = gate.replica.me(&format!("{KEY}-2")).await.expect(200);
        (ci["subject"]["id"].clone(), ci["team"]["id"].clone())
    };
    let (first, second) = (who().await, who().await);
    assert_eq!(first, second);
    // As docs/usage.md says how to find them.
    assert_eq!(first.1, json!("team_4ba9be12ad32809d84dee170a4accda4"));
}

#[actix_web::test]
async fn without_an_admin_keys_with_names_are_good_too() {
    let world = World::with(|_, options| with_names(options)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::connect(&folder.path().join("empty.db")).await.unwrap();
    store.migrate().await.unwrap();
    let store = Arc::new(store);
    let ports = AuthPorts {
        users: store.clone(),
        teams: store.clone(),
        accounts: store.clone(),
        audit: store,
        ..world.ports.clone()
    };
    let auth = AuthService::new(ports, world.options.clone());
    let found = auth.authenticate(&Credential::Static(KEY.into())).await.unwrap();
    assert_eq!(found.principal.role, Role::Developer);
}
