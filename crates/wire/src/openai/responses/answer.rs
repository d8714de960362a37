//! The response object.

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Response, ServiceTier, StopReason};
use outcrop_types::{ErrorCode, ResponseId, TokenUsage};
use serde::Serialize;

use super::Asked;
use super::called::CalledTools;
use super::output::{self, OutputItem, Progress, Shown, put_json};
use crate::error::ErrorBody;
use crate::escape::{put_integer, put_string};

/// An answer as far as it is known, and what it says of itself.
#[derive(Debug)]
pub struct Answer {
    /// Its id, of which those of its items are made.
    pub id: ResponseId,
    /// When it was begun, seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: String,
    /// The model's own id, by which thoughts are known as its own when they come back.
    pub model_id: String,
    /// Whether it is to be kept.
    pub store: bool,
    asked: Asked,
    pub(super) tools: CalledTools,
    pub(super) items: Vec<OutputItem>,
    pub(super) stop: StopReason,
    pub(super) usage: Option<TokenUsage>,
    pub(super) tier: Option<ServiceTier>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// When, seconds since the Unix epoch.
    pub at: i64,
    /// Whether it is kept.
    pub stored: bool,
}

/// How far an answer is.
#[derive(Clone, Copy)]
pub(super) enum Status<'a> {
    Queued,
    InProgress,
    Ended(Ending),
    Failed(&'a ErrorBody),
}

impl Answer {
    /// An answer of which nothing has been said yet.
    #[must_use]
    pub fn new(
        id: ResponseId,
        created: i64,
        (model, model_id): (String, String),
        store: bool,
        asked: Asked,
        tools: CalledTools,
    ) -> Self {
        Self {
            id,
            created,
            model,
            model_id,
            store,
            asked,
            tools,
            items: Vec::new(),
            stop: StopReason::EndTurn,
            usage: None,
            tier: None,
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn of(mut self, response: &Response) -> Self {
        self.items = output::items(&response.content);
        self.stop = response.stop_reason;
        self.usage = Some(response.usage);
        self.tier = response.extra.service_tier;
        self
    }

    /// The response object for the client.
    #[must_use]
    pub fn object(&self, ending: Ending) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size());
        self.put_object(&mut out, Status::Ended(ending));
        out.freeze()
    }

