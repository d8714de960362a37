//! The nouns every part of Outcrop shares: ids, principals, keys, usage, jobs, error codes.
//!
//! No I/O, no async, no clock: times and randomness come in as arguments. Nothing here knows a wire
//! format, a database or Bedrock. Start at [`Principal`] (who acts) and [`UsageRecord`] (what it cost).

mod api_key;
mod error_code;
mod ids;
mod job;
mod limits;
mod paging;
mod principal;
mod request_id;
mod roles;
mod team;
mod usage;

pub use api_key::{ApiKey, KeyHash, KeyHasher, KeyId, KeySecretTooShort, MalformedKey, PresentedKey};
pub use error_code::{Classify, ErrorCode};
pub use ids::{JobId, MalformedId, ServiceAccountId, TeamId, UsageId, UserId};
pub use job::{IdempotencyKey, Job, JobKind, JobState, LeaseToken, MalformedIdempotencyKey};
pub use limits::Limits;
pub use paging::Page;
pub use principal::{Principal, Subject};
pub use request_id::RequestId;
pub use roles::{Permission, Role, UnknownRole};
pub use team::{Team, User};
pub use usage::{Outcome, TokenUsage, UsageRecord};
