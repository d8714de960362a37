//! A session, as this server knows it; and how it is found by what a request shows.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_ports::{IdGen, McpOpened, McpSessionKey};
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{ClientCapabilities, Implementation, LogLevel, RpcError, Version, code};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::store_error;
use crate::halt::refusal;
use crate::server::Inner;
use crate::{Caller, Client};

/// The header in which a session is shown.
pub(super) const HEADER: &str = "mcp-session-id";
/// What the secret of a session begins with.
const PREFIX: &str = "mcps_";
/// Longest text that is taken for a secret of ours, bytes.
const MAX_SECRET: usize = 128;
/// How often a change is tried that somebody else's change gets in the way of.
const TRIES: usize = 8;
/// When to come back that has too many sessions.
const FLOOD_PAUSE: Duration = Duration::from_secs(60);
/// What clients hear that did not say how much they want to be told.
const UNSAID: LogLevel = LogLevel::Info;

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The revision that was agreed on.
    pub version: Version,
    /// Who the client says it is, clipped.
    pub info: Implementation,
    /// What the client offers: the names alone.
    pub capabilities: ClientCapabilities,
    /// Whether the client has said that it is ready.
    #[serde(default)]
    pub initialized: bool,
    /// What the client wants to be told.
    #[serde(default)]
    pub log_level: Option<LogLevel>,
    /// The resources it is told of, each with what [`Catalog::watch`](crate::Catalog) said when it asked for that.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, String>,
    /// The stream on which it is told: the one that was opened last.
    #[serde(default)]
    pub news: Option<Uuid>,
}

impl State {
    /// A session that begins.
    pub(super) fn new(version: Version, info: Implementation, capabilities: ClientCapabilities) -> Self {
        Self {
            version,
            info,
            capabilities,
            initialized: false,
            log_level: None,
            subscriptions: BTreeMap::new(),
            news: None,
        }
    }

    /// The program at the other end.
    pub(super) fn client(&self) -> Client {
        Client {
            version: self.version,
            info: self.info.clone(),
            capabilities: self.capabilities.clone(),
            log_level: Some(self.log_level.unwrap_or(UNSAID)),
        }
    }

    fn write(&self) -> Result<Bytes, RpcError> {
        serde_json::to_vec(self).map(Bytes::from).map_err(|error| broken(&error))
    }

    fn read(bytes: &[u8]) -> Result<Self, RpcError> {
        serde_json::from_slice(bytes).map_err(|error| broken(&error))
    }
}

/// A session that a request belongs to.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Its name in the store.
    pub key: McpSessionKey,
    /// Whose it is.
    pub owner: String,
    /// What is known of it.
    pub state: State,
    /// The last letter that was there.
    pub letters: u64,
    revision: u64,
}

/// Opens a session; its secret.
pub(super) async fn open(server: &Inner, caller: &Caller, state: &State) -> Result<String, RpcError> {
    let secret = new_secret(&*server.ports.ids);
    let (sessions, ttl) = (&server.ports.sessions, server.options.session_ttl);
    let opened = sessions.open(&key_of(&secret), &owner(caller), state.write()?, ttl).await;
    match opened.map_err(store_error)? {
        McpOpened::Yes => Ok(secret),
        McpOpened::TooMany => {
            let words = "there are as many sessions as you may have at once; end one with DELETE, or wait";
            Err(refusal(ApiError::new(ErrorCode::RateLimited, words).with_retry_after(FLOOD_PAUSE)))
        }
    }
}

/// The session that a request shows, whose time begins anew. The error is the answer to the whole request.
pub(super) async fn find(
    server: &Inner,
    caller: &Caller,
    headers: &HeaderMap,
    version: Option<Version>,
) -> Result<Session, RpcError> {
    let session = touch(server, key(headers)?, owner(caller)).await?;
    match version {
        Some(version) if version != session.state.version => {
            let agreed = session.state.version;
            let words = format!("`mcp-protocol-version` says {version}, but this session speaks {agreed}");
            Err(RpcError::new(code::INVALID_REQUEST, words))
        }
        _ => Ok(session),
    }
}

/// The name of the session that a request shows.
fn key(headers: &HeaderMap) -> Result<McpSessionKey, RpcError> {
    let Some(value) = headers.get(HEADER) else {
        let words = "the header `mcp-session-id` is missing; `initialize` gives a session";
        return Err(RpcError::new(code::INVALID_REQUEST, words));
    };
    match value.to_str() {
        Ok(secret) if secret.len() <= MAX_SECRET => Ok(key_of(secret)),
        _ => Err(unknown()),
    }
}

/// Finds a session again, whose time begins anew.
pub(super) async fn touch(server: &Inner, key: McpSessionKey, owner: String) -> Result<Session, RpcError> {
    let touched = server.ports.sessions.touch(&key, &owner, server.options.session_ttl).await;
    let kept = touched.map_err(store_error)?.ok_or_else(unknown)?;
    let (state, letters) = (State::read(&kept.state)?, kept.letters);
    Ok(Session { key, owner, state, letters, revision: kept.revision })
}

impl Session {
    /// Changes what is known of the session: `change` says whether there is something to be kept, and is done again on what
    /// somebody else made of it meanwhile.
    pub(super) async fn change(
        mut self,
        server: &Inner,
        change: impl Fn(&mut State) -> Result<bool, RpcError>,
    ) -> Result<Self, RpcError> {
        for _ in 0..TRIES {
            if !change(&mut self.state)? {
                return Ok(self);
            }
            let changed = server.ports.sessions.change(&self.key, self.revision, self.state.write()?).await;
            if changed.map_err(store_error)? {
                self.revision += 1;
                return Ok(self);
            }
            self = touch(server, self.key, self.owner).await?;
        }
        let words = "too much was changed in this session at once; try again";
        Err(refusal(ApiError::new(ErrorCode::Conflict, words)))
    }
}

/// Whose a caller's sessions are.
pub(super) fn owner(caller: &Caller) -> String {
    format!("{}/{}", caller.principal.subject, caller.principal.team)
}

/// The answer where there is no session: clients begin a new one (2025-11-25, "Session Management").
pub(super) fn unknown() -> RpcError {
    let words = "there is no such session: it has ended, or never was; begin anew with `initialize`";
    refusal(ApiError::new(ErrorCode::NotFound, words))
}

fn new_secret(ids: &dyn IdGen) -> String {
    let mut secret = [0; 32];
    ids.fill(&mut secret);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))
}

fn key_of(secret: &str) -> McpSessionKey {
    McpSessionKey(Sha256::digest(secret).into())
}

/// What was kept makes no sense.
fn broken(error: &serde_json::Error) -> RpcError {
    tracing::error!(%error, "what is kept of an MCP session cannot be read or written");
    RpcError::new(code::INTERNAL_ERROR, "what is kept of this session cannot be read")
}
