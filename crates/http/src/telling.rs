//! What a server is to tell of its requests, and in which words.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::Method;
use outcrop_config::Config;
use outcrop_telemetry::top::Top;
use outcrop_telemetry::trace::Value;
use outcrop_types::TeamId;

/// The label of requests that are no team's.
const NO_TEAM: &str = "none";

/// Settings of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TellingOptions {
    pub(crate) access_log: bool,
    pub(crate) follow_clients: bool,
    pub(crate) top_teams: usize,
}

impl From<&Config> for TellingOptions {
    fn from(config: &Config) -> Self {
        Self {
            access_log: config.telemetry.access_log,
            follow_clients: config.traces.follow_clients,
            top_teams: config.metrics.top_teams,
        }
    }
}

impl Default for TellingOptions {
    fn default() -> Self {
        Self::from(&Config::default())
    }
}

/// What one server tells: about the public, if it faces it.
#[derive(Debug)]
pub(crate) struct Telling(Option<Public>);

/// What is told where the public is faced.
#[derive(Debug)]
pub(crate) struct Public {
    /// Whether every answer has a line.
    pub(crate) access_log: bool,
    /// Whether traces of clients are gone on with.
    pub(crate) follow_clients: bool,
    teams: Top<TeamId>,
}

impl Telling {
    pub(crate) fn new(options: TellingOptions, faces_public: bool) -> Arc<Self> {
        let TellingOptions { access_log, follow_clients, top_teams } = options;
        Arc::new(Self(faces_public.then(|| Public {
            access_log,
            follow_clients,
            teams: Top::new(top_teams),
        })))
    }

    pub(crate) const fn public(&self) -> Option<&Public> {
        self.0.as_ref()
    }

    pub(crate) const fn faces_public(&self) -> bool {
        self.0.is_some()
    }
}

impl Public {
    /// The label of a team.
    pub(crate) fn team(&self, team: Option<TeamId>) -> Value {
        match team {
            Some(team) => self.teams.name(&team, Instant::now(), || team.to_string().into()).into(),
            None => Value::from(NO_TEAM),
        }
    }
}

/// The name of a method, out of a closed list: others are `_OTHER`.
#[must_use]
pub fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The hundreds of a status.
pub(crate) const fn status_class(status: u16) -> &'static str {
    match status {
        0..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
