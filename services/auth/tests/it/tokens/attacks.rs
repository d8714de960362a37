//! Tokens that should not be taken, each refused in the same words and logged once, with what is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use outcrop_token::{AccessClaims, Algorithm, SigningKey, sign};
use outcrop_types::{Role, SessionId, Subject, TeamId};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::gate::{Gate, send, with_form};
use super::log;
use super::signing::pem;
use crate::world::World;

const ISSUER: &str = "http://127.0.0.1:8080";

/// A platform whose signing key the attacker's test bench knows, so that single claims can be wrong.
struct Bench {
    gate: Gate,
    key: SigningKey,
    claims: AccessClaims,
}

impl Bench {
    async fn new(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm, Some("ours")).unwrap();
        let key = SigningKey::from_pem(None, &pem(&key)).unwrap();
        let world = World::with(|_, options| options.signing_key = Some(pem(&key).into())).await;
        let gate = Gate::of(world);
        let user = gate.person("ada", Role::Developer).await;
        let now = gate.world.ports.clock.now();
        let claims = AccessClaims {
            issuer: ISSUER.into(),
            audience: "outcrop".into(),
            subject: Subject::User(user.id),
            team: gate.world.first.team.id,
            role: Role::Developer,
            scope: None,
            granted: Vec::new(),
            limits: outcrop_types::Limits::default(),
            key: None,
            session: None,
            id: Uuid::from_u128(1),
            issued_at: now,
            expires_at: now + TimeDelta::minutes(15),
        };
        Self { gate, key, claims }
    }

    fn signed(&self, change: impl FnOnce(&mut AccessClaims)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        sign(&self.key, &claims).unwrap()
    }

    /// A token with this header and payload, and a signature of something else.
    fn put_together(&self, header: &Value, payload: &str) -> String {
        let good = self.signed(|_| {});
        let signature = good.rsplit('.').next().unwrap();
        format!("{}.{}.{signature}", encode(&header.to_string()), encode(payload))
    }

    fn payload(&self) -> Value {
        let good = self.signed(|_| {});
        let payload = URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }

    fn header(&self, change: &Value) -> Value {
        let mut header =
            json!({ "typ": "at+jwt", "alg": self.key.algorithm().name(), "kid": self.key.kid() });
        for (name, value) in change.as_object().unwrap() {
            header[name.as_str()] = value.clone();
        }
        header
    }

    /// Signed with what everybody can read as if it were a shared secret.
    fn confused(&self) -> String {
        let header = self.header(&json!({ "alg": "HS256" }));
        let message = format!("{}.{}", encode(&header.to_string()), encode(&self.payload().to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.public_jwk().to_json().as_bytes()).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// What is wrong, the token, and what the log must say.
    fn table(&self) -> Vec<(&'static str, String, &'static str)> {
        let payload = self.payload().to_string();
        let raised = payload.replace("\"developer\"", "\"platform_admin\"");
        let twice = payload.replacen('{', "{\"role\":\"platform_admin\",", 1);
        let with = |change: Value| self.put_together(&self.header(&change), &payload);
        let good = self.signed(|_| {});
        let theirs = SigningKey::generate(self.key.algorithm(), Some(self.key.kid())).unwrap();
        let stranger = SigningKey::generate(self.key.algorithm(), Some("theirs")).unwrap();
        let (head, _) = good.rsplit_once('.').unwrap();
        vec![
            ("alg none", with(json!({ "alg": "none" })), "`alg`"),
            ("alg None", with(json!({ "alg": "NoNe" })), "`alg`"),
            ("no signature", format!("{head}."), "signature"),
            ("two parts", head.to_owned(), "parts"),
            ("a shared secret that is public", self.confused(), "`alg`"),
            ("another algorithm", with(json!({ "alg": "ES256" })), "`alg`"),
            ("an unknown kid", sign(&stranger, &self.claims).unwrap(), "none of the keys"),
            ("a path as kid", with(json!({ "kid": "../../../dev/null" })), "none of the keys"),
            ("SQL as kid", with(json!({ "kid": "'OR'1'='1'--" })), "none of the keys"),
            ("a newline in kid", with(json!({ "kid": "a\nb" })), "`kid`"),
            ("an object as kid", with(json!({ "kid": {} })), "`kid`"),
            ("no kid", with(json!({ "kid": null })), "`kid`"),
            ("our kid, another key", sign(&theirs, &self.claims).unwrap(), "signature is not by the key"),
            ("a key brought along", with(json!({ "jwk": { "kty": "OKP" } })), "`jwk`"),
            ("a key to be fetched", with(json!({ "jku": "https://evil.example/jwks" })), "`jku`"),
            ("a header that is critical", with(json!({ "crit": ["exp"] })), "`crit`"),
            ("a nested token", with(json!({ "cty": "JWT" })), "`cty`"),
            ("an encrypted token", format!("{good}.x.y"), "parts"),
            ("a token for another purpose", with(json!({ "typ": "JWT" })), "another purpose"),
            ("another audience", self.signed(|it| it.audience = "elsewhere".into()), "`aud`"),
            ("another issuer", self.signed(|it| it.issuer = "https://evil.example".into()), "issuer"),
            ("an issuer much like ours", self.signed(|it| it.issuer = format!("{ISSUER}/")), "issuer"),
            (
                "expired",
                self.signed(|it| {
                    it.issued_at -= TimeDelta::hours(1);
                    it.expires_at = it.issued_at + TimeDelta::minutes(15);
                }),
                "expired",
            ),
            ("not yet valid", self.signed(|it| it.issued_at += TimeDelta::minutes(1)), "future"),
            (
                "a raised role",
                self.put_together(&self.header(&json!({})), &raised),
                "signature is not by the key",
            ),
            ("a claim given twice", self.put_together(&self.header(&json!({})), &twice), "payload"),
            ("much too long", format!("{head}{}.x", "A".repeat(20_000)), "bytes long"),
            ("padding", format!("{good}="), "base64url"),
            ("deep JSON", self.put_together(&self.header(&json!({})), &"[".repeat(500)), "payload"),
            (
                "a login that never was",
                self.signed(|it| {
                    it.session = Some(SessionId::new(Uuid::from_u128(9)));
                }),
                "login is not there",
            ),
            ("another team", self.signed(|it| it.team = TeamId::new(Uuid::from_u128(9))), "may not act"),
        ]
    }
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[actix_web::test]
async fn what_should_not_be_taken_is_refused_in_the_same_words_and_logged_once() {
    log::keep();
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm).await;
        let replica = &bench.gate.replica;
        replica.me(&bench.signed(|_| {})).await.expect(200);
        for (at, (what, token, reason)) in bench.table().into_iter().enumerate() {
            let id = format!("attack-{}-{at}-", algorithm.name());
            let request = replica.request(Method::GET, "/auth/me").bearer_auth(&token);
            let answer = send(request.header("x-request-id", &id)).await;
            let expected = json!({ "title": answer.body["title"], "detail": "the credential is not valid" });
            let told = json!({ "title": answer.body["title"], "detail": answer.body["detail"] });
            assert_eq!((answer.status, told), (401, expected), "{what}: {answer:#?}");
            let lines = log::lines_of(&id);
            assert_eq!(lines.len(), 1, "{what}: {lines:#?}");
            assert!(lines[0].contains(reason), "{what}: {lines:#?}");
        }
    }
    let (all, key) = (log::everything(), "ocr_");
    assert!(!all.contains(key) && !all.contains(super::gate::PASSWORD), "a secret is in the log");
}

#[actix_web::test]
async fn a_refused_login_is_logged_once_with_its_reason_and_without_what_was_typed() {
    log::keep();
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    for (id, name, password, reason) in [
        ("login-unknown-", "nobody-of-this-name", "a password that was typed", "nobody has this name"),
        ("login-wrong-", "ada", "a password that was typed", "the password is wrong"),
    ] {
        let form = super::gate::password_form(name, password);
        let request = gate.replica.request(Method::POST, "/auth/token").header("x-request-id", id);
        assert_eq!(send(with_form(request, &form)).await.refused(400), "invalid_grant");
        let lines = log::lines_of(id);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains(reason) && lines[0].contains("127.0.0.1"), "{lines:#?}");
        assert!(!lines[0].contains(name) && !lines[0].contains(password), "{lines:#?}");
    }
}
