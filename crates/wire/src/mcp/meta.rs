//! The names in `_meta` that the protocol keeps for itself (2026-07-28, "`_meta`").

/// The revision that a request speaks.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Who the client is.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// What the client offers.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Who the server is, in results.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// How much the client wants to be told while a request is answered.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The request that opened the stream on which a notification comes.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// What progress is told under; all revisions.
pub const PROGRESS_TOKEN: &str = "progressToken";
