//! Logins that were under way while their user changed.

use futures::future::BoxFuture;
use outcrop_auth::{Acting, AuthService, UserPatch};
use outcrop_types::{AuditDraft, AuditEvent, Role, User};
use secrecy::SecretString;
use serde_json::json;

use super::gate::{Gate, PASSWORD, password_form};
use super::hooked::Hooked;

type Done = BoxFuture<'static, ()>;

/// Some other person's hash: of another password, at our cost.
const OTHER: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn sets_another_password(gate: &Gate, user: &User) -> Done {
    let (users, id, now) =
        (gate.world.ports.users.clone(), user.id, outcrop_ports::Clock::now(&*gate.world.clock));
    let event = AuditEvent::done(outcrop_types::Actor::System, "password.set", id.to_string(), now);
    let draft = AuditDraft::new(event, gate.world.auth.audit_sealer().clone());
    Box::pin(async move {
        let changed = users.set_password(id, &SecretString::from(OTHER), now, &draft).await.unwrap();
        assert_eq!(changed, outcrop_ports::Changed::Done);
    })
}

fn disables(gate: &Gate, user: &User) -> Done {
    let (auth, id): (AuthService, _) = (gate.world.auth.clone(), user.id);
    Box::pin(async move {
        let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
        auth.update_user(&Acting::system(), id, patch).await.unwrap();
    })
}

#[actix_web::test]
async fn a_login_under_way_does_not_survive_a_change_of_its_password_or_user() {
    for change in [sets_another_password, disables] {
        for browser in [false, true] {
            let (gate, hooked) = Hooked::gate().await;
            let user = gate.person("ada", Role::Developer).await;
            hooked.before_insert(change(&gate, &user));
            let (body, status) = match browser {
                true => (json!({ "name": "ada", "password": PASSWORD }), 401),
                false => (json!({ "grant_type": "password", "username": "ada", "password": PASSWORD }), 400),
            };
            let path = if browser { "/auth/login" } else { "/auth/token" };
            let refused = gate.replica.post(path, &body).await;
            assert!(refused.cookies().is_empty(), "{refused:#?}");
            let mut wrong = body.clone();
            wrong["password"] = json!("a wrong password");
            let failed = gate.replica.post(path, &wrong).await;
            let (mut told, mut other) = (refused.expect(status), failed.expect(status));
            for body in [&mut told, &mut other] {
                body.as_object_mut().unwrap().remove("request_id");
            }
            assert_eq!(told, other, "in the words of any login that fails");
            assert!(hooked.last().await.revoked_at.is_some(), "the login that was kept is ended");
        }
    }
}

#[actix_web::test]
async fn a_login_under_way_survives_what_changes_nothing_for_it() {
    let (gate, hooked) = Hooked::gate().await;
    let user = gate.person("ada", Role::Developer).await;
    let users = gate.world.ports.users.clone();
    // The same password, hashed anew by another login of the same moment.
    hooked.before_insert(async move {
        let old = users.lookup_password("ada").await.unwrap().unwrap().1.unwrap();
        assert!(users.rehash_password(user.id, &old, &super::passwords::cheap_hash()).await.unwrap());
    });
    let given = gate.replica.grant(&password_form("ada", PASSWORD)).await.expect(200);
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_ok());
}
