//! The ports: what Outcrop needs from the world, as traits that promise behaviour and name no technology.
//!
//! A port's doc comment is the promise; `contract::<port>` (feature `contract`) is the promise as a test
//! suite that every adapter runs against itself. Rules: a lookup returns `Option`, absence is no error; one
//! method is one unit of work, so transactions stay inside the adapter; time and randomness are arguments.

mod alert_store;
mod audit_log;
mod authenticator;
mod batch_model;
mod batch_store;
mod blobs;
mod cache;
mod changed;
mod changes;
mod chat_model;
mod clock;
mod embedder;
mod error;
mod file_store;
mod guardrails;
mod id_gen;
mod image_model;
mod inference;
mod job_desk;
mod job_store;
mod key_store;
mod ledger;
mod limiter;
mod mcp_sessions;
mod media;
mod model_catalog;
mod models;
mod month_digest;
mod outbound;
mod places;
mod policy_store;
mod probe;
mod prompt_store;
mod queue;
mod raw_model;
mod response_store;
mod route_store;
mod service_account_store;
mod session_store;
mod signing_key_store;
mod tally;
mod target_health;
mod team_store;
mod thinking;
mod usage_report;
pub mod usage_span;
pub mod usage_sums;
mod user_store;
mod webhook_store;
pub mod window;

#[cfg(feature = "contract")]
pub mod contract;

pub use alert_store::{AlertFilter, AlertStore};
pub use audit_log::{AuditFilter, AuditLog};
pub use authenticator::{Authenticated, Authenticator, Credential, Refused, Why};
pub use batch_model::{BatchModelJob, BatchModelState, BatchModels};
pub use batch_store::{BatchBegun, BatchEnd, BatchStore, LinesKept, PartEnded, SubmittedBatch};
pub use blobs::{
    BlobBytes, BlobRead, BlobUpload, Blobs, MAX_BLOB_BYTES, SignedUrl, SignedUse, check_blob_key,
    check_blob_size, content_disposition,
};
pub use cache::{Cache, CacheKey};
pub use changed::Changed;
pub use changes::{Changes, Heard};
pub use chat_model::{ChatModel, EventStream, ModelCall, ModelError, ModelFailure};
pub use clock::Clock;
pub use embedder::{EmbedCall, EmbedPurpose, Embedder, Ranked, RerankCall, Reranker};
pub use error::{PortError, PortFailure};
pub use file_store::{FileFilter, FileInserted, FileRemoved, FileStore};
pub use guardrails::{GuardedSide, GuardrailCall, GuardrailVerdict, Guardrails};
pub use id_gen::IdGen;
pub use image_model::{ImageCall, ImageModel, MadeImages};
pub use inference::{BatchRecord, Inference, InferenceAnswer, InferenceCall, RecordOutput, Recorded};
pub use job_desk::{DeskRead, JobAnswer, JobAsk, JobDesk};
pub use job_store::{Backlog, ClaimTerms, Finish, JobFilter, JobStore, Submitted, TeamDue};
pub use key_store::{KeyFilter, KeyStore};
pub use ledger::{Ledger, Repriced, SpendQuery, Spent, UsageMonth};
pub use limiter::{
    Admission, Ask, Hold, Kind, Limiter, Meter, MeterState, Seed, SeedMode, Settlement, Unseeded, Window,
};
pub use mcp_sessions::{
    McpBounds, McpNudge, McpOpened, McpPage, McpSession, McpSessionKey, McpSessions, McpStreamId,
};
pub use media::{FetchError, Fetched, MediaFetcher};
pub use model_catalog::{
    CacheSupport, Family, InvokeApi, Modality, ModelCatalog, ModelInfo, ReasoningStyle, ResolvedModel,
};
pub use models::Models;
pub use month_digest::{MonthDigest, MonthDigester, NoDigest, Sha256Hex};
pub use outbound::{Outbound, OutboundAnswer, OutboundMethod, OutboundRequest};
pub use places::{Place, Places, UnknownPlace};
pub use policy_store::{MAX_POLICIES, PolicyFilter, PolicyStore};
pub use probe::Probe;
pub use prompt_store::{PromptFilter, PromptStore};
pub use queue::{DeadLetter, Delivery, MAX_DEAD_LETTERS, MAX_DELAY, MAX_REASON, Queue, QueueDepth, Receipt};
pub use raw_model::{ChunkStream, InvokeAnswer, InvokeCall, RawModel};
pub use response_store::ResponseStore;
pub use route_store::{RouteStore, StoredRoutes};
pub use service_account_store::{ServiceAccountFilter, ServiceAccountStore};
pub use session_store::{Rotation, SessionStore};
pub use signing_key_store::SigningKeyStore;
pub use tally::{TalliedPart, Tally};
pub use target_health::{MOST_RESTING, RESTING_REMEMBERED, Resting, TargetHealth};
pub use team_store::{TeamFilter, TeamStore};
pub use thinking::{LEAST_BUDGET, Thinking};
pub use usage_report::{
    CacheTotals, Dimension, GuardrailTotals, ReportCursor, ReportQuery, ReportRow, UsageFilter, UsageTotals,
};
pub use user_store::{Bootstrap, UserFilter, UserStore};
pub use webhook_store::{ClaimedDelivery, DeliveryFilter, DeliveryTerms, Told, WebhookStore};
