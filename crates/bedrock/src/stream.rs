//! ConverseStream's events to `chat::Event`, one by one as they come.

use std::time::Duration;

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types as sdk;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use bytes::Bytes;
use futures::stream;
use outcrop_chat::{BlockStart, Delta, Event, Extra, ServiceTier, StopReason};
use outcrop_ports::{EventStream, ModelError, ModelFailure};
use outcrop_types::TokenUsage;
use tokio::time::{Instant, timeout, timeout_at};

use crate::request::OurPaths;
use crate::response::{self, usage};
use crate::{citations, document, errors, trace};

/// Longest wait for the usage of an answer that is whole: it follows at once, or never.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// Most events without a word that are read before a stream is handed out all the same.
const MOST_EARLY: usize = 16;

type Receiver = EventReceiver<sdk::ConverseStreamOutput, ConverseStreamOutputError>;

/// A stream that Bedrock has accepted.
pub(crate) struct Events {
    receiver: Receiver,
    /// Longest silence between two events.
    idle: Duration,
    request_id: Option<String>,
    /// Whether the answer is whole: nothing more is needed, though usage should follow.
    stopped: bool,
    /// Whether usage came.
    metered: bool,
    told_unknown: bool,
    /// Which fields of the model's answer were asked for by us.
    ours: OurPaths,
    /// What else was said of the answer; it is told before the usage.
    extra: Extra,
    /// How much of the answer was thought, tokens.
    reasoning: u64,
    /// What follows the event handed out last.
    next: Option<Event>,
}

impl Events {
    pub(crate) fn new(
        receiver: Receiver,
        request_id: Option<String>,
        idle: Duration,
        ours: OurPaths,
    ) -> Self {
        Self {
            receiver,
            idle,
            request_id,
            stopped: false,
            metered: false,
            told_unknown: false,
            ours,
            extra: Extra::default(),
            reasoning: 0,
            next: None,
        }
    }

    /// Waits until `deadline` for the first event that says something, so that an early failure is the call's own: that a
    /// message begins is told at once, whatever becomes of it. A model that thinks unseen (`thinks`) may go on in silence
    /// once its message has begun.
    pub(crate) async fn begin(
        mut self,
        deadline: Instant,
        waited: Duration,
        thinks: bool,
    ) -> Result<EventStream, ModelError> {
        let mut early = Vec::with_capacity(2);
        let mut until = deadline;
        while early.len() < MOST_EARLY {
            // Dropped in the middle, the receiver has lost nothing.
            match timeout_at(until, self.next()).await {
                Ok(Ok(Some(event))) => {
                    let speaks = says_something(&event);
                    early.push(Ok(event));
                    if speaks {
                        break;
                    }
                    until = deadline.min(Instant::now() + self.idle);
                }
                Ok(Ok(None)) => return Ok(Box::pin(stream::iter(early))),
                Ok(Err(error)) => return Err(error),
                Err(_) if thinks && !early.is_empty() => break,
                Err(_) => return Err(errors::timed_out(waited, "nothing")),
            }
        }
        let state = Box::new(self);
        let rest = stream::unfold(Some(state), |state| async move {
            let mut events = state?;
            match timeout(events.patience(), events.next()).await {
                Ok(Ok(Some(event))) => Some((Ok(event), Some(events))),
                Ok(Ok(None)) => None,
                // Everything was said; how the connection ends is of no interest. If usage did not come by now it is
                // estimated, which is better than to call a whole answer a failure.
                Ok(Err(_)) | Err(_) if events.stopped => {
                    if !events.metered {
                        tracing::warn!(
                            aws.request_id = events.request_id,
                            "Bedrock told no usage of an answer"
                        );
                    }
                    None
                }
                Ok(Err(error)) => Some((Err(error), None)),
                Err(_) => Some((Err(errors::timed_out(events.idle, "nothing more")), None)),
            }
        });
        Ok(Box::pin(stream::StreamExt::chain(stream::iter(early), rest)))
    }

    /// Longest wait for the next event.
    fn patience(&self) -> Duration {
        if self.stopped { self.idle.min(METADATA_WAIT) } else { self.idle }
    }

    /// The next event that means something here; `None` at the end of a whole answer.
    async fn next(&mut self) -> Result<Option<Event>, ModelError> {
        if let Some(event) = self.next.take() {
            return Ok(Some(event));
        }
        loop {
            match self.receiver.recv().await {
                Ok(Some(event)) => {
                    if let Some(event) = self.read(event) {
                        return Ok(Some(event));
                    }
                }
                Ok(None) if self.stopped => return Ok(None),
                Ok(None) => return Err(self.cut()),
                Err(error) => return Err(errors::from_stream(error, self.request_id.take())),
            }
        }
    }

