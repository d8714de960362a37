//! `POST /auth/password`.

use chrono::TimeDelta;
use outcrop_auth::{Acting, UserPatch};
use outcrop_types::{Change, PresentedKey, Role, SecretKind, Subject};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::gate::{Gate, PASSWORD, password_form};

#[actix_web::test]
async fn an_invitation_sets_a_password_once() {
    let gate = Gate::open().await;
    let (user, invitation) = gate.invited("ada", gate.world.first.team.id, Role::Viewer).await;
    let accept = |password: &str| json!({ "invitation": invitation, "password": password });
    for short in ["", "short", "eleven char"] {
        let refused = gate.replica.post("/auth/password", &accept(short)).await;
        assert_eq!(refused.expect(400)["param"], "password", "{short}");
    }
    gate.world.announced.take();
    gate.replica.post("/auth/password", &accept(PASSWORD)).await.expect(204);
    assert_eq!(gate.world.announced.take(), [Change::Subject(Subject::User(user.id))]);
    let again = gate.replica.post("/auth/password", &accept("another password")).await;
    assert_eq!(again.expect(400)["param"], "invitation");
    gate.log_in("ada").await;
    assert_eq!(gate.audited().await.iter().filter(|it| *it == "password.set").count(), 1);
}

#[actix_web::test]
async fn of_two_who_accept_at_once_one_does() {
    let gate = Gate::open().await;
    let (_, invitation) = gate.invited("ada", gate.world.first.team.id, Role::Viewer).await;
    let (one, other) = (
        json!({ "invitation": invitation, "password": "the first password" }),
        json!({ "invitation": invitation, "password": "the other password" }),
    );
    let (one, other) =
        tokio::join!(gate.replica.post("/auth/password", &one), gate.replica.post("/auth/password", &other));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400]);
}

#[actix_web::test]
async fn what_is_no_good_invitation_is_refused_in_the_same_words() {
    let gate = Gate::open().await;
    let team = gate.world.first.team.id;
    let (old, expired) = gate.invited("old", team, Role::Viewer).await;
    gate.world.clock.advance(TimeDelta::days(7));
    let (off, disabled) = gate.invited("off", team, Role::Viewer).await;
    let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
    gate.world.auth.update_user(&Acting::system(), off.id, patch).await.unwrap();
    let unknown = PresentedKey::generate_as(SecretKind::Invitation, [1; 16], [1; 86]);
    let key = gate.world.first.key.expose().to_owned();
    let mut bodies = Vec::new();
    for invitation in [&expired, &disabled, unknown.expose(), "oci_x", "", &key] {
        let body = json!({ "invitation": invitation, "password": PASSWORD });
        let request = gate.replica.request(reqwest::Method::POST, "/auth/password").json(&body);
        let answer = super::gate::send(request.header("x-request-id", "one")).await;
        bodies.push(answer.expect(400));
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    assert_ne!(old.id, off.id);
}

#[actix_web::test]
async fn a_changed_password_ends_every_login() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let browser = gate.replica.post("/auth/login", &json!({ "name": "ada", "password": PASSWORD })).await;
    let cookie = browser.cookies()[0].split(';').next().unwrap().to_owned();
    let change = |old: &str, new: &str| json!({ "name": "ada", "password": old, "new_password": new });
    for (new, param) in [("short", "new_password"), (PASSWORD, "new_password")] {
        let refused = gate.replica.post("/auth/password", &change(PASSWORD, new)).await;
        assert_eq!(refused.expect(400)["param"], param, "{new}");
    }
    gate.replica.post("/auth/password", &change("a wrong password", "a better password")).await.expect(401);
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_ok(), "nothing has changed yet");
    gate.world.announced.take();
    gate.replica.post("/auth/password", &change(PASSWORD, "a better password")).await.expect(204);
    assert_eq!(gate.world.announced.take(), [Change::Subject(Subject::User(user.id))]);
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_err());
    assert_eq!(gate.replica.refresh(&given["refresh_token"]).await.refused(400), "invalid_grant");
    let me = gate.replica.request(reqwest::Method::GET, "/auth/me").header("cookie", cookie);
    super::gate::send(me).await.expect(401);
    assert_eq!(gate.replica.grant(&password_form("ada", PASSWORD)).await.refused(400), "invalid_grant");
    gate.replica.grant(&password_form("ada", "a better password")).await.expect(200);
}

#[actix_web::test]
async fn who_becomes_platform_admin_comes_in_by_a_new_invitation_alone() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let team = gate.world.first.team.id;
    let root = gate.world.first.key.expose();
    let member = format!("/admin/v1/teams/{team}/members/{}", user.id);
    let raise = json!({ "role": "platform_admin" });
    gate.replica.ask(root, reqwest::Method::PUT, &member, &raise).await.expect(200);
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_err());
    assert_eq!(gate.replica.refresh(&given["refresh_token"]).await.refused(400), "invalid_grant");
    assert_eq!(gate.replica.grant(&password_form("ada", PASSWORD)).await.refused(400), "invalid_grant");

    let invite = format!("/admin/v1/users/{}/invitation", user.id);
    let invited = gate.replica.ask(root, reqwest::Method::POST, &invite, &json!({})).await.expect(201);
    let accept = json!({ "invitation": invited["invitation"], "password": PASSWORD });
    gate.replica.post("/auth/password", &accept).await.expect(204);
    assert_eq!(gate.log_in("ada").await["role"], "platform_admin");
}

#[actix_web::test]
async fn a_hash_of_another_cost_is_made_anew_at_the_next_login_and_no_login_ends() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let users = &gate.world.ports.users;
    let kept = || async { users.lookup_password("ada").await.unwrap().unwrap().1.unwrap() };
    let now = kept().await;
    let cheap = cheap_hash();
    assert!(users.rehash_password(user.id, &now, &cheap).await.unwrap());
    let given = gate.log_in("ada").await;
    let again = kept().await;
    assert!(again.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    gate.log_in("ada").await;
    assert_eq!(kept().await.expose_secret(), again.expose_secret(), "once is enough");
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_ok());
}

/// A hash of the password at a lower cost than ours.
pub(super) fn cheap_hash() -> SecretString {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    cheap.hash_password_with_salt(PASSWORD.as_bytes(), &[1; 16]).unwrap().to_string().into()
}

#[actix_web::test]
async fn a_password_is_not_the_name() {
    let gate = Gate::open().await;
    let (_, invitation) = gate.invited("a-long-user-name", gate.world.first.team.id, Role::Viewer).await;
    let accept = json!({ "invitation": invitation, "password": "A-Long-User-Name" });
    assert_eq!(gate.replica.post("/auth/password", &accept).await.expect(400)["param"], "password");
}

#[actix_web::test]
async fn one_way_or_the_other_must_be_chosen() {
    let gate = Gate::open().await;
    for body in [
        json!({ "password": PASSWORD }),
        json!({ "name": "ada", "password": PASSWORD }),
        json!({ "invitation": "x", "name": "ada", "password": PASSWORD, "new_password": PASSWORD }),
        json!({ "invitation": "x", "password": PASSWORD, "new_password": PASSWORD }),
    ] {
        gate.replica.post("/auth/password", &body).await.expect(400);
    }
}
