//! One key for everybody.

use outcrop_auth::{Acting, AuthOptions, ServiceAccountPatch};
use outcrop_ports::{Authenticator as _, Credential};
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
