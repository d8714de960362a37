//! The tools: one a file, with its description for the model, its schemas and what it does.

mod cancel_job;
mod get_batch;
mod get_job;
mod list_jobs;
mod schema;
mod submit_job;

use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Exchange, Halt};
use outcrop_types::{ErrorCode, Permission};
use outcrop_wire::mcp::{Content, Params, RpcError, Tool, ToolResult, code};
use serde_json::Value;

use super::Work;
use super::desk::KeptJob;
use super::place::Place;
use crate::mcp::refusal;

/// Why a tool has no answer of its own.
enum Stop {
    /// The platform refuses, which the model is told as a result.
    Refused(ApiError),
    /// There is none at all.
    Halt(Halt),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

/// Those that the caller may call.
pub(super) fn listed(caller: &Caller) -> Vec<Tool> {
    let mut tools = Vec::new();
    if submit_job::is_for(caller) {
        tools.push(submit_job::tool());
    }
    if caller.may(Permission::ReadJobs) {
        tools.extend([get_job::tool(), list_jobs::tool(), get_batch::tool()]);
    }
    if caller.may(Permission::WriteJobs) {
        tools.push(cancel_job::tool());
    }
    tools
}

/// Calls one of them.
pub(super) async fn call(
    work: &Work,
    exchange: &Exchange,
    name: &str,
    arguments: &Params,
) -> Result<ToolResult, Halt> {
    let called = match name {
        submit_job::NAME => submit_job::call(work, exchange, arguments).await,
        get_job::NAME => get_job::call(work, exchange, arguments).await,
        list_jobs::NAME => list_jobs::call(work, exchange, arguments).await,
        get_batch::NAME => get_batch::call(work, exchange, arguments).await,
        cancel_job::NAME => cancel_job::call(work, exchange, arguments).await,
        _ => Err(Halt::from(RpcError::new(code::INVALID_PARAMS, "there is no such tool")).into()),
    };
    let context = &exchange.caller().context;
    match called {
        Ok(mut result) => {
            result.meta.extend(refusal::noted(context));
            Ok(result)
        }
        Err(Stop::Refused(error)) => Ok(refusal::refused(context, error)),
        Err(Stop::Halt(halt)) => Err(halt),
    }
}

/// A result for programs, with what it says in words before the same as JSON.
fn told(words: impl Into<String>, value: Value) -> ToolResult {
    let mut result = ToolResult::structured(value);
    result.content.insert(0, Content::text(words));
    result
}

/// What a job looks like for programs: [`schema::job`].
fn facts(job: &KeptJob) -> Value {
    let mut facts = serde_json::json!(job);
    facts["uri"] = Place::Job(job.id).to_string().into();
    facts
}

fn wrong(param: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message).with_param(param)
}

fn no_such_job() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such job").with_param("id")
}
