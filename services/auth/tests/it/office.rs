//! Administration by people with keys: a server that asks everybody for one, as the gateway does.

use std::sync::Arc;

use actix_web::HttpMessage as _;
use outcrop_config::ServerConfig;
use outcrop_embedded::SystemIdGen;
use outcrop_http::{ApiError, Health, Layer, Server, ServerParts};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Authenticator as _, Credential};
use outcrop_types::PresentedKey;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::{World, answer, client};

pub(crate) struct Office {
    pub(crate) world: World,
    /// The first admin's key.
    pub(crate) root: String,
    url: String,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// Somebody with a key.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) key: String,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::of(World::new().await)
    }

    pub(crate) fn of(world: World) -> Self {
        let config = ServerConfig { port: 0, workers: 1, drain_ms: 1_000, ..ServerConfig::default() };
        let parts = ServerParts {
            in_flight: InFlight::default(),
            ids: Arc::new(SystemIdGen),
            layer: door(world.auth.clone()),
            health: Health::new(Vec::new()),
        };
        let server = Server::bind(&config, parts, outcrop_auth::routes(&world.auth)).unwrap();
        let (url, stop) = (format!("http://{}/admin/v1", server.addr()), CancellationToken::new());
        actix_web::rt::spawn(server.run(stop.clone()));
        let root = world.first.key.expose().to_owned();
        Self { world, root, url, client: client(), _stop: stop.drop_guard() }
    }

    /// Asks with a key. `null` is no body.
    pub(crate) async fn ask(&self, key: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> (u16, Value) {
        self.ask(key, Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(key, Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, key: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(key, Method::PUT, path, body).await
    }

    pub(crate) async fn patch(&self, key: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(key, Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, key: &str, path: &str) -> (u16, Value) {
        self.ask(key, Method::DELETE, path, Value::Null).await
    }

    /// Makes something as the first admin.
    pub(crate) async fn make(&self, path: &str, body: Value) -> Value {
        let (status, made) = self.post(&self.root, path, body).await;
        assert_eq!(status, 201, "{path}: {made}");
        made
    }

    /// A new team's id.
    pub(crate) async fn team(&self, name: &str) -> String {
        text(&self.make("/teams", json!({ "name": name })).await["id"])
    }

    /// A new member of a team, with a key of the same role.
    pub(crate) async fn person(&self, name: &str, team: &str, role: &str) -> Person {
        let user = self.make("/users", json!({ "name": name, "team": team, "role": role })).await;
        let id = text(&user["id"]);
        let key = json!({ "name": name, "team": team, "role": role, "user": id });
        Person { id, key: text(&self.make("/keys", key).await["key"]) }
    }

    /// A key like that of `key`'s bearer, narrowed: made by the bearer itself.
    pub(crate) async fn narrowed(&self, key: &str, body: Value) -> String {
        let mut asked = json!({ "name": "narrowed" });
        for (name, value) in body.as_object().unwrap() {
            asked[name.as_str()] = value.clone();
        }
        let (status, made) = self.post(key, "/keys", asked).await;
        assert_eq!(status, 201, "{made}");
        text(&made["key"])
    }

    /// Whether a key is good now.
    pub(crate) async fn is_good(&self, key: &str) -> bool {
        let credential = Credential::ApiKey(PresentedKey::parse(key).unwrap());
        self.world.auth.authenticate(&credential).await.is_ok()
    }
}

/// The path of a key's record.
pub(crate) fn key_path(key: &str) -> String {
    format!("/keys/{}", PresentedKey::parse(key).unwrap().id())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn door(auth: outcrop_auth::AuthService) -> Layer {
    Layer::new(move |request, next| {
        let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let key = given.and_then(|text| PresentedKey::parse(text.strip_prefix("Bearer ")?).ok());
        let auth = auth.clone();
        Box::pin(async move {
            if let Some(key) = key {
                match auth.authenticate(&Credential::ApiKey(key)).await {
                    Ok(found) => drop(request.extensions_mut().insert(found.principal)),
                    Err(error) => return Layer::refuse(request, ApiError::from_error(error)).await,
                }
            }
            next.call(request).await
        })
    })
}
