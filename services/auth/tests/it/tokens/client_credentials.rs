//! `grant_type=client_credentials`: a service account and one of its keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use outcrop_auth::{Acting, KeyPatch};
use outcrop_types::{Limits, Permission, PresentedKey, Scope, Subject};
use serde_json::json;

use super::gate::{Answer, Gate, send, why, with_form};

fn form<'a>(id: &'a str, secret: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)]
}

async fn basic(gate: &Gate, id: &str, secret: &str, more: &[(&str, &str)]) -> Answer {
    let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let form = [&[("grant_type", "client_credentials")], more].concat();
    let request = gate.replica.request(reqwest::Method::POST, "/auth/token");
    send(with_form(request.header("authorization", header), &form)).await
}

fn models(scope: &[&str]) -> Scope {
    Scope { models: scope.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
}

#[actix_web::test]
async fn a_program_trades_its_key_for_a_token_no_wider() {
    let gate = Gate::open().await;
    let account = gate.account("checkout").await;
    let id = account.id.to_string();
    let key = gate
        .key(Subject::ServiceAccount(account.id), |new| {
            new.scope = models(&["claude-*"]);
            new.limits = Limits { requests_per_minute: Some(7) };
        })
        .await;
    let by_account = gate.replica.grant(&form(&id, key.expose())).await.expect(200);
    assert!(by_account.get("refresh_token").is_none(), "the key is there to come back with");
    assert_eq!(by_account["scope"], "inference:invoke models:read jobs:write jobs:read mcp:use");
    let by_key = gate.replica.grant(&form(&key.id().prefix(), key.expose())).await.expect(200);
    let in_header = basic(&gate, &id, key.expose(), &[("scope", "models:read")]).await.expect(200);
    assert_eq!(in_header["scope"], "models:read");
    for given in [by_account, by_key, in_header] {
        let found = gate.replica.authenticate(&given["access_token"]).await.unwrap();
        let principal = found.principal;
        assert_eq!(
            (principal.subject, principal.key.as_ref()),
            (Subject::ServiceAccount(account.id), Some(key.id()))
        );
        assert_eq!(principal.limits.requests_per_minute, Some(7));
        assert_eq!(principal.scope().models, models(&["claude-*"]).models);
    }
}

#[actix_web::test]
async fn who_is_not_the_client_is_refused_in_the_same_words() {
    let gate = Gate::open().await;
    let (account, other) = (gate.account("checkout").await, gate.account("other").await);
    let key = gate.key(Subject::ServiceAccount(account.id), |_| {}).await;
    let (id, other) = (account.id.to_string(), other.id.to_string());
    let persons = gate.world.first.key.expose();
    let admin = gate.world.first.admin.id.to_string();
    let wrong = PresentedKey::generate([1; 16], [1; 86]);
    let far = gate
        .key(Subject::ServiceAccount(account.id), |new| {
            new.scope.networks = vec!["192.0.2.0/24".parse().unwrap()];
        })
        .await;
    let revoked = gate.key(Subject::ServiceAccount(account.id), |_| {}).await;
    gate.world.auth.revoke_key(&Acting::system(), revoked.id()).await.unwrap();
    for (what, id, secret) in [
        ("another account", other.as_str(), key.expose()),
        ("no account", "svc_x", key.expose()),
        ("another key", wrong.id().as_str(), key.expose()),
        ("an unknown key", &id, wrong.expose()),
        ("no key", &id, "secret"),
        ("no secret", &id, ""),
        ("a person's key", &admin, persons),
        ("from elsewhere", &id, far.expose()),
        ("revoked", &id, revoked.expose()),
    ] {
        let refused = gate.replica.grant(&form(id, secret)).await;
        assert_eq!(refused.refused(401), "invalid_client", "{what}");
        assert_eq!(refused.body["error_description"], "the client's id or secret is wrong", "{what}");
        assert!(refused.header("www-authenticate").starts_with("Basic"), "{what}");
    }
    let unreadable = gate.replica.request(reqwest::Method::POST, "/auth/token");
    let unreadable = with_form(unreadable.header("authorization", "Basic !"), &form(&id, key.expose()));
    assert_eq!(send(unreadable).await.refused(401), "invalid_client");
    let twice = basic(&gate, &id, key.expose(), &[("client_secret", key.expose())]).await;
    assert_eq!(twice.refused(400), "invalid_request");
    let beyond = [&form(&id, key.expose())[..], &[("scope", "keys:manage")]].concat();
    assert_eq!(gate.replica.grant(&beyond).await.refused(400), "invalid_scope");
}

#[actix_web::test]
async fn a_token_never_outlives_its_key() {
    let gate = Gate::open().await;
    let account = gate.account("checkout").await;
    let ends = gate.world.ports.clock.now() + TimeDelta::minutes(5);
    let key = gate.key(Subject::ServiceAccount(account.id), |new| new.expires_at = Some(ends)).await;
    let given = gate.replica.grant(&form(&account.id.to_string(), key.expose())).await.expect(200);
    assert_eq!(given["expires_in"], 300);
    assert_eq!(gate.replica.authenticate(&given["access_token"]).await.unwrap().expires_at, Some(ends));
    gate.world.clock.advance(TimeDelta::minutes(5));
    let refused = why(gate.replica.authenticate(&given["access_token"]).await);
    assert_eq!(refused, "the token's key has been revoked or has expired", "within the clocks' leeway");
}

#[actix_web::test]
async fn a_token_goes_with_its_key_and_shrinks_with_it() {
    let gate = Gate::open().await;
    let account = gate.account("checkout").await;
    let subject = Subject::ServiceAccount(account.id);
    let (key, other) = (gate.key(subject, |_| {}).await, gate.key(subject, |_| {}).await);
    let id = account.id.to_string();
    let token = gate.replica.grant(&form(&id, key.expose())).await.expect(200)["access_token"].clone();
    let narrow = [&form(&id, key.expose())[..], &[("scope", "models:read")]].concat();
    let narrow = gate.replica.grant(&narrow).await.expect(200)["access_token"].clone();
    let scope = Scope { permissions: Some(vec![Permission::InvokeModel]), ..Scope::default() };
    let patch = KeyPatch {
        scope: Some(scope.clone()),
        limits: Some(Limits { requests_per_minute: Some(3) }),
        ..KeyPatch::default()
    };
    gate.world.auth.update_key(&Acting::system(), key.id(), patch).await.unwrap();
    let principal = gate.replica.authenticate(&token).await.unwrap().principal;
    assert_eq!((principal.scope(), principal.limits.requests_per_minute), (&scope, Some(3)));
    let refused = why(gate.replica.authenticate(&narrow).await);
    assert!(refused.contains("narrowed since"), "{refused}");
    gate.world.auth.revoke_key(&Acting::system(), key.id()).await.unwrap();
    assert!(gate.replica.authenticate(&token).await.is_err());
    gate.replica.grant(&form(&id, other.expose())).await.expect(200);
}

#[actix_web::test]
async fn the_answer_is_good_for_calls() {
    let gate = Gate::open().await;
    let account = gate.account("checkout").await;
    let key = gate.key(Subject::ServiceAccount(account.id), |_| {}).await;
    let given = gate.replica.grant(&form(&account.id.to_string(), key.expose())).await.expect(200);
    let me = gate.replica.me(given["access_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(me["name"], "checkout");
    assert_eq!(me["key"], json!({ "id": key.id(), "prefix": key.id().prefix() }));
    assert_eq!(me["memberships"], json!([]));
}

#[actix_web::test]
async fn what_caches_a_keys_token_is_told_of_the_keys_end() {
    let gate = Gate::open().await;
    let account = gate.account("checkout").await;
    let key = gate.key(Subject::ServiceAccount(account.id), |_| {}).await;
    let given = gate.replica.grant(&form(&account.id.to_string(), key.expose())).await.expect(200);
    let told = gate.replica.authenticate(&given["access_token"]).await.unwrap().expires_at;
    let now = outcrop_ports::Clock::now(&*gate.world.clock);
    let own = TimeDelta::minutes(15) + outcrop_token::AccessVerifier::LEEWAY;
    assert_eq!(told, Some(now + own), "its own end");
    for (key_ends, ends) in [(TimeDelta::hours(1), own), (TimeDelta::seconds(5), TimeDelta::seconds(5))] {
        let patch = KeyPatch { expires_at: Some(Some(now + key_ends)), ..KeyPatch::default() };
        gate.world.auth.update_key(&Acting::system(), key.id(), patch).await.unwrap();
        let told = gate.replica.authenticate(&given["access_token"]).await.unwrap().expires_at;
        assert_eq!(told, Some(now + ends), "whichever is sooner");
    }
}
