//! What administrators do with routes: look, try, change.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, Clock, PortError};
use outcrop_types::{
    Actor, AuditDraft, AuditEvent, AuditSealer, Change, Classify, ErrorCode, Fault, RequestId, RouteTable,
};

use super::lint::RouteFindings;
use super::reload::{RouteSource, Routes};

/// Who changes routes, from where and in which request.
#[derive(Debug, Clone)]
pub(crate) struct RouteActing {
    pub(crate) actor: Actor,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) request_id: RequestId,
}

/// The routes as they are shown.
#[derive(Debug, Clone)]
pub(crate) struct ShownRoutes {
    /// How often they were changed; those of a file are not counted.
    pub(crate) revision: Option<u64>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) warnings: Vec<Fault>,
}

/// Why nothing was done with routes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutesError {
    /// The table does not do.
    #[error("the routes are refused as a whole: {}", summary(.0))]
    Faulty(Vec<Fault>),
    /// They are not ours to change.
    #[error("routes are read from the file that `routing.routes` names; they are changed there")]
    InFile,
    /// Somebody else was faster.
    #[error("the routes were changed meanwhile; read them again and repeat the change")]
    Stale,
    /// The audit log could not be written as the auth service writes it.
    #[error(
        "this service cannot seal the audit log: set `auth.key_secret` for it, too, as the auth service has it"
    )]
    NoSeal,
    /// The store failed.
    #[error("could not {attempted}")]
    Store {
        /// What was attempted, to follow "could not".
        attempted: &'static str,
        #[source]
        source: PortError,
    },
}

/// Where routes are administered.
pub(crate) struct RouteDesk {
    routes: Arc<Routes>,
    clock: Arc<dyn Clock>,
    sealer: Option<AuditSealer>,
}

impl RouteDesk {
    pub(crate) fn new(routes: Arc<Routes>, clock: Arc<dyn Clock>, sealer: Option<AuditSealer>) -> Self {
        Self { routes, clock, sealer }
    }

    /// Whether the admin API may change the routes.
    pub(crate) fn is_writable(&self) -> bool {
        matches!(self.routes.source(), RouteSource::Store)
    }

    /// The routes as they are written: of the store, or those of the file that are in force.
    pub(crate) async fn show(&self) -> Result<ShownRoutes, RoutesError> {
        let (revision, updated_at, table) = match self.routes.source() {
            RouteSource::File(_) => (None, None, Arc::clone(self.routes.book().table())),
            RouteSource::Store => {
                let stored = self.routes.ports().store.routes().await;
                let stored = stored.map_err(store("read the routes"))?;
                (Some(stored.revision), stored.updated_at, Arc::new(stored.table))
            }
        };
        let warnings = self.routes.look_at(&table).warnings;
        Ok(ShownRoutes { revision, updated_at, table, warnings })
    }

    /// What would be said of a table.
    pub(crate) fn check(&self, table: &RouteTable) -> RouteFindings {
        self.routes.look_at(table)
    }

    /// Puts a table in the place of the one read at `revision`. It is in force here when this returns, and everywhere
    /// within a second or two.
    pub(crate) async fn replace(
        &self,
        acting: RouteActing,
        revision: u64,
        table: RouteTable,
    ) -> Result<ShownRoutes, RoutesError> {
        if !self.is_writable() {
            return Err(RoutesError::InFile);
        }
        let sealer = self.sealer.clone().ok_or(RoutesError::NoSeal)?;
        let RouteFindings { faults, warnings } = self.routes.look_at(&table);
        if !faults.is_empty() {
            return Err(RoutesError::Faulty(faults));
        }
        let ports = self.routes.ports();
        let before = ports.store.routes().await.map_err(store("read the routes"))?;
        if before.revision != revision {
            return Err(RoutesError::Stale);
        }
        let now = self.clock.now();
        let draft = AuditDraft::new(event(acting, &before.table, &table, now), sealer);
        let written = ports.store.replace_routes(revision, &table, now, &draft).await;
        match written.map_err(store("change the routes"))? {
            Changed::Done => {}
            Changed::Stale | Changed::Taken | Changed::LastAdmin => return Err(RoutesError::Stale),
        }
        self.routes.refresh(false).await;
        if let Err(error) = ports.changes.announce(&Change::Routes).await {
            tracing::warn!(error = error.chain(), "changed routes could not be announced; others will ask");
        }
        let (revision, updated_at) = (Some(revision + 1), Some(now));
        Ok(ShownRoutes { revision, updated_at, table: Arc::new(table), warnings })
    }
}

/// A change of the table as the audit log tells of it.
fn event(acting: RouteActing, before: &RouteTable, after: &RouteTable, now: DateTime<Utc>) -> AuditEvent {
    let RouteActing { actor, client_ip, request_id } = acting;
    AuditEvent {
        client_ip,
        // Only strings as keys and no fallible field: this cannot fail.
        before: serde_json::to_value(before).ok(),
        after: serde_json::to_value(after).ok(),
        ..AuditEvent::done(actor, "routes.replace", "routes", now)
    }
    .in_request(&request_id)
}

fn store(attempted: &'static str) -> impl Fn(PortError) -> RoutesError {
    move |source| RoutesError::Store { attempted, source }
}

fn summary(faults: &[Fault]) -> String {
    match faults {
        [] => String::new(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl Classify for RoutesError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Faulty(_) => ErrorCode::InvalidRequest,
            Self::InFile | Self::Stale => ErrorCode::Conflict,
            Self::NoSeal => ErrorCode::Unavailable,
            Self::Store { source, .. } => source.code(),
        }
    }
}
