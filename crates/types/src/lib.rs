//! The nouns every part of Outcrop shares: ids, principals, keys, usage, jobs, error codes.
//!
//! No I/O, no async, no clock: times and randomness come in as arguments. Nothing here knows a wire
//! format, a database or Bedrock. Start at [`Principal`] (who acts) and [`UsageRecord`] (what it cost).

mod alert;
mod api_key;
mod audit;
mod batch;
mod callable;
mod change;
mod error_code;
mod file;
mod ids;
mod job;
mod latency;
mod limits;
mod money;
mod network;
mod paging;
mod pattern;
mod policy;
mod price;
mod principal;
mod prompt;
mod region;
mod request_id;
mod response;
mod roles;
mod route;
mod scope;
mod secrets;
mod session;
mod team;
mod time_zone;
mod usage;
mod webhook;
mod work;

pub use alert::Alert;
pub use api_key::{
    ApiKey, KeyHash, KeyHasher, KeyId, KeySecretTooShort, MalformedKey, PresentedKey, SecretKind,
};
pub use audit::{Actor, AuditDraft, AuditEvent, AuditFault, AuditHash, AuditOutcome, AuditRow, AuditSealer};
pub use batch::{Batch, BatchCounts, BatchError, BatchPart, BatchStatus, BedrockBatch, KeptLine};
pub use callable::{JOB_PATHS, job_path};
pub use change::Change;
pub use error_code::{Classify, ErrorCode};
pub use file::{FilePurpose, FileStatus, StoredFile};
pub use ids::{
    AlertId, BatchId, DeliveryId, FileId, JobId, MalformedId, PolicyId, PromptId, ResponseId,
    ServiceAccountId, SessionId, TeamId, UsageId, UserId, WebhookId,
};
pub use job::{
    IdempotencyKey, Job, JobEvent, JobKind, JobState, LeaseToken, MalformedIdempotencyKey, Priority,
};
pub use latency::Latencies;
pub use limits::Limits;
pub use money::Money;
pub use network::{MalformedNetwork, Network};
pub use paging::Page;
pub use pattern::{MalformedPattern, Pattern};
pub use policy::{
    Budget, Level, MAX_BUDGET, MAX_POLICY_ENTRIES, MAX_ROLLING_DAYS, Period, Policy, Rules, Target,
};
pub use price::{Band, Cost, Factor, MalformedAmount, Price, PriceTier, Rate, TokenRates};
pub use principal::{Principal, Subject};
pub use prompt::{
    MAX_FILLED_PROMPT, MAX_PROMPT_NAME, MAX_PROMPT_VERSIONS, MAX_PROMPTS, MalformedBlank, OutlinedArgument,
    Piece, Prompt, PromptArgument, PromptMessage, PromptOutline, PromptRole, PromptTemplate, PromptVersion,
    WrongArgument, pieces,
};
pub use region::{
    Area, Bounds, Geography, MalformedArea, MalformedRegion, Reach, Region, Residency, TooManyAreas,
};
pub use request_id::RequestId;
pub use response::StoredResponse;
pub use roles::{Permission, Role, UnknownPermission, UnknownRole};
pub use route::{
    AccountName, CacheRule, Capability, Condition, FailureKind, Fault, Group, GuardrailMode, GuardrailRule,
    GuardrailStream, MAX_ALIAS, MAX_CACHE_TTL_S, MAX_GROUPS, MAX_GUARDRAILS, MAX_ROUTES, MAX_TAGS,
    MAX_TARGETS, MalformedAccountName, PromptCacheRule, PromptCacheTtl, RetryClass, Route, RouteOptions,
    RouteTable, RouteTarget, Strategy,
};
pub use scope::{MAX_ENTRIES as MAX_SCOPE_ENTRIES, Scope};
pub use secrets::without_secrets;
pub use session::{Invitation, LoginMethod, RefreshToken, Session, StoredSigningKey};
pub use team::{Membership, ServiceAccount, Team, User};
pub use time_zone::{Calendar, TimeZone, UnknownTimeZone};
pub use usage::{CacheState, GuardrailState, Outcome, TokenUsage, UsageRecord};
pub use webhook::{
    DeliveryState, SealedSecret, WEBHOOK_EVENTS, WebhookDelivery, WebhookEndpoint, WebhookEvent,
};
pub use work::{Choice, Used, Way};
