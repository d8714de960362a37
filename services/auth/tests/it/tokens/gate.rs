//! A server before which every credential is checked, as by the gateway, and people who have passwords.

use std::sync::Arc;

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceRequest;
use outcrop_auth::{Acting, AuthService, NewKey, NewServiceAccount, NewUser};
use outcrop_config::ServerConfig;
use outcrop_embedded::SystemIdGen;
use outcrop_http::{ApiError, Health, Layer, Server, ServerParts, SessionCookie};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Authenticated, Authenticator as _, Credential, Refused};
use outcrop_types::{Limits, PresentedKey, Role, Scope, ServiceAccount, Subject, Team, TeamId, User};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::{World, client};

/// Good enough for everybody here.
pub(crate) const PASSWORD: &str = "a horse, a battery, a staple";

/// A platform and a server in front of it.
pub(crate) struct Gate {
    pub(crate) world: World,
    pub(crate) replica: Replica,
}

/// One process of the service. Several can share a platform.
pub(crate) struct Replica {
    pub(crate) auth: AuthService,
    url: String,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, of an answer with this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        self.body
    }

    /// The error's word, of a refusal with this status.
    pub(crate) fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:#?}");
        self.body["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect()
    }
}

impl Gate {
    pub(crate) async fn open() -> Self {
        Self::of(World::new().await)
    }

    pub(crate) fn of(world: World) -> Self {
        let replica = Replica::serve(world.auth.clone());
        Self { world, replica }
    }

    /// Another process on the same stores.
    pub(crate) fn another(&self) -> Replica {
        Replica::serve(AuthService::new(self.world.ports.clone(), self.world.options.clone()))
    }

    /// Somebody in the first team, with a password.
    pub(crate) async fn person(&self, name: &str, role: Role) -> User {
        self.person_in(name, self.world.first.team.id, role).await
    }

    pub(crate) async fn person_in(&self, name: &str, team: TeamId, role: Role) -> User {
        let (user, invitation) = self.invited(name, team, role).await;
        let accept = json!({ "invitation": invitation, "password": PASSWORD });
        self.replica.post("/auth/password", &accept).await.expect(204);
        user
    }

    /// Somebody who is yet to set a password, and the invitation to.
    pub(crate) async fn invited(&self, name: &str, team: TeamId, role: Role) -> (User, String) {
        let new = NewUser { name: name.into(), email: None, team: Some(team), role: Some(role) };
        let made = self.world.auth.create_user(&Acting::system(), new).await.unwrap();
        (made.user, made.invited.presented.expose().to_owned())
    }

    pub(crate) async fn team(&self, name: &str) -> Team {
        self.world.auth.create_team(&Acting::system(), name).await.unwrap()
    }

    /// A program of the first team.
    pub(crate) async fn account(&self, name: &str) -> ServiceAccount {
        let team = Some(self.world.first.team.id);
        let new = NewServiceAccount { name: name.into(), team, role: Some(Role::Service) };
        self.world.auth.create_service_account(&Acting::system(), new).await.unwrap()
    }

    /// A key of the first team.
    pub(crate) async fn key(&self, subject: Subject, change: impl FnOnce(&mut NewKey)) -> PresentedKey {
        let mut new = NewKey {
            name: "key".into(),
            team: Some(self.world.first.team.id),
            subject: Some(subject),
            role: Some(Role::Service),
            scope: Scope::default(),
            limits: Limits::default(),
            tags: std::collections::BTreeMap::new(),
            expires_at: None,
        };
        change(&mut new);
        self.world.auth.create_key(&Acting::system(), new).await.unwrap().0
    }

    /// The first tokens of a login.
    pub(crate) async fn log_in(&self, name: &str) -> Value {
        self.replica.grant(&password_form(name, PASSWORD)).await.expect(200)
    }

    /// Actions in the audit log, oldest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let rows = self.world.ports.audit.read_audit_chain(0, 1_000).await.unwrap();
        rows.into_iter().map(|row| row.action).collect()
    }
}

impl Replica {
    pub(crate) fn serve(auth: AuthService) -> Self {
        let config = ServerConfig { port: 0, workers: 1, drain_ms: 1_000, ..ServerConfig::default() };
        let parts = ServerParts {
            in_flight: InFlight::default(),
            ids: Arc::new(SystemIdGen),
            layer: door(auth.clone()),
            health: Health::new(Vec::new()),
        };
        let server = Server::bind(&config, parts, outcrop_auth::routes(&auth)).unwrap();
        let (url, stop) = (format!("http://{}", server.addr()), CancellationToken::new());
        actix_web::rt::spawn(server.run(stop.clone()));
        Self { auth, url, client: client(), _stop: stop.drop_guard() }
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(reqwest::Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// Asks for a token with a form.
    pub(crate) async fn grant(&self, form: &[(&str, &str)]) -> Answer {
        send(with_form(self.request(reqwest::Method::POST, "/auth/token"), form)).await
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.grant(&[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())]).await
    }

    /// Who somebody with this token or key is.
    pub(crate) async fn me(&self, bearer: &str) -> Answer {
        send(self.request(reqwest::Method::GET, "/auth/me").bearer_auth(bearer)).await
    }

    /// Asks as somebody.
    pub(crate) async fn ask(
        &self,
        bearer: &str,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        send(self.request(method, path).bearer_auth(bearer).json(body)).await
    }

    /// What the service says of a token.
    pub(crate) async fn authenticate(&self, token: &Value) -> Result<Authenticated, Refused> {
        self.auth.authenticate(&Credential::Token(token.as_str().unwrap().into())).await
    }
}

pub(crate) fn password_form<'a>(name: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", "password"), ("username", name), ("password", password)]
}

/// A request with this form as its body.
pub(crate) fn with_form(request: reqwest::RequestBuilder, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answer { status, headers, body }
}

/// Why a credential was refused.
pub(crate) fn why(refused: Result<Authenticated, Refused>) -> String {
    match refused {
        Err(Refused::Invalid { why }) => why.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

fn door(auth: AuthService) -> Layer {
    Layer::new(move |request, next| {
        let credential = credential(&request);
        let auth = auth.clone();
        Box::pin(async move {
            if let Some(credential) = credential {
                match auth.authenticate(&credential).await {
                    Ok(found) => drop(request.extensions_mut().insert(found.principal)),
                    Err(error) => return Layer::refuse(request, ApiError::from_error(error)).await,
                }
            }
            next.call(request).await
        })
    })
}

fn credential(request: &ServiceRequest) -> Option<Credential> {
    let public = ["/auth/token", "/auth/login", "/auth/logout", "/auth/password"];
    if public.contains(&request.path()) || request.path().starts_with("/.well-known") {
        return None;
    }
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    match given.and_then(|text| text.strip_prefix("Bearer ")) {
        Some(text) => Some(match PresentedKey::parse(text) {
            Ok(key) => Credential::ApiKey(key),
            Err(_) if text.contains('.') => Credential::Token(text.into()),
            Err(_) => Credential::Static(text.into()),
        }),
        None => {
            let https =
                ServerConfig { public_url: Some("https://x.example".into()), ..ServerConfig::default() };
            [ServerConfig::default(), https]
                .iter()
                .find_map(|config| SessionCookie::of(config).read(request.headers()))
                .map(Credential::Session)
        }
    }
}
