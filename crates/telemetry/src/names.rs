//! The name of every field in spans and events: one name for one thing.
//!
//! `tracing`'s macros take field names as literals; write them as they stand here. The `gen_ai.*` names are
//! those of the OpenTelemetry semantic conventions for generative AI.

/// Which process wrote the line.
pub const SERVICE: &str = "service";
/// The id that ties together everything done for one request.
pub const REQUEST_ID: &str = "request.id";
/// The HTTP method.
pub const HTTP_METHOD: &str = "http.request.method";
/// The path, without its query.
pub const HTTP_PATH: &str = "url.path";
/// The HTTP status.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// Which of the closed list of failures it was.
pub const ERROR_CODE: &str = "error.code";
/// The failure and its causes, in one line.
pub const ERROR: &str = "error";
/// How long something took, milliseconds.
pub const DURATION_MS: &str = "duration_ms";
/// Where the client is, as far as it is known.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The person that is meant.
pub const USER_ID: &str = "user.id";
/// The login that is meant.
pub const SESSION_ID: &str = "session.id";
/// How somebody logged in: `password`, `oidc`.
pub const LOGIN_METHOD: &str = "login.method";
/// The key that signs access tokens, by its name in them.
pub const SIGNING_KEY: &str = "signing_key.kid";
/// The team that is acted for.
pub const TEAM_ID: &str = "team.id";
/// How the key in use begins.
pub const API_KEY_PREFIX: &str = "api_key.prefix";
/// The job worked on.
pub const JOB_ID: &str = "job.id";
/// A dependency, as operators know it: `postgres`, `redis`.
pub const DEPENDENCY: &str = "dependency";
/// A peer service: `auth`, `inference`, `jobs`.
pub const PEER: &str = "peer.service";
/// The address listened on.
pub const ADDRESS: &str = "server.address";
/// The provider: always `aws.bedrock`.
pub const GEN_AI_PROVIDER: &str = "gen_ai.provider.name";
/// The model asked for.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Tokens read, cached ones included.
pub const GEN_AI_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written.
pub const GEN_AI_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
