//! The sections.

mod alerts;
mod limits;
mod mcp;
mod media;
mod models;
mod places;
mod response_cache;
mod routing;
mod static_keys;
mod telemetry;
mod work;

use std::fmt;
use std::path::PathBuf;

use outcrop_types::{MalformedNetwork, Network};
use secrecy::SecretString;
use serde::Deserialize;

pub use self::alerts::AlertsConfig;
pub use self::limits::{LimitsConfig, OnUnavailable};
pub use self::mcp::McpConfig;
pub use self::media::MediaConfig;
pub use self::models::ModelsConfig;
pub use self::places::{ModelAccount, ModelEndpoint};
pub use self::response_cache::ResponseCacheConfig;
pub use self::routing::RoutingConfig;
pub use self::static_keys::{StaticKey, StaticKeysError};
pub use self::telemetry::{
    LogFormat, MetricsConfig, OtlpCompression, TelemetryConfig, TraceContent, TracesConfig,
};
pub use self::work::{BatchesConfig, FilesConfig, JobsConfig, WaysConfig, WebhooksConfig};
use crate::show::without_password;

/// All settings of a process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything embedded lives: database, files, spool, generated secrets.
    pub data_dir: DataDir,
    /// How HTTP is served.
    pub server: ServerConfig,
    /// Where rows live.
    pub store: StoreConfig,
    /// Where shared counters live.
    pub cache: CacheConfig,
    /// Where work waits.
    pub queue: QueueConfig,
    /// Where files live.
    pub blobs: BlobConfig,
    /// Which models answer.
    pub models: ModelsConfig,
    /// How calls find their way to them.
    pub routing: RoutingConfig,
    /// How answers are kept and given again.
    pub response_cache: ResponseCacheConfig,
    /// What is fetched for clients that name media by URL.
    pub media: MediaConfig,
    /// How callers are authenticated.
    pub auth: AuthConfig,
    /// How services trust each other.
    pub internal: InternalConfig,
    /// Where the other services are, when they run apart.
    pub services: ServicesConfig,
    /// How much may be used.
    pub limits: LimitsConfig,
    /// How usage is kept.
    pub usage: UsageConfig,
    /// Who is told of budgets that run out.
    pub alerts: AlertsConfig,
    /// How long answers are kept that clients may come back to.
    pub responses: ResponsesConfig,
    /// How asynchronous work is done.
    pub jobs: JobsConfig,
    /// How batches are done.
    pub batches: BatchesConfig,
    /// How clients' files are kept.
    pub files: FilesConfig,
    /// Which ways work that can wait may be done.
    pub ways: WaysConfig,
    /// How teams' endpoints are told of their work.
    pub webhooks: WebhooksConfig,
    /// How the server of the Model Context Protocol behaves.
    pub mcp: McpConfig,
    /// How the process tells what it does.
    pub telemetry: TelemetryConfig,
    /// Its traces.
    pub traces: TracesConfig,
    /// Its metrics.
    pub metrics: MetricsConfig,
}

/// The data folder; `.outcrop` by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct DataDir(pub PathBuf);

impl Default for DataDir {
    fn default() -> Self {
        Self(PathBuf::from(".outcrop"))
    }
}

/// How HTTP is served, and the bounds of every request.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Worker threads; 0 means one per core.
    pub workers: usize,
    /// Largest request body, bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of a JSON body.
    pub max_json_depth: usize,
    /// How long a client may take to send a request's head, milliseconds.
    pub head_timeout_ms: u64,
    /// How long an idle connection is kept, milliseconds.
    pub keep_alive_ms: u64,
    /// How long one request may take from its arrival to its first byte of answer, milliseconds.
    pub request_timeout_ms: u64,
    /// How long open answers may go on after a stop signal, milliseconds.
    pub drain_ms: u64,
    /// The address that clients use, e.g. `https://ai.example.com`: issuer of tokens, and where browsers are sent
    /// back to. By default the address listened on.
    pub public_url: Option<String>,
    /// Networks of the load balancers in front, separated by commas: only from them is `X-Forwarded-For` believed.
    pub trusted_proxies: Option<String>,
    /// Web origins whose pages may call the API, separated by commas, e.g. `https://app.example.com`.
    pub cors_origins: Option<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            workers: 0,
            max_body_bytes: 32 * 1024 * 1024,
            max_json_depth: 64,
            head_timeout_ms: 10_000,
            keep_alive_ms: 75_000,
            request_timeout_ms: 600_000,
            drain_ms: 25_000,
            public_url: None,
            trusted_proxies: None,
            cors_origins: None,
        }
    }
}

impl ServerConfig {
    /// The networks of [`trusted_proxies`](Self::trusted_proxies).
    pub fn trusted_networks(&self) -> Result<Vec<Network>, MalformedNetwork> {
        listed(self.trusted_proxies.as_deref()).map(str::parse).collect()
    }

