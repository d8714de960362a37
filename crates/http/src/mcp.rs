//! What the edge and the documents about it must say alike of the Model Context Protocol's server.

use outcrop_types::Permission;

/// Where the server is.
pub const MCP_PATH: &str = "/mcp";

/// What clients are to ask their issuer for: what the tools need too. With the first alone a client comes in and finds
/// nothing to do.
pub const MCP_SCOPES: [Permission; 5] = [
    Permission::UseMcp,
    Permission::InvokeModel,
    Permission::ReadModels,
    Permission::ReadJobs,
    Permission::WriteJobs,
];
