//! One usage record per model call that cost something, however the call ended.

use std::sync::Arc;
use std::time::Instant;

use outcrop_chat::{
    Block, BlockStart, Delta, Document, DocumentSource, Event, Reasoning, Request, Response, StopReason,
    SystemBlock, ToolResultBlock,
};
use outcrop_http::RequestContext;
use outcrop_lifecycle::{Guard, InFlight};
use outcrop_ports::{Clock, IdGen, ModelError, ModelFailure, ResolvedModel};
use outcrop_types::{Classify, ErrorCode, Outcome, Principal, TokenUsage, UsageId, UsageRecord};

use crate::spool::Spool;

/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: usize = 4;
/// What Anthropic documents for a picture of 1092 by 1092 pixels, the largest that is not scaled down.
const TOKENS_PER_IMAGE: usize = 1_590;
/// Longest model name in a record; what a client sends as a name has no bound of its own.
const MODEL_NAME_BYTES: usize = 512;

/// What a call is for, as usage records name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Chat,
    Invoke,
    Embeddings,
    Rerank,
    Images,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Invoke => "invoke",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Images => "images",
        }
    }
}

/// Opens records and keeps them safe when they are closed.
pub(crate) struct Metering {
    pub(crate) spool: Arc<Spool>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    open_calls: InFlight,
}

impl Metering {
    pub(crate) fn new(
        spool: Arc<Spool>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        open_calls: InFlight,
    ) -> Self {
        Self { spool, clock, ids, open_calls }
    }

    /// Opens the record of a call that is about to be made.
    pub(crate) fn open(
        &self,
        principal: &Principal,
        context: &RequestContext,
        asked: &str,
        model: &ResolvedModel,
        region: &str,
        (operation, input_estimate): (Operation, u64),
    ) -> OpenCall {
        let record = UsageRecord {
            id: UsageId::new(self.ids.uuid()),
            request_id: context.request_id.clone(),
            at: self.clock.now(),
            team: principal.team,
            subject: principal.subject,
            key: principal.key.clone(),
            dialect: context.dialect.name().to_owned(),
            operation: operation.name().to_owned(),
            model_asked: shorten(asked).to_owned(),
            model_served: shorten(&model.bedrock_id).to_owned(),
            region: region.to_owned(),
            tokens: TokenUsage::default(),
            estimated: false,
            streamed: false,
            latency_ms: 0,
            first_token_ms: None,
            stop_reason: None,
            outcome: Outcome::Cancelled,
            error: None,
        };
        OpenCall {
            record: Some(Box::new(record)),
            spool: Arc::clone(&self.spool),
            arrived: context.arrived,
            input_estimate,
            output_bytes: 0,
            reported: None,
            _open: self.open_calls.enter(),
        }
    }
}

/// A call whose record is not written yet. Dropped, it is a call whose client went away.
pub(crate) struct OpenCall {
    /// Taken when it is written.
    record: Option<Box<UsageRecord>>,
    spool: Arc<Spool>,
    arrived: Instant,
    input_estimate: u64,
    output_bytes: usize,
    /// What Bedrock says was used.
    reported: Option<TokenUsage>,
    _open: Guard,
}

impl OpenCall {
    /// The call is made as a stream.
    pub(crate) fn set_streamed(&mut self) {
        if let Some(record) = &mut self.record {
            record.streamed = true;
        }
    }

    /// Takes note of what one event says about usage.
    pub(crate) fn saw(&mut self, event: &Event) {
        match event {
            Event::Delta { delta, .. } => {
                self.output_bytes += match delta {
                    Delta::Text(text) | Delta::ToolInput(text) | Delta::Reasoning(text) => text.len(),
                    Delta::Signature(_) | Delta::RedactedReasoning(_) | Delta::Citation(_) => 0,
                };
                self.saw_content();
            }
            Event::BlockStart { start: BlockStart::ToolUse { name, .. }, .. } => {
                self.output_bytes += name.len();
                self.saw_content();
            }
            Event::Stop(reason) => self.saw_stop(*reason),
            Event::Usage(usage) => self.reported = Some(*usage),
            Event::Start | Event::BlockStop { .. } | Event::Extra(_) => {}
        }
    }

    fn saw_content(&mut self) {
        if let Some(record) = &mut self.record
            && record.first_token_ms.is_none()
        {
            record.first_token_ms = Some(millis_since(self.arrived));
        }
    }

    pub(crate) fn saw_stop(&mut self, reason: StopReason) {
        if let Some(record) = &mut self.record {
            record.stop_reason = Some(reason.name().to_owned());
        }
    }

    /// Takes note of what the answer says it used.
    pub(crate) fn reported(&mut self, usage: TokenUsage) {
        self.reported = Some(usage);
    }

