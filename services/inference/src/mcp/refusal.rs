//! Refusals of the platform as results: what a model hears, it can mend or wait for.

use outcrop_http::{ApiError, RequestContext};
use outcrop_wire::error::LimitFacts;
use outcrop_wire::mcp::{Params, ToolResult};
use serde_json::json;

/// A tool's answer where the platform refuses: the sentence for the model; its name, the argument at fault and when to come back
/// for programs. What is behind a failure of ours goes to the log, once.
pub(super) fn refused(context: &RequestContext, error: ApiError) -> ToolResult {
    if error.code.status() >= 500 {
        tracing::warn!(%error, error.source = ?error.source, "a tool of an MCP client failed");
    }
    let mut told = json!({ "code": error.code.name() });
    let mut text = error.message;
    if let Some(param) = error.param {
        if !text.contains(&param) {
            text = format!("`{param}`: {text}");
        }
        told["param"] = param.into();
    }
    if let Some(after) = error.retry_after {
        // Rounded up: whoever comes back a moment too early is refused again.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        // Limits say it themselves.
        if !text.contains("Try again in") {
            text = format!("{text} (come back in {seconds} s)");
        }
        told["retry_after_s"] = seconds.into();
    }
    if let Some(limit) = error.source.as_deref().and_then(|it| it.downcast_ref::<LimitFacts>()) {
        told["limit"] = json!(limit);
    }
    let mut result = ToolResult::failed(text);
    result.meta = noted(context);
    result.meta.insert("outcrop/error".into(), told);
    result
}

/// What stands beside every result.
pub(super) fn noted(context: &RequestContext) -> Params {
    let id = context.request_id.as_str();
    Params::from_iter([("outcrop/request_id".to_owned(), id.into())])
}
