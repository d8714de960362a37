//! A platform with one team, an admin and a key.

use std::sync::Arc;

use outcrop_auth::{AuthService, FirstKey};
use outcrop_embedded::{SystemClock, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_sqlite::SqliteStore;
use outcrop_token::service_principal;
use outcrop_types::{KeyHasher, Limits, Principal, Role, Subject};
use serde_json::Value;

pub(crate) struct World {
    pub(crate) auth: AuthService,
    pub(crate) first: FirstKey,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        let store = Arc::new(store);
        let hasher = KeyHasher::new(&[7; 32]).unwrap();
        let clock = Arc::new(SystemClock::default());
        let auth = AuthService::new(Arc::clone(&store) as _, store, hasher, clock, Arc::new(SystemIdGen));
        let first = auth.bootstrap_if_empty().await.unwrap().expect("an empty platform");
        Self { auth, first, _folder: folder }
    }

    /// Somebody of the first team in this role.
    pub(crate) fn caller(&self, role: Role) -> Principal {
        let subject = Subject::User(self.first.admin.id);
        Principal { subject, team: self.first.team.id, role, key: None, limits: Limits::default() }
    }

    /// The public routes as this caller sees them.
    pub(crate) fn serve(&self, caller: Principal) -> TestServer {
        TestServer::start(Some(caller), Arc::new(SystemIdGen), Vec::new(), outcrop_auth::routes(&self.auth))
    }

    /// The routes for other services, as the gateway sees them.
    pub(crate) fn serve_internal(&self) -> TestServer {
        self.serve_internal_to(Some(service_principal("gateway")))
    }

    /// The routes for other services as this caller sees them.
    pub(crate) fn serve_internal_to(&self, caller: Option<Principal>) -> TestServer {
        TestServer::start(
            caller,
            Arc::new(SystemIdGen),
            Vec::new(),
            outcrop_auth::internal_routes(&self.auth),
        )
    }
}

/// Status and body of an answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(std::time::Duration::from_secs(10)).build().unwrap()
}