    /// Takes note of so many bytes of text in the answer, from which its tokens are estimated if nobody tells.
    pub(crate) fn saw_output(&mut self, bytes: usize) {
        self.output_bytes += bytes;
        self.saw_content();
    }

    /// Takes note of a whole answer.
    pub(crate) fn saw_answer(&mut self, response: &Response) {
        self.reported = Some(response.usage);
        self.saw_stop(response.stop_reason);
    }

    /// Answered to the end: the record is safe when this returns.
    pub(crate) fn completed(&mut self) {
        self.write(Outcome::Completed, None);
    }

    /// Failed on the way.
    pub(crate) fn failed(&mut self, code: ErrorCode) {
        self.write(Outcome::Failed, Some(code));
    }

    /// Failed before anything came. Only what Bedrock may have charged for is recorded.
    pub(crate) fn refused(&mut self, error: &ModelError) {
        match error.failure {
            ModelFailure::TimedOut | ModelFailure::Model | ModelFailure::Broken => self.failed(error.code()),
            ModelFailure::Invalid
            | ModelFailure::Denied
            | ModelFailure::NotFound
            | ModelFailure::Throttled
            | ModelFailure::Unavailable
            | ModelFailure::Internal => self.record = None,
        }
    }

    fn write(&mut self, outcome: Outcome, error: Option<ErrorCode>) {
        let Some(mut record) = self.record.take() else { return };
        record.outcome = outcome;
        record.error = error.map(|code| code.name().to_owned());
        record.latency_ms = millis_since(self.arrived);
        if !record.streamed {
            record.first_token_ms = None;
        }
        record.estimated = self.reported.is_none();
        record.tokens = self.reported.unwrap_or_else(|| TokenUsage {
            input: self.input_estimate,
            output: self.output_bytes.div_ceil(BYTES_PER_TOKEN) as u64,
            ..TokenUsage::default()
        });
        tracing::debug!(
            request.id = %record.request_id,
            team.id = %record.team,
            gen_ai.request.model = record.model_asked,
            gen_ai.response.model = record.model_served,
            gen_ai.usage.input_tokens = record.tokens.total_input(),
            gen_ai.usage.output_tokens = record.tokens.output,
            duration_ms = record.latency_ms,
            outcome = outcome.name(),
            "a model was called"
        );
        self.spool.append(&record);
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.write(Outcome::Cancelled, None);
    }
}

fn millis_since(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(MODEL_NAME_BYTES)]
}

/// About how many tokens the model reads; an estimate for calls that Bedrock never reported on.
pub(crate) fn estimate_input(request: &Request) -> u64 {
    let mut bytes: usize = request.system.iter().map(system_bytes).sum();
    let mut images = 0;
    for block in request.messages.iter().flat_map(|message| &message.content) {
        match block {
            Block::Text(text) | Block::Reasoning(Reasoning::Text { text, .. }) => bytes += text.len(),
            // Nobody but the model knows how long its arguments are without writing them out again.
            Block::ToolUse(call) => bytes += call.name.len(),
            Block::Image(_) | Block::Link(_) => images += 1,
            Block::Document(document) => bytes += document_bytes(document),
            Block::Guard(guarded) => bytes += guarded.text.len(),
            Block::Cited(cited) => bytes += cited.text.len(),
            Block::SearchResult(found) => bytes += found.content.iter().map(String::len).sum::<usize>(),
            // How long films and sounds are does not show in their size.
            Block::Reasoning(Reasoning::Redacted(_))
            | Block::CachePoint(_)
            | Block::Video(_)
            | Block::Audio(_) => {}
            Block::ToolResult(result) => {
                for part in &result.content {
                    match part {
                        ToolResultBlock::Text(text) => bytes += text.len(),
                        ToolResultBlock::Image(_) | ToolResultBlock::Link(_) => images += 1,
                        ToolResultBlock::Json(value) => bytes += value.to_string().len(),
                        ToolResultBlock::Document(document) => bytes += document_bytes(document),
                        ToolResultBlock::SearchResult(found) => {
                            bytes += found.content.iter().map(String::len).sum::<usize>()
                        }
                        ToolResultBlock::Video(_) => {}
                    }
                }
            }
        }
    }
    (bytes.div_ceil(BYTES_PER_TOKEN) + images * TOKENS_PER_IMAGE) as u64
}

fn system_bytes(block: &SystemBlock) -> usize {
    match block {
        SystemBlock::Text(text) => text.len(),
        SystemBlock::Guard(guarded) => guarded.text.len(),
        SystemBlock::CachePoint(_) => 0,
    }
}

/// A file's bytes stand for its text: too many for pictures in it, too few for packed formats.
fn document_bytes(document: &Document) -> usize {
    match &document.source {
        DocumentSource::File(source) => source.size(),
        DocumentSource::Text(text) => text.len(),
        DocumentSource::Parts(parts) => parts.iter().map(String::len).sum(),
    }
}