    /// The single origins of [`cors_origins`](Self::cors_origins).
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        listed(self.cors_origins.as_deref())
    }

    /// The address that clients use, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            // What listens on all addresses is found on this machine under this one.
            None if matches!(self.host.as_str(), "0.0.0.0" | "::" | "[::]") => {
                format!("http://127.0.0.1:{}", self.port)
            }
            None => format!("http://{}:{}", self.host, self.port),
        }
    }
}

/// The entries of a list in one text.
fn listed(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Where rows live. The scheme of `url` picks the adapter.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://path` (default: `outcrop.db` in the data folder) or `postgres://user@host/db`.
    pub url: Option<String>,
    /// Password, kept apart from `url` so that the URL can be logged.
    pub password: Option<SecretString>,
    /// Where the password came from, if Secrets Manager keeps it: asked again once the database refuses the password.
    #[serde(skip)]
    pub password_reference: Option<String>,
    /// `postgres://user@host/db` of a replica that reports and lists of usage are read from; it has the same password. It may lag behind; limits and budgets never ask it.
    pub read_url: Option<String>,
    /// Most connections one process opens; 0 means 8.
    pub max_connections: u32,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("url", &self.url.as_deref().map(without_password))
            .field("password", &self.password)
            .field("read_url", &self.read_url.as_deref().map(without_password))
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

/// Where shared counters live.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// `memory://` or `redis://host:6379` / `rediss://…`; of a cluster any node, or better a name for all of them.
    pub url: String,
    /// Password, kept apart from `url` so that the URL can be logged.
    pub password: Option<SecretString>,
    /// How long a request waits for it, milliseconds.
    pub timeout_ms: u64,
}

impl fmt::Debug for CacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("url", &without_password(&self.url))
            .field("password", &self.password)
            .field("timeout_ms", &self.timeout_ms)
            .finish()
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { url: "memory://".into(), password: None, timeout_ms: 50 }
    }
}

/// Where work waits.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// `embedded://` (durable, in the SQLite store) or `sqs://queue-name` or the queue's `https://` URL.
    pub url: String,
    /// How often a message is delivered before it is set aside (embedded queue; for SQS the redrive policy says).
    pub max_deliveries: u32,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { url: "embedded://".into(), max_deliveries: 5 }
    }
}

/// Where files live.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlobConfig {
    /// `file://folder` (default: `files` in the data folder) or `s3://bucket/prefix`.
    pub url: Option<String>,
    /// Address S3 objects by path, as local stand-ins need; on by itself where an S3 endpoint is set.
    pub path_style: Option<bool>,
    /// How S3 encrypts what is written: `AES256` or `aws:kms`; as the bucket says if absent.
    pub encryption: Option<String>,
    /// The KMS key for `aws:kms`; the account's own for S3 if absent.
    pub kms_key: Option<String>,
}

/// Which algorithm signs access tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TokenAlgorithm {
    /// Ed25519.
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA with SHA-256, for clients that know nothing newer.
    #[serde(rename = "RS256")]
    Rs256,
}