    /// The event in our words; `None` for what has no place in an answer.
    fn read(&mut self, event: sdk::ConverseStreamOutput) -> Option<Event> {
        match event {
            sdk::ConverseStreamOutput::MessageStop(it) => {
                self.stopped = true;
                let fields = it.additional_model_response_fields.map(document::into_value);
                let (fields, details) = response::fields(fields, self.ours);
                self.extra.fields = fields;
                self.extra.stop_sequence = details.stop_sequence;
                self.reasoning = details.reasoning;
                Some(Event::Stop(StopReason::parse(it.stop_reason.as_str())))
            }
            sdk::ConverseStreamOutput::Metadata(it) => self.metadata(it),
            event => {
                let event = translate(event);
                if event.is_none() {
                    self.tell_unknown();
                }
                event
            }
        }
    }

    /// What is said at the end: of the answer, and what it used.
    fn metadata(&mut self, it: sdk::ConverseStreamMetadataEvent) -> Option<Event> {
        self.extra.service_tier = it.service_tier.and_then(|it| ServiceTier::parse(it.r#type.as_str()));
        self.extra.optimized_latency = it.performance_config.map(|it| response::is_optimized(&it));
        self.extra.trace = it.trace.and_then(|it| trace::trace(it.guardrail, it.prompt_router));
        let usage = it.usage.as_ref().map(|it| TokenUsage { reasoning: self.reasoning, ..usage(it) });
        self.metered |= usage.is_some();
        let usage = usage.map(Event::Usage);
        let extra = std::mem::take(&mut self.extra);
        if extra.is_empty() {
            return usage;
        }
        self.next = usage;
        Some(Event::Extra(Box::new(extra)))
    }

    fn cut(&mut self) -> ModelError {
        let message = "the connection to Bedrock ended before the answer was whole";
        ModelError {
            bedrock_request_id: self.request_id.take(),
            ..errors::failed(ModelFailure::Broken, message)
        }
    }

    fn tell_unknown(&mut self) {
        if !std::mem::replace(&mut self.told_unknown, true) {
            tracing::debug!("left out a stream event of an unknown kind");
        }
    }
}

/// Whether a client that was handed this event has something of the answer, or its end.
fn says_something(event: &Event) -> bool {
    match event {
        Event::Delta { delta: Delta::Text(text) | Delta::Reasoning(text), .. } => !text.is_empty(),
        Event::BlockStart { .. } | Event::Delta { .. } | Event::Stop(_) => true,
        _ => false,
    }
}

/// One event in our words, its strings moved; `None` for what has no place in an answer.
fn translate(event: sdk::ConverseStreamOutput) -> Option<Event> {
    Some(match event {
        sdk::ConverseStreamOutput::ContentBlockDelta(it) => {
            Event::Delta { index: index(it.content_block_index), delta: delta(it.delta?)? }
        }
        sdk::ConverseStreamOutput::ContentBlockStart(it) => match it.start? {
            sdk::ContentBlockStart::ToolUse(tool) => Event::BlockStart {
                index: index(it.content_block_index),
                start: BlockStart::ToolUse { id: tool.tool_use_id, name: tool.name },
            },
            _ => return None,
        },
        sdk::ConverseStreamOutput::ContentBlockStop(it) => {
            Event::BlockStop { index: index(it.content_block_index) }
        }
        sdk::ConverseStreamOutput::MessageStart(_) => Event::Start,
        _ => return None,
    })
}

fn delta(delta: sdk::ContentBlockDelta) -> Option<Delta> {
    Some(match delta {
        sdk::ContentBlockDelta::Text(text) => Delta::Text(text),
        sdk::ContentBlockDelta::ToolUse(it) => Delta::ToolInput(it.input),
        sdk::ContentBlockDelta::Citation(it) => Delta::Citation(citations::delta(it)),
        sdk::ContentBlockDelta::ReasoningContent(it) => match it {
            sdk::ReasoningContentBlockDelta::Text(text) => Delta::Reasoning(text),
            sdk::ReasoningContentBlockDelta::Signature(signature) => Delta::Signature(signature),
            sdk::ReasoningContentBlockDelta::RedactedContent(it) => {
                Delta::RedactedReasoning(Bytes::from(it.into_inner()))
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn index(index: i32) -> u32 {
    u32::try_from(index).unwrap_or_default()
}
