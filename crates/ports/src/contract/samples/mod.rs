//! Made-up teams, keys, jobs and records for the suites, and for anybody else's tests.
//!
//! Everything follows from its number: the same number is the same thing, a greater one is newer. Times are
//! whole microseconds, which is as fine as every store keeps them.
#![expect(clippy::unwrap_used, reason = "samples are for tests, and these values are well-formed")]

mod audit;
mod files;
mod ids;
mod keys;
mod logins;
mod people;
mod policies;
mod prompts;
mod work;

pub use audit::{draft, sealer};
pub use files::{file, file_id};
pub use ids::{
    job_id, key_id, policy_id, prompt_id, response_id, service_account_id, session_id, team_id, usage_id,
    user_id,
};
pub use keys::{full_key, key, narrow_scope, tags};
pub use logins::{browser_session, invitation, refresh_token, session, signing_key};
pub use people::{first, membership, service_account, team, user};
pub use policies::{full_policy, policy};
pub use prompts::{full_template, outlined, outlined_version, prompt, prompt_version};
pub use work::{failed_record, job, keyed_job, record, response};

use chrono::{DateTime, TimeDelta, Utc};

/// A moment of 2026, so many seconds after its first.
#[must_use]
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 123_456_000).unwrap() + TimeDelta::seconds(seconds)
}
