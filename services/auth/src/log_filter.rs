//! What every process logs, set for a while by whoever runs the platform.
//!
//! Nothing of it is kept: a process that starts meanwhile logs by its settings, and so do all when the time is over.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use outcrop_telemetry::filter::{self, Meanwhile};
use outcrop_types::Change;
use serde_json::{Value, json};

use crate::{Acting, AdminError, AuthService};

/// How long a filter holds where nothing is said, seconds.
const USUAL_S: u32 = 900;

/// Longest that one holds, seconds: a day.
const MAX_S: u32 = 86_400;

/// Most characters of a filter: it goes to every process, and into the audit log.
const MAX_CHARS: usize = 1_000;

/// By what is logged, in the process that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// The filter in force.
    pub filter: String,
    /// That of the settings.
    pub configured: String,
    /// When that holds again, if another does now.
    pub until: Option<DateTime<Utc>>,
}

impl AuthService {
    /// By what is logged now.
    pub fn log_filter(&self, acting: &Acting) -> Result<LogFilter, AdminError> {
        acting.check_platform()?;
        Ok(in_force())
    }

    /// Has every process log by this filter (`RUST_LOG` syntax) for so many seconds.
    pub async fn set_log_filter(
        &self,
        acting: &Acting,
        wanted: &str,
        for_s: Option<u32>,
    ) -> Result<LogFilter, AdminError> {
        acting.check_platform()?;
        let for_s = for_s.unwrap_or(USUAL_S);
        if !(1..=MAX_S).contains(&for_s) {
            return Err(AdminError::invalid("for_s", format!("`for_s` must be from 1 to {MAX_S}")));
        }
        let wanted = checked(wanted)?;
        let now = self.ports().clock.now().trunc_subsecs(3);
        let until = now + TimeDelta::seconds(i64::from(for_s));
        self.change_log(acting, "log.set", Some(wanted), until).await?;
        Ok(in_force())
    }

    /// Has every process log by its settings again.
    pub async fn reset_log_filter(&self, acting: &Acting) -> Result<(), AdminError> {
        acting.check_platform()?;
        let now = self.ports().clock.now();
        self.change_log(acting, "log.reset", None, now).await
    }

    async fn change_log(
        &self,
        acting: &Acting,
        action: &str,
        filter: Option<String>,
        until: DateTime<Utc>,
    ) -> Result<(), AdminError> {
        let mut event = self.event(acting, action, "log", None);
        event.before = Some(audited(&in_force()));
        event.after = filter.as_ref().map(|filter| json!({ "filter": filter, "until": until }));
        let noted = self.ports().audit.record_audit(&self.draft(event)).await;
        noted.map_err(AdminError::store("note the change of the log filter"))?;
        // Here at once, so that whoever asks next hears of it; elsewhere when it is heard of.
        let meanwhile = filter.clone().map(|filter| Meanwhile { filter, until: until.into() });
        filter::hold(meanwhile).map_err(|problem| refused(&problem))?;
        self.announce(Change::Log { filter, until }).await;
        Ok(())
    }
}

fn in_force() -> LogFilter {
    let configured = filter::configured().unwrap_or_default().to_owned();
    match filter::held() {
        Some(Meanwhile { filter, until }) => LogFilter { filter, configured, until: Some(until.into()) },
        None => LogFilter { filter: configured.clone(), configured, until: None },
    }
}

fn checked(wanted: &str) -> Result<String, AdminError> {
    let wanted = wanted.trim();
    if wanted.is_empty() || wanted.chars().count() > MAX_CHARS || wanted.contains(char::is_control) {
        let message = format!("`filter` must be 1 to {MAX_CHARS} characters on one line");
        return Err(AdminError::invalid("filter", message));
    }
    filter::check(wanted).map_err(|problem| refused(&problem))?;
    Ok(wanted.to_owned())
}

fn refused(problem: &str) -> AdminError {
    AdminError::invalid("filter", format!("`filter` is no log filter: {problem}"))
}

fn audited(now: &LogFilter) -> Value {
    json!({ "filter": now.filter, "until": now.until })
}
