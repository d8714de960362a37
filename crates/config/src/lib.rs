//! Settings: one section per part, each with defaults that run on a laptop with nothing installed.
//!
//! Layers, later ones win: defaults, `outcrop.toml`, the Bedrock Access Gateway's variables, environment
//! (`OUTCROP__SECTION__FIELD`), flags. Knows no adapter: a URL's scheme is read in `wiring`.
//! Start reading at [`Config`], then [`Config::load`].

mod check;
mod error;
mod layers;
mod load;
#[cfg(test)]
mod reference;
mod routes;
mod sections;
mod settings;
mod show;
#[cfg(test)]
mod tests;

pub use error::{LoadError, Problem, Source};
pub use load::{LoadOptions, Sources};
pub use routes::{MAX_ROUTES_BYTES, RouteFormat, read_routes, read_routes_file, write_routes};
pub use sections::{
    AlertsConfig, AuthConfig, BatchesConfig, BlobConfig, CacheConfig, Config, DataDir, FilesConfig,
    InternalConfig, JobsConfig, LimitsConfig, LogFormat, McpConfig, MediaConfig, MetricsConfig, ModelAccount,
    ModelEndpoint, ModelsConfig, OnUnavailable, OtlpCompression, QueueConfig, ResponseCacheConfig,
    ResponsesConfig, RoutingConfig, ServerConfig, ServicesConfig, StaticKey, StaticKeysError, StoreConfig,
    TelemetryConfig, TokenAlgorithm, TraceContent, TracesConfig, UsageConfig, WaysConfig, WebhooksConfig,
};
