//! What signs access tokens, and how it is replaced, by several replicas on one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_auth::AuthService;
use outcrop_config::TokenAlgorithm;
use outcrop_embedded::MemoryChanges;
use outcrop_ports::{Changed, PortError, Refused, SigningKeyStore};
use outcrop_token::{AccessVerifier, Algorithm, JwkSet, SigningKey, VerifyingKey};
use outcrop_types::{AuditDraft, Change, Permission, Role, StoredSigningKey, Subject};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::gate::{Answer, Gate, Replica, why};
use crate::world::World;

/// A key as an operator has it: PEM.
pub(crate) fn pem(key: &SigningKey) -> String {
    let body = STANDARD.encode(key.to_pkcs8().expose_secret());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

fn header(token: &Value) -> Value {
    let (header, _) = token.as_str().unwrap().split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

fn kid(token: &Value) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

async fn token(gate: &Gate, replica: &Replica) -> Value {
    let form = super::gate::password_form("ada", super::gate::PASSWORD);
    // Attempts are counted; time goes on between them.
    gate.world.clock.advance(TimeDelta::seconds(1));
    replica.grant(&form).await.expect(200)["access_token"].clone()
}

async fn kids(replica: &Replica) -> Vec<String> {
    let keys = replica.get("/.well-known/jwks.json").await.expect(200);
    let keys = keys["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn rotate(replica: &Replica, key: &str, body: Value) -> Answer {
    replica.ask(key, Method::POST, "/admin/v1/signing-keys/rotate", &body).await
}

async fn stored(gate: &Gate) -> usize {
    gate.world.ports.signing_keys.list_signing_keys().await.unwrap().len()
}

async fn gate_with_ada(world: World) -> Gate {
    let gate = Gate::of(world);
    gate.person("ada", Role::Developer).await;
    gate
}

async fn open() -> Gate {
    gate_with_ada(World::with(|_, options| options.attempts_per_account = 1_000).await).await
}

#[actix_web::test]
async fn others_check_our_tokens_with_what_we_publish() {
    let gate = open().await;
    let token = token(&gate, &gate.replica).await;
    let published = gate.replica.get("/.well-known/jwks.json").await;
    assert_eq!(published.header("cache-control"), "public, max-age=300");
    let body = published.expect(200);
    assert_eq!((&body["keys"][0]["alg"], &body["keys"][0]["d"]), (&json!("EdDSA"), &Value::Null));
    let set = JwkSet::parse(body.to_string().as_bytes()).unwrap();
    let keys: Vec<_> = set.keys().iter().map(|key| VerifyingKey::from_jwk(key.clone()).unwrap()).collect();
    let verifier = AccessVerifier::new("http://127.0.0.1:8080", "outcrop");
    let claims = verifier.verify(token.as_str().unwrap(), &keys, gate.world.ports.clock.now()).unwrap();
    assert_eq!((claims.team, claims.role), (gate.world.first.team.id, Role::Developer));
    assert_eq!(header(&token)["typ"], "at+jwt");
}

#[actix_web::test]
async fn clients_find_where_everything_is() {
    let world = World::with(|_, options| options.public_url = "https://ai.example.com".into()).await;
    let gate = Gate::of(world);
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let found = gate.replica.get(path).await;
        assert_eq!(found.header("cache-control"), "public, max-age=300", "{path}");
        let found = found.expect(200);
        assert_eq!(found["issuer"], "https://ai.example.com", "{path}");
        assert_eq!(found["token_endpoint"], "https://ai.example.com/auth/token");
        assert_eq!(found["jwks_uri"], "https://ai.example.com/.well-known/jwks.json");
        assert_eq!(
            found["grant_types_supported"],
            json!(["password", "refresh_token", "client_credentials", "aws_iam"])
        );
        assert_eq!(found["response_types_supported"], json!([]));
        assert!(found["scopes_supported"].as_array().unwrap().contains(&json!("inference:invoke")));
    }
    let found = gate.replica.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(found["id_token_signing_alg_values_supported"], json!(["EdDSA"]));
}

#[actix_web::test]
async fn replicas_share_one_key_and_replace_it_without_a_gap() {
    let gate = open().await;
    let other = gate.another();
    let first = token(&gate, &gate.replica).await;
    assert_eq!(kid(&token(&gate, &other).await), kid(&first), "both sign with the one key");
    assert!(other.authenticate(&first).await.is_ok());

    gate.world.clock.advance(TimeDelta::days(30));
    let (one, two) = tokio::join!(kids(&gate.replica), kids(&other));
    assert_eq!(stored(&gate).await, 2, "of two that replace it at once one does");
    gate.world.clock.advance(TimeDelta::seconds(31));
    let (one_later, two_later) = tokio::join!(kids(&gate.replica), kids(&other));
    assert_eq!((one_later.len(), &one_later), (2, &two_later), "published before it signs: {one:?} {two:?}");
    let before = token(&gate, &gate.replica).await;
    assert_eq!(kid(&before), kid(&first));

    gate.world.clock.advance(TimeDelta::minutes(10));
    let after = token(&gate, &gate.replica).await;
    assert_eq!(kid(&after), one_later[0], "the newest is listed first");
    for replica in [&gate.replica, &other] {
        assert!(replica.authenticate(&after).await.is_ok());
        assert!(replica.authenticate(&before).await.is_ok(), "what the old key signed is good to its end");
    }
    gate.world.clock.advance(TimeDelta::minutes(20));
    assert_eq!(kids(&other).await, [kid(&after)], "the old one is over");
    assert_eq!(stored(&gate).await, 2);
}

#[actix_web::test]
async fn a_replica_learns_of_a_key_that_another_one_made() {
    let gate = open().await;
    let other = gate.another();
    let root = gate.world.first.key.expose().to_owned();
    let old = token(&gate, &gate.replica).await;
    assert!(other.authenticate(&old).await.is_ok());
    rotate(&gate.replica, &root, json!({ "revoke_old": true })).await.expect(201);
    let new = token(&gate, &gate.replica).await;
    assert_ne!(kid(&new), kid(&old));
    assert!(other.authenticate(&new).await.is_ok(), "made elsewhere since it last read");
    assert_eq!(
        why(other.authenticate(&old).await),
        "none of the keys at hand is the one that signed the token",
        "it read of the loss as well"
    );
}

#[actix_web::test]
async fn a_lost_key_is_believed_nowhere_once_it_is_declared_so() {
    let changes = MemoryChanges::default();
    let world = World::with(|ports, _| ports.changes = Arc::new(changes.clone())).await;
    let gate = gate_with_ada(world).await;
    let (listening, deaf) = (gate.another(), gate.another());
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (auth, stop) = (listening.auth.clone(), stop.clone());
        async move { auth.run(stop).await }
    });
    let root = gate.world.first.key.expose().to_owned();
    let old = token(&gate, &gate.replica).await;
    for replica in [&listening, &deaf] {
        assert!(replica.authenticate(&old).await.is_ok());
    }
    let made = rotate(&gate.replica, &root, json!({ "revoke_old": true })).await.expect(201);
    assert_eq!(made["state"], "signing", "there is no time to publish it before");
    assert!(gate.replica.authenticate(&old).await.is_err());
    let heard = async {
        while listening.authenticate(&old).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("it hears of it");
    // Time stands still: only what was heard made the one read anew. The other reads by itself, half a minute later.
    assert!(deaf.authenticate(&old).await.is_ok());
    gate.world.clock.advance(TimeDelta::seconds(31));
    assert!(deaf.authenticate(&old).await.is_err());
    assert_eq!(kids(&deaf).await, [made["kid"].as_str().unwrap()]);
    stop.cancel();
    running.await.unwrap();
    let audited = gate.audited().await;
    let of = |action: &str| audited.iter().filter(|it| *it == action).count();
    assert_eq!((of("signing_key.create"), of("signing_key.revoke")), (2, 1));
}

#[actix_web::test]
async fn losing_a_key_is_told_to_everybody_and_replacing_one_to_nobody() {
    let gate = open().await;
    let root = gate.world.first.key.expose().to_owned();
    token(&gate, &gate.replica).await;
    gate.world.announced.take();
    let made = rotate(&gate.replica, &root, json!({})).await.expect(201);
    assert_eq!(made["state"], "next");
    assert_eq!(gate.world.announced.take(), []);
    rotate(&gate.replica, &root, json!({ "revoke_old": true })).await.expect(201);
    assert_eq!(gate.world.announced.take(), [Change::Everything]);
    let listed = gate.replica.ask(&root, Method::GET, "/admin/v1/signing-keys", &json!({})).await.expect(200);
    let states: Vec<_> = listed["data"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["signing", "revoked", "revoked"], "one that was yet to sign is lost too");
    assert!(listed.to_string().find("sealed").is_none() && listed.to_string().find("\"d\"").is_none());
}

#[actix_web::test]
async fn only_who_runs_the_platform_touches_its_keys() {
    let gate = open().await;
    for role in [Role::TeamAdmin, Role::Developer] {
        let user = gate.person(role.name(), role).await;
        let key = gate.key(outcrop_types::Subject::User(user.id), |new| new.role = Some(role)).await;
        rotate(&gate.replica, key.expose(), json!({})).await.expect(403);
        let path = "/admin/v1/signing-keys";
        gate.replica.ask(key.expose(), Method::GET, path, &json!({})).await.expect(403);
    }
    let root = gate.world.first.key.expose().to_owned();
    let refused = rotate(&gate.replica, &root, json!({ "revoke_all": true })).await;
    assert_eq!(refused.expect(400)["param"], "revoke_all");
}

#[actix_web::test]
async fn another_algorithm_takes_over_by_a_key_of_its_own() {
    let gate = open().await;
    let old = token(&gate, &gate.replica).await;
    let mut options = gate.world.options.clone();
    options.algorithm = TokenAlgorithm::Rs256;
    let modern = Replica::serve(AuthService::new(gate.world.ports.clone(), options));
    assert_eq!(header(&token(&gate, &modern).await)["alg"], "EdDSA", "its key is yet to be published");
    gate.world.clock.advance(TimeDelta::minutes(10));
    let new = token(&gate, &modern).await;
    assert_eq!(header(&new)["alg"], "RS256");
    assert!(modern.authenticate(&old).await.is_ok());
    assert!(gate.replica.authenticate(&new).await.is_ok(), "a replica with the old setting takes it");
    let found = modern.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(found["id_token_signing_alg_values_supported"], json!(["EdDSA", "RS256"]));
}

#[actix_web::test]
async fn the_operators_key_signs_alone() {
    let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    let world = World::with(|_, options| options.signing_key = Some(pem(&key).into())).await;
    let gate = gate_with_ada(world).await;
    gate.replica.auth.check_signing_key().unwrap();
    let given = token(&gate, &gate.replica).await;
    assert_eq!(kid(&given), key.kid());
    assert!(gate.replica.authenticate(&given).await.is_ok());
    assert_eq!((kids(&gate.replica).await, stored(&gate).await), (vec![key.kid().to_owned()], 0));
    let root = gate.world.first.key.expose().to_owned();
    rotate(&gate.replica, &root, json!({})).await.expect(409);
}

#[actix_web::test]
async fn an_operators_key_that_cannot_be_used_is_told_at_the_start() {
    let good = pem(&SigningKey::generate(Algorithm::EdDsa, None).unwrap());
    let second = format!("{good}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    for (setting, number) in [("no PEM".to_owned(), 1), (second, 2), (format!("{good}{good}no PEM"), 2)] {
        let world = World::with(|_, options| options.signing_key = Some(setting.into())).await;
        let error = world.auth.check_signing_key().unwrap_err();
        assert_eq!(error.to_string(), format!("key {number} of `auth.signing_key` cannot be used"));
    }
}

#[actix_web::test]
async fn an_operators_key_takes_over_from_another() {
    let old = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    let new = SigningKey::generate(Algorithm::Rs256, None).unwrap();
    let world = World::with(|_, options| options.signing_key = Some(pem(&old).into())).await;
    let gate = gate_with_ada(world).await;
    let with = |first: &SigningKey, second: &SigningKey| {
        let mut options = gate.world.options.clone();
        options.signing_key = Some(format!("{}{}", pem(first), pem(second)).into());
        Replica::serve(AuthService::new(gate.world.ports.clone(), options))
    };
    let (ready, after) = (with(&old, &new), with(&new, &old));
    let by_old = token(&gate, &gate.replica).await;
    let by_new = token(&gate, &after).await;
    assert_eq!((kid(&by_old), kid(&by_new)), (old.kid().to_owned(), new.kid().to_owned()));
    assert_eq!(kid(&token(&gate, &ready).await), old.kid(), "the first one signs");
    for replica in [&ready, &after] {
        assert!(replica.authenticate(&by_old).await.is_ok(), "what is out stays good");
        assert!(replica.authenticate(&by_new).await.is_ok(), "replicas that roll over believe each other");
    }
    assert_eq!(kids(&ready).await, [old.kid(), new.kid()]);
    assert_eq!(kids(&after).await, [new.kid(), old.kid()]);
    let found = after.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(found["id_token_signing_alg_values_supported"], json!(["EdDSA", "RS256"]));
    let unknown = why(gate.replica.authenticate(&by_new).await);
    assert_eq!(unknown, "none of the keys at hand is the one that signed the token", "not told of it");
}

fn payload(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[actix_web::test]
async fn a_token_lists_what_it_is_good_for() {
    let gate = open().await;
    let form = super::gate::password_form("ada", super::gate::PASSWORD);
    let whole = gate.replica.grant(&form).await.expect(200);
    assert_eq!(whole["scope"], "inference:invoke models:read jobs:write jobs:read usage:read mcp:use");
    assert_eq!(payload(&whole["access_token"])["scope"], whole["scope"]);
    let found = gate.replica.authenticate(&whole["access_token"]).await.unwrap();
    assert!(found.principal.scope.is_none(), "which narrows nothing: {:?}", found.principal);
    gate.world.clock.advance(TimeDelta::seconds(1));
    let narrow = [&form[..], &[("scope", "jobs:read models:read")]].concat();
    let narrow = gate.replica.grant(&narrow).await.expect(200);
    assert_eq!(payload(&narrow["access_token"])["scope"], narrow["scope"]);
    let found = gate.replica.authenticate(&narrow["access_token"]).await.unwrap();
    assert_eq!(
        found.principal.scope().permissions,
        Some(vec![Permission::ReadModels, Permission::ReadJobs]),
        "which does"
    );
}

#[actix_web::test]
async fn a_keys_token_lists_only_what_the_role_has_too() {
    let gate = open().await;
    let account = gate.account("checkout").await;
    let beyond = vec![Permission::ReadUsage, Permission::ReadModels];
    let key = gate.key(Subject::ServiceAccount(account.id), |new| new.scope.permissions = Some(beyond)).await;
    let id = account.id.to_string();
    let form =
        [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", key.expose())];
    let given = gate.replica.grant(&form).await.expect(200);
    assert_eq!(given["scope"], "models:read");
    assert_eq!(payload(&given["access_token"])["scope"], "models:read");
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_ok());
}

/// A store that counts how often the keys are read.
struct Counting {
    store: Arc<dyn SigningKeyStore>,
    reads: AtomicUsize,
}

#[async_trait]
impl SigningKeyStore for Counting {
    async fn list_signing_keys(&self) -> Result<Vec<StoredSigningKey>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.list_signing_keys().await
    }

    async fn insert_signing_key(
        &self,
        key: &StoredSigningKey,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.store.insert_signing_key(key, audit).await
    }

    async fn revoke_signing_key(
        &self,
        kid: &str,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.store.revoke_signing_key(kid, now, audit).await
    }

    async fn prune_signing_keys(&self, before: DateTime<Utc>) -> Result<u64, PortError> {
        self.store.prune_signing_keys(before).await
    }
}

#[actix_web::test]
async fn made_up_key_names_cost_the_store_one_look_a_second() {
    let gate = open().await;
    let store = gate.world.ports.signing_keys.clone();
    let counting = Arc::new(Counting { store, reads: AtomicUsize::new(0) });
    let mut ports = gate.world.ports.clone();
    ports.signing_keys = counting.clone();
    let replica = Replica::serve(AuthService::new(ports, gate.world.options.clone()));
    let good = token(&gate, &replica).await;
    let read = || counting.reads.swap(0, Ordering::SeqCst);
    read();
    let forged = |kid: &str| {
        let [header, rest @ ..] = &good.as_str().unwrap().split('.').collect::<Vec<_>>()[..] else {
            panic!("no token: {good}")
        };
        let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        header["kid"] = json!(kid);
        json!(format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), rest.join(".")))
    };
    for _ in 0..3 {
        for number in 0..20 {
            assert!(replica.authenticate(&forged(&format!("key{number}"))).await.is_err());
        }
        assert_eq!(read(), 1);
        gate.world.clock.advance(TimeDelta::seconds(1));
    }
    assert!(replica.authenticate(&good).await.is_ok());
    assert_eq!(read(), 0, "a good one costs nothing");
}

