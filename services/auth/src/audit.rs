//! Reading the audit log, and noting what was refused. Changes note themselves, with what they change.

use outcrop_ports::AuditFilter;
use outcrop_types::{AuditOutcome, AuditRow, Page, Permission, without_secrets};

use crate::refusals::{Kind, Noting};
use crate::{Acting, AdminError, AuthService};

/// An administrative act that was refused.
#[derive(Debug, Clone)]
pub(crate) struct RefusedAct {
    /// The method and the pattern of the route: `DELETE /admin/v1/teams/{team}`.
    pub(crate) action: String,
    /// The path as it was asked for.
    pub(crate) target: String,
    /// What the caller was told.
    pub(crate) detail: String,
}

/// Most characters of a path or a message that are kept.
const MAX_TEXT: usize = 512;

impl AuthService {
    /// Rows of the audit log, newest first: those of every team for whoever may see all, else those that concern the
    /// caller's own. `before` is the last number of the page before.
    pub async fn list_audit(
        &self,
        acting: &Acting,
        mut filter: AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditRow>, AdminError> {
        filter.team = acting.team_to_list(Permission::ReadAudit, filter.team)?;
        let listed = self.ports().audit.list_audit(&filter, before, limit).await;
        listed.map_err(AdminError::store("read the audit log"))
    }

    /// Notes that somebody was refused something, unless that was noted of them often enough in this minute. Where
    /// noting fails the log says so: the refusal stands either way.
    pub(crate) async fn record_refused(&self, acting: &Acting, act: RefusedAct) {
        let Some(principal) = acting.who() else { return };
        let (target, detail) = (bounded(&without_secrets(&act.target)), bounded(&act.detail));
        let kind = Kind::of(act.action.split(' ').next().unwrap_or_default());
        let more = match self.refusals().count(principal, kind, self.ports().clock.monotonic()) {
            Noting::Noted => "",
            Noting::Last => "; further ones in this minute are only in the log",
            Noting::LogOnly => {
                let (subject, action) = (principal.subject, act.action);
                tracing::info!(subject.id = %subject, action, url.path = target, detail, "one more act was refused");
                return;
            }
        };
        let mut event = self.event(acting, &act.action, target, Some(principal.team));
        event.outcome = AuditOutcome::Refused;
        event.detail = Some(format!("{detail}{more}"));
        if let Err(error) = self.ports().audit.record_audit(&self.draft(event)).await {
            tracing::error!(error = error.chain(), "a refused act is missing from the audit log");
        }
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
