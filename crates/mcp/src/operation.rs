//! A request of a client as traces and metrics tell of it, by OpenTelemetry's conventions
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/>).
//!
//! Nothing that a client makes up is a name or a label: methods are of a closed list, tools and prompts are told of once they
//! were found among what is offered.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use outcrop_ports::McpSessionKey;
use outcrop_telemetry::current::{self, Current};
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TRACEPARENT, TRACESTATE, TraceContext};
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{MessageId, Params, Request, RpcError, Version, code};
use serde_json::Value;
use tokio::time::Instant;

use crate::{Caller, McpOptions};

/// Every method there is.
const METHODS: [&str; 15] = [
    "initialize",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
];
/// A method that is none of them, or an error.
const OTHER: &str = "_OTHER";
/// What the conventions call a tool that says that it failed.
const TOOL_ERROR: &str = "tool_error";
/// What the platform is to be sorry for.
const OURS: [ErrorCode; 4] =
    [ErrorCode::Internal, ErrorCode::Upstream, ErrorCode::Unavailable, ErrorCode::Timeout];
/// Where in its `_meta` a tool's result has the platform's own error.
const TOLD: &str = "outcrop/error";
/// Longest scheme of a resource that is told, bytes.
const MAX_SCHEME: usize = 16;
/// Bytes of a session's name that are told: the name is a hash of its secret, and so many tell sessions apart.
const SESSION_BYTES: usize = 8;

/// One request. Clones are the same one; it ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Operation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    span: Span,
    method: &'static str,
    began: Instant,
    target: OnceLock<Target>,
    ending: OnceLock<Ending>,
}

/// What it is about, by a name that is offered.
#[derive(Debug)]
pub(crate) enum Target {
    /// A tool.
    Tool(String),
    /// A prompt.
    Prompt(String),
}

/// How it ended. One without an ending was called off.
#[derive(Debug)]
enum Ending {
    Answered,
    /// With what JSON-RPC knows as an error, or a tool.
    Error {
        kind: &'static str,
        code: Option<i64>,
        /// Whether it is the platform that is at fault.
        is_ours: bool,
    },
}

impl Operation {
    /// Begins below the caller's HTTP request; what is done for the caller from now on is done below this.
    pub(crate) fn start(
        options: &McpOptions,
        caller: &mut Caller,
        request: &Request,
        version: Option<Version>,
        session: Option<&McpSessionKey>,
    ) -> Self {
        let method = METHODS.into_iter().find(|it| *it == request.method).unwrap_or(OTHER);
        let (parent, link) = place(options, &caller.context.trace, &request.params);
        let mut span = Span::start_linked(SpanKind::Internal, method, &parent, link.as_slice());
        if span.is_recording() {
            tell(&mut span, method, request);
            if let Some(version) = version {
                span.set(names::MCP_VERSION, version.name());
            }
            if let Some(McpSessionKey(name)) = session {
                let short: String = name.iter().take(SESSION_BYTES).map(|it| format!("{it:02x}")).collect();
                span.set(names::MCP_SESSION, short);
            }
        }
        caller.context.trace = span.context().clone();
        let (target, ending) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { span, method, began: Instant::now(), target, ending }))
    }

    /// Does the work as the caller's, below this: of several messages in one body each has an id of its own.
    pub(crate) fn within<F: Future>(
        &self,
        caller: &Caller,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        as_of(caller, self.0.span.context(), work)
    }

    /// What it is about has been found.
    pub(crate) fn found(&self, target: Target) {
        // It is about one thing; of two rounds of looking both find the same.
        drop(self.0.target.set(target));
    }

    /// Its answer is there.
    pub(crate) fn answered(&self, result: &Params) {
        let has_failed = result.get("isError").and_then(Value::as_bool).unwrap_or_default();
        let ending = match has_failed {
            true => Ending::Error { kind: TOOL_ERROR, code: None, is_ours: is_ours(result) },
            false => Ending::Answered,
        };
        drop(self.0.ending.set(ending));
    }

    /// Its answer is an error.
    pub(crate) fn refused(&self, error: &RpcError) {
        let (kind, is_ours) = (error_type(error.code), error.status() >= 500);
        drop(self.0.ending.set(Ending::Error { kind, code: Some(error.code), is_ours }));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let took_s = self.began.elapsed().as_secs_f64();
        let mut labels = vec![KeyValue::new(names::MCP_METHOD, self.method)];
        match self.target.take() {
            Some(Target::Tool(name)) => {
                self.aim(names::GEN_AI_TOOL, &name);
                labels.push(KeyValue::new(names::GEN_AI_TOOL, name));
            }
            // Teams make prompts, as many as they like: that is no label.
            Some(Target::Prompt(name)) => self.aim(names::GEN_AI_PROMPT, &name),
            None => {}
        }
        let broke_off = || Ending::Error { kind: OTHER, code: None, is_ours: true };
        let ending = self.ending.take().or_else(|| std::thread::panicking().then(broke_off));
        match ending {
            Some(Ending::Answered) => {}
            Some(Ending::Error { kind, code, is_ours }) => {
                labels.push(KeyValue::new(names::ERROR_TYPE, kind));
                if let Some(code) = code {
                    self.span.set(names::RPC_STATUS, code.to_string());
                }
                match is_ours {
                    true => self.span.fail(kind, "the request failed"),
                    // As with HTTP, what a client got wrong is no failure of the server.
                    false => self.span.set(names::ERROR_TYPE, kind),
                }
            }
            None => self.span.set(names::OUTCOME, "cancelled"),
        }
        names::MCP_DURATION.record(took_s, &labels);
    }
}

