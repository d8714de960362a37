//! An OIDC issuer on this machine, for tests of whoever trusts one.
//!
//! It publishes a discovery document and keys, logs in without asking whoever comes to its authorization endpoint, and
//! exchanges codes for identity tokens. It checks what a client sends as strictly as the specifications allow. Its keys
//! can change, and it can be away, slow or talk too much.

mod keys;
mod pages;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

pub use keys::{IssuerKey, KeyAlgorithm};

/// What clients are known by.
pub const CLIENT_ID: &str = "outcrop-console";
/// And what they must know.
pub const CLIENT_SECRET: &str = "a client secret with /, + and =";

/// How the issuer behaves when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Fine,
    /// Every answer is a 503.
    Away,
    /// Every answer takes this long.
    Slow(Duration),
    /// Discovery document and keys are megabytes.
    Huge,
    /// The discovery document is one of another issuer.
    SomebodyElse,
}

/// A running issuer; stops when dropped.
pub struct OidcIssuer {
    url: String,
    shared: Arc<Shared>,
    stop: Option<actix_web::dev::ServerHandle>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What pages and tests share.
#[derive(Default)]
struct Shared {
    url: std::sync::OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<IssuerKey>,
    behaviour: Behaviour,
    /// Claims of whoever logs in next.
    user: Map<String, Value>,
    /// What identity tokens say in place of the truth.
    lies: Map<String, Value>,
    /// What the authorization endpoint answers in place of a code.
    refusal: Option<(String, String)>,
    codes: Vec<pages::Code>,
    /// Its time, if not that of this machine; seconds since 1970.
    now: Option<i64>,
    discoveries: usize,
    key_sets: usize,
    exchanges: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }
}

impl OidcIssuer {
    /// Starts one on a free port, with one key for this algorithm.
    #[must_use]
    pub fn start(algorithm: KeyAlgorithm) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().keys = vec![IssuerKey::new("first", algorithm)];
        let (tell, told) = std::sync::mpsc::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || pages::serve(&serving, &tell));
        #[expect(clippy::expect_used, reason = "only tests start this, and a free port can be had")]
        let (url, stop) = told.recv().expect("a free port");
        Self { url, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Its `iss`, and where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token with these claims, signed by the newest key; `iss` is its own if they do not say.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let state = self.shared.state();
        let mut all = json!({"iss": self.url});
        merge(&mut all, claims);
        state.keys.last().map(|key| key.token(&all)).unwrap_or_default()
    }

    /// Whoever logs in next has these claims.
    pub fn set_user(&self, claims: &Value) {
        self.shared.state().user = claims.as_object().cloned().unwrap_or_default();
    }

    /// Identity tokens say this from now on, whatever is true; `null` leaves a claim out.
    pub fn lie(&self, claims: &Value) {
        self.shared.state().lies = claims.as_object().cloned().unwrap_or_default();
    }

    /// It is this time there, seconds since 1970; otherwise it is that of this machine.
    pub fn set_now(&self, now: i64) {
        self.shared.state().now = Some(now);
    }

    /// The next to come to the authorization endpoint is refused so.
    pub fn refuse_next(&self, error: &str, description: &str) {
        self.shared.state().refusal = Some((error.to_owned(), description.to_owned()));
    }

    /// Signs with this key from now on, and publishes no other.
    pub fn rotate(&self, key: IssuerKey) {
        self.shared.state().keys = vec![key];
    }

    /// Signs with this key from now on, and publishes those before as well.
    pub fn add_key(&self, key: IssuerKey) {
        self.shared.state().keys.push(key);
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn key_sets(&self) -> usize {
        self.shared.state().key_sets
    }

    /// How often its discovery document was asked for.
    #[must_use]
    pub fn discoveries(&self) -> usize {
        self.shared.state().discoveries
    }

    /// How often somebody tried to exchange a code.
    #[must_use]
    pub fn exchanges(&self) -> usize {
        self.shared.state().exchanges
    }

    /// The public keys as published.
    #[must_use]
    pub fn key_set(&self) -> Value {
        pages::key_set(&self.shared.state())
    }
}

impl Drop for OidcIssuer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            drop(stop.stop(false));
        }
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for OidcIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcIssuer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Puts claims over others; `null` takes one away.
fn merge(claims: &mut Value, over: &Value) {
    let (Some(claims), Some(over)) = (claims.as_object_mut(), over.as_object()) else { return };
    for (name, value) in over {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}