/// How callers are authenticated.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The secret under which API keys are hashed, signing keys encrypted and the audit log is sealed, at least 32
    /// bytes; made and kept in the data folder if absent.
    pub key_secret: Option<SecretString>,
    /// How old a cached answer about a credential may be while changes are not pushed, milliseconds: the bound on how
    /// long a revoked key works.
    pub cache_ttl_ms: u64,
    /// How old it may be while every change is pushed through Redis, milliseconds: the bound on how long a revoked key
    /// works where its revocation could not be announced.
    pub pushed_cache_ttl_ms: u64,
    /// How long a known credential keeps working while the store is away, milliseconds.
    pub grace_ms: u64,
    /// Most credentials remembered.
    pub cache_entries: usize,
    /// For whom access tokens are (`aud`).
    pub audience: String,
    /// What signs access tokens: `EdDSA` or `RS256`.
    pub token_algorithm: TokenAlgorithm,
    /// How long an access token is good, seconds.
    pub access_token_ttl_s: u64,
    /// How long a refresh token is good if it is not used, seconds.
    pub refresh_token_ttl_s: u64,
    /// How long a login lasts, however often it is refreshed, seconds.
    pub session_ttl_s: u64,
    /// How often the signing key is replaced, seconds.
    pub signing_rotation_s: u64,
    /// Private keys (PEM, PKCS #8), one after the other, in place of those made and rotated by the platform. The first
    /// signs access tokens; what the others signed is believed too.
    pub signing_key: Option<SecretString>,
    /// How long an invitation to set a password is good, seconds.
    pub invitation_ttl_s: u64,
    /// Logins tried for one account in 5 minutes, whether they succeed or not.
    pub login_attempts_per_account: u32,
    /// Logins tried from one address in 5 minutes, whether they succeed or not.
    pub login_attempts_per_address: u32,
    /// One key for everybody, any text of 16 characters or more: for the simplest deployments.
    pub static_key: Option<SecretString>,
    /// What the bearer of the static key is, and of those of `auth.static_keys` that say nothing of it.
    pub static_key_role: String,
    /// Keys with names, as JSON, `{"name": "key"}` or `{"name": {"key": "…", "team": "…", "role": "…"}}`, 16 characters or
    /// more each: for platforms that keep no keys of their own. No first key is made beside them (deploy/lambda/README.md).
    pub static_keys: Option<SecretString>,
    /// Outside OIDC issuers and AWS roles that may log in: a TOML file, or the same as JSON in place. See docs/security.md.
    pub federation: Option<SecretString>,
    /// The value that the signed header `x-outcrop-server-id` of an AWS login must have; by default `server.public_url`.
    pub server_id: Option<String>,
    /// Where AWS logins are checked in place of AWS STS itself, e.g. a VPC endpoint.
    pub sts_url: Option<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            key_secret: None,
            cache_ttl_ms: 1_000,
            pushed_cache_ttl_ms: 5_000,
            grace_ms: 600_000,
            cache_entries: 100_000,
            audience: "outcrop".into(),
            token_algorithm: TokenAlgorithm::EdDsa,
            access_token_ttl_s: 900,
            refresh_token_ttl_s: 14 * 24 * 3_600,
            session_ttl_s: 30 * 24 * 3_600,
            signing_rotation_s: 30 * 24 * 3_600,
            signing_key: None,
            invitation_ttl_s: 7 * 24 * 3_600,
            login_attempts_per_account: 10,
            login_attempts_per_address: 50,
            static_key: None,
            static_key_role: "developer".into(),
            static_keys: None,
            federation: None,
            server_id: None,
            sts_url: None,
        }
    }
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("cache_ttl_ms", &self.cache_ttl_ms)
            .field("audience", &self.audience)
            .field("token_algorithm", &self.token_algorithm)
            .finish_non_exhaustive()
    }
}

/// How services trust each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InternalConfig {
    /// The secret that signs the identity header between services, at least 32 bytes; needed when they run apart.
    pub secret: Option<SecretString>,
    /// How long a signed identity is good, seconds.
    pub ttl_s: u64,
}

impl Default for InternalConfig {
    fn default() -> Self {
        Self { secret: None, ttl_s: 60 }
    }
}

/// Where the other services are, when they run apart.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesConfig {
    /// Base URL of the auth service.
    pub auth: String,
    /// Base URL of the inference service.
    pub inference: String,
    /// Base URL of the job worker.
    pub jobs: String,
    /// How long to wait for a connection, milliseconds.
    pub connect_timeout_ms: u64,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self {
            auth: "http://127.0.0.1:8081".into(),
            inference: "http://127.0.0.1:8082".into(),
            jobs: "http://127.0.0.1:8083".into(),
            connect_timeout_ms: 2_000,
        }
    }
}

/// How usage is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsageConfig {
    /// Folder of the spool (default: `spool` in the data folder).
    pub spool_dir: Option<PathBuf>,
    /// Most bytes the spool may hold; when full, model calls are refused rather than unmetered.
    pub max_spool_bytes: u64,
    /// How often the spool is shipped to the ledger, milliseconds. 0: before every answer ends, which waits for it, and
    /// every second; for functions, which are frozen between two requests.
    pub flush_ms: u64,
    /// Where settled records are written besides, before they go to the ledger, as lines of JSON: `s3://bucket/prefix` or
    /// `file://folder`. See docs/usage.md.
    pub export_url: Option<String>,
    /// Whole months that records are kept beside the present one; older ones go to the blobs, and leave the database
    /// once that is verified. 0 keeps all (docs/usage.md).
    pub retention_months: u32,
    /// Names of tags that usage records keep, separated by commas: of `x-outcrop-tags` and of the metadata in requests.
    pub tags: Option<String>,
}

impl UsageConfig {
    /// The single names of [`tags`](Self::tags).
    pub fn tag_names(&self) -> impl Iterator<Item = &str> {
        listed(self.tags.as_deref())
    }
}

impl Default for UsageConfig {
    fn default() -> Self {
        Self {
            spool_dir: None,
            max_spool_bytes: 1024 * 1024 * 1024,
            flush_ms: 1_000,
            export_url: None,
            retention_months: 0,
            tags: None,
        }
    }
}

/// How answers are kept that clients may come back to.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponsesConfig {
    /// How long an answer of the Responses API is kept unless its client asks that it be not, days; 0 keeps none.
    pub retention_days: u32,
}

impl Default for ResponsesConfig {
    fn default() -> Self {
        Self { retention_days: 30 }
    }
}