impl Inner {
    fn aim(&mut self, key: &'static str, name: &str) {
        if self.span.is_recording() {
            self.span.rename(format!("{} {name}", self.method));
            self.span.set(key, name);
        }
    }
}

/// Does work for a caller in no trace: what goes on long after its request was answered is no part of that one.
pub(crate) fn apart<F: Future>(caller: &Caller, work: F) -> impl Future<Output = F::Output> + use<F> {
    as_of(caller, &TraceContext::none(), work)
}

/// A stream on which a client waits for news, as long as this is held.
#[derive(Debug)]
pub(crate) struct Listening(());

impl Listening {
    /// One more.
    pub(crate) fn begin() -> Self {
        names::MCP_LISTENERS.add(1.0, &[]);
        Self(())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        names::MCP_LISTENERS.add(-1.0, &[]);
    }
}

fn as_of<F: Future>(
    caller: &Caller,
    trace: &TraceContext,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    let request_id: Arc<str> = caller.context.request_id.to_string().into();
    let now = current::get().unwrap_or_else(|| Current::new(Arc::clone(&request_id), TraceContext::none()));
    let mut current = now.below(trace);
    current.request_id = request_id;
    current.scope(work)
}

/// Where it begins, and what else it has to do with: a client may say in the message where it is in its own trace. In the
/// trace that the HTTP request is part of already, that is the nearer parent. Any other is only pointed at, so that what is done
/// for one HTTP request is one trace.
fn place(options: &McpOptions, http: &TraceContext, params: &Params) -> (TraceContext, Option<TraceContext>) {
    let about = params.get("_meta");
    let said = |name: &str| about?.get(name)?.as_str();
    if !outcrop_telemetry::trace::is_on() || said(TRACEPARENT).is_none() {
        return (http.clone(), None);
    }
    let theirs =
        TraceContext::extract(
            |name| if [TRACEPARENT, TRACESTATE].contains(&name) { said(name) } else { None },
        );
    let trace_of = |it: &TraceContext| it.span_context().map(|it| it.trace_id());
    match trace_of(&theirs) {
        None => (http.clone(), None),
        id if id == trace_of(http) && options.follow_clients => (theirs.undecided(), None),
        Some(_) => (http.clone(), Some(theirs)),
    }
}

/// What is known of it before it is worked on.
fn tell(span: &mut Span, method: &'static str, request: &Request) {
    span.set(names::MCP_METHOD, method);
    // An id of text is whatever a client likes to write, a secret or a prompt as well.
    if let MessageId::Number(number) = &request.id {
        span.set(names::JSONRPC_ID, number.to_string());
    }
    if method == "tools/call" {
        span.set(names::GEN_AI_OPERATION, "execute_tool");
    }
    // The rest of it names somebody's things.
    let scheme = request.params.get("uri").and_then(Value::as_str).and_then(|it| it.split_once("://"));
    if let Some((scheme, _)) = scheme
        && scheme.len() <= MAX_SCHEME
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric())
    {
        span.set(names::MCP_RESOURCE, format!("{scheme}://"));
    }
}

/// Whether a tool failed by a fault of the platform, which says so beside its words.
fn is_ours(result: &Params) -> bool {
    let told = || result.get("_meta")?.get(TOLD)?.get("code")?.as_str();
    told().is_some_and(|said| OURS.iter().any(|code| code.name() == said))
}

/// The conventions' `error.type`: the code of JSON-RPC, as text.
const fn error_type(rpc_code: i64) -> &'static str {
    match rpc_code {
        code::PARSE_ERROR => "-32700",
        code::INVALID_REQUEST => "-32600",
        code::METHOD_NOT_FOUND => "-32601",
        code::INVALID_PARAMS => "-32602",
        code::INTERNAL_ERROR => "-32603",
        code::RESOURCE_NOT_FOUND => "-32002",
        code::HEADER_MISMATCH => "-32020",
        code::MISSING_CAPABILITY => "-32021",
        code::UNSUPPORTED_VERSION => "-32022",
        401 => "401",
        402 => "402",
        403 => "403",
        404 => "404",
        406 => "406",
        409 => "409",
        413 => "413",
        429 => "429",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => OTHER,
    }
}
