//! Why a request has no result.

use outcrop_http::ApiError;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{RpcError, code};
use serde_json::json;

/// Why a request has no result.
#[derive(Debug)]
pub enum Halt {
    /// It is refused.
    Refused(RpcError),
    /// The client is to be asked first, and will come again with the answers (2026-07-28).
    AskFirst,
    /// The client called it off.
    Cancelled,
}

impl From<RpcError> for Halt {
    fn from(error: RpcError) -> Self {
        Self::Refused(error)
    }
}

/// A refusal of the platform: its HTTP status is the code, its name and the field are in the data. What is behind a failure of
/// ours goes to the log, once.
impl From<ApiError> for Halt {
    fn from(error: ApiError) -> Self {
        Self::Refused(refusal(error))
    }
}

/// The same, as an error of JSON-RPC.
pub(crate) fn refusal(error: ApiError) -> RpcError {
    let status = error.code.status();
    if status >= 500 {
        tracing::warn!(%error, error.source = ?error.source, "a request of an MCP client failed");
    }
    let code = match error.code {
        ErrorCode::InvalidRequest => code::INVALID_PARAMS,
        ErrorCode::Internal => code::INTERNAL_ERROR,
        _ => i64::from(status),
    };
    let mut data = json!({ "code": error.code.name() });
    if let Some(param) = error.param {
        data["param"] = param.into();
    }
    if let Some(after) = error.retry_after {
        data["retry_after_s"] = after.as_secs().max(1).into();
    }
    RpcError::new(code, error.message).with_data(data)
}