/// A store that is away.
struct Away;

fn away() -> PortError {
    PortError::unavailable("read the signing keys", "this store is away")
}

#[async_trait]
impl SigningKeyStore for Away {
    async fn list_signing_keys(&self) -> Result<Vec<StoredSigningKey>, PortError> {
        Err(away())
    }

    async fn insert_signing_key(&self, _: &StoredSigningKey, _: &AuditDraft) -> Result<Changed, PortError> {
        Err(away())
    }

    async fn revoke_signing_key(
        &self,
        _: &str,
        _: DateTime<Utc>,
        _: &AuditDraft,
    ) -> Result<Changed, PortError> {
        Err(away())
    }

    async fn prune_signing_keys(&self, _: DateTime<Utc>) -> Result<u64, PortError> {
        Err(away())
    }
}

#[actix_web::test]
async fn without_keys_nobody_can_tell() {
    let gate = open().await;
    let good = token(&gate, &gate.replica).await;
    let mut ports = gate.world.ports.clone();
    ports.signing_keys = Arc::new(Away);
    let blind = Replica::serve(AuthService::new(ports, gate.world.options.clone()));
    assert!(matches!(blind.authenticate(&good).await, Err(Refused::Unknown { .. })), "never a 401");
    let form = super::gate::password_form("ada", super::gate::PASSWORD);
    assert_eq!(blind.grant(&form).await.refused(503), "temporarily_unavailable");
    blind.get("/.well-known/jwks.json").await.expect(503);
}