    /// The response object of an answer that is to be made later.
    #[must_use]
    pub fn queued(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size());
        self.put_object(&mut out, Status::Queued);
        out.freeze()
    }

    /// The response object to be kept: with all thoughts in a form that can be given back.
    #[must_use]
    pub fn kept(&self, at: i64) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size());
        self.put(&mut out, Status::Ended(Ending { at, stored: true }), true);
        out.freeze()
    }

    /// About how many bytes the object has.
    fn size(&self) -> usize {
        let items = self.items.iter().map(|item| match item {
            OutputItem::Message(parts) => parts.iter().map(|it| it.text.len()).sum(),
            OutputItem::Call(call) => call.arguments.len(),
            OutputItem::Reasoning(_) => 2_048,
        });
        1_024 + self.asked.echo.len() + items.map(|it: usize| it + it / 8 + 256).sum::<usize>()
    }

    pub(super) fn put_object(&self, out: &mut BytesMut, status: Status<'_>) {
        self.put(out, status, self.asked.encrypted);
    }

    fn put(&self, out: &mut BytesMut, status: Status<'_>, encrypted: bool) {
        let incomplete = incomplete(self.stop).filter(|_| matches!(status, Status::Ended(_)));
        let (word, completed_at, stored) = match status {
            Status::Queued => ("queued", None, self.store),
            Status::InProgress => ("in_progress", None, self.store),
            Status::Failed(_) => ("failed", None, false),
            Status::Ended(ending) if incomplete.is_some() => ("incomplete", None, ending.stored),
            Status::Ended(ending) => ("completed", Some(ending.at), ending.stored),
        };
        out.put_slice(b"{\"id\":\"");
        out.put_slice(self.id.to_string().as_bytes());
        out.put_slice(b"\",\"object\":\"response\",\"created_at\":");
        put_integer(out, self.created);
        out.put_slice(b",\"status\":\"");
        out.put_slice(word.as_bytes());
        out.put_slice(b"\",\"completed_at\":");
        put_json(out, &completed_at);
        out.put_slice(b",\"error\":");
        let error = if let Status::Failed(error) = status { Some(FailureJson::from(error)) } else { None };
        put_json(out, &error);
        out.put_slice(b",\"incomplete_details\":");
        put_json(out, &incomplete.map(|reason| IncompleteJson { reason }));
        out.put_slice(b",\"model\":");
        put_string(out, &self.model);
        out.put_slice(b",\"output\":[");
        self.put_items(out, status, encrypted);
        out.put_slice(b"],\"service_tier\":\"");
        out.put_slice(tier(self.tier).as_bytes());
        out.put_slice(if stored { b"\",\"store\":true," } else { b"\",\"store\":false," });
        out.put_slice(&self.asked.echo);
        out.put_slice(b",\"usage\":");
        put_json(out, &self.usage.as_ref().map(UsageJson::from));
        out.put_u8(b'}');
    }

    fn put_items(&self, out: &mut BytesMut, status: Status<'_>, encrypted: bool) {
        if matches!(status, Status::Queued | Status::InProgress) {
            return;
        }
        let shown = self.shown(encrypted);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.put_u8(b',');
            }
            let last = index + 1 == self.items.len();
            shown.put(out, index, item, self.progress(last && matches!(status, Status::Failed(_)), last));
        }
    }

    /// How far an item is when the answer has ended: the last one of a cut answer is cut itself.
    pub(super) const fn progress(&self, failed: bool, last: bool) -> Progress {
        if failed || (last && incomplete(self.stop).is_some()) { Progress::Cut } else { Progress::Whole }
    }

    /// What items are written with, for the client.
    pub(super) fn shown_to_client(&self) -> Shown<'_> {
        self.shown(self.asked.encrypted)
    }

    fn shown(&self, encrypted: bool) -> Shown<'_> {
        Shown { response: self.id, tools: &self.tools, seal_for: encrypted.then_some(&*self.model_id) }
    }
}

/// Why an answer is not complete, if it is not.
pub(super) const fn incomplete(stop: StopReason) -> Option<&'static str> {
    match stop {
        StopReason::MaxTokens | StopReason::ContextWindowExceeded => Some("max_output_tokens"),
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => Some("content_filter"),
        StopReason::EndTurn
        | StopReason::ToolUse
        | StopReason::StopSequence
        | StopReason::MalformedModelOutput
        | StopReason::MalformedToolUse
        | StopReason::Other => None,
    }
}

/// OpenAI's word for the tier; capacity bought beforehand is its `scale`.
const fn tier(tier: Option<ServiceTier>) -> &'static str {
    match tier {
        None | Some(ServiceTier::Default) => "default",
        Some(ServiceTier::Flex) => "flex",
        Some(ServiceTier::Priority) => "priority",
        Some(ServiceTier::Reserved) => "scale",
    }
}

#[derive(Serialize)]
struct IncompleteJson {
    reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct FailureJson<'a> {
    code: &'static str,
    message: &'a str,
}

impl<'a> From<&'a ErrorBody> for FailureJson<'a> {
    /// OpenAI has a short list of codes for what happens after the answer has begun.
    fn from(error: &'a ErrorBody) -> Self {
        let code = match error.code {
            ErrorCode::RateLimited => "rate_limit_exceeded",
            ErrorCode::InvalidRequest => "invalid_prompt",
            _ => "server_error",
        };
        Self { code, message: &error.message }
    }
}

/// `usage`: `input_tokens` counts everything read, cached or not, as OpenAI's does.
#[derive(Serialize)]
struct UsageJson {
    input_tokens: u64,
    input_tokens_details: InputJson,
    output_tokens: u64,
    output_tokens_details: OutputJson,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputJson {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputJson {
    reasoning_tokens: u64,
}

impl From<&TokenUsage> for UsageJson {
    fn from(usage: &TokenUsage) -> Self {
        Self {
            input_tokens: usage.total_input(),
            input_tokens_details: InputJson {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write_5m + usage.cache_write_1h,
            },
            output_tokens: usage.output,
            output_tokens_details: OutputJson { reasoning_tokens: usage.reasoning },
            total_tokens: usage.total(),
        }
    }
}
