//! One usage record per model call that cost something, however the call ended.

mod estimate;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use outcrop_chat::{BlockStart, Delta, Event, Response, StopReason};
use outcrop_http::RequestContext;
use outcrop_lifecycle::{Guard, InFlight};
use outcrop_ports::{Clock, IdGen, ModelError, ResolvedModel, Tally};
use outcrop_types::{Classify, ErrorCode, Outcome, Principal, TokenUsage, UsageId, UsageRecord};

pub(crate) use self::estimate::{estimate_input, estimate_text};
use crate::spool::Spool;

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
        // No model reads more than its window holds.
        let input_estimate = input_estimate.min(model.info.context_window.map_or(u64::MAX, u64::from));
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
            heard: Arc::default(),
            listens: false,
            tally: None,
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
    heard: Arc<Mutex<Heard>>,
    /// Whether the model itself is listened to: what is made of its words is then not counted again.
    listens: bool,
    /// Where what the parts of the call use is counted, if it has such.
    tally: Option<Tally>,
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
        if !self.listens {
            self.heard().saw(event, self.arrived);
        }
    }

    /// Whoever gets the model's own events hands them to this before anything is made of them: what is held back from
    /// the client is paid for all the same. What [`OpenCall::saw`] sees from then on says nothing new.
    pub(crate) fn listen(&mut self) -> impl FnMut(&Event) + Send + use<> {
        self.listens = true;
        let (heard, arrived) = (Arc::clone(&self.heard), self.arrived);
        move |event| lock(&heard).saw(event, arrived)
    }

    pub(crate) fn saw_stop(&mut self, reason: StopReason) {
        self.heard().stop_reason = Some(reason);
    }

    /// Takes note of what a stream says at its beginning: if it ends early, only its output has to be estimated.
    pub(crate) fn begun(&mut self, usage: TokenUsage) {
        self.heard().begun = Some(usage);
    }

    /// What was told so far of what is used.
    pub(crate) fn told(&self) -> TokenUsage {
        let heard = self.heard();
        heard.reported.or(heard.begun).unwrap_or_default()
    }

    /// The call is made in parts, and what they use is counted here.
    pub(crate) fn watch(&mut self, tally: Tally) {
        self.tally = Some(tally);
    }

    /// Takes note of what the answer says it used.
    pub(crate) fn reported(&mut self, usage: TokenUsage) {
        self.heard().reported = Some(usage);
    }

    /// Takes note of so many bytes of text in the answer, from which its tokens are estimated if nobody tells.
    pub(crate) fn saw_output(&mut self, bytes: usize) {
        self.heard().wrote(bytes, self.arrived);
    }

    /// Takes note of a whole answer.
    pub(crate) fn saw_answer(&mut self, response: &Response) {
        self.reported(response.usage);
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
        // One part may have failed at no cost, and others not.
        let cost = self.tally.as_ref().map_or(error.failure.may_cost(), |tally| !tally.read().0.is_nothing());
        if cost {
            self.failed(error.code());
        } else {
            self.record = None;
        }
    }

    /// What was used, and whether that is an estimate.
    fn used(&self, heard: &Heard) -> (TokenUsage, bool) {
        let estimate = || TokenUsage {
            output: estimate_text(heard.output_bytes),
            ..heard.begun.unwrap_or(TokenUsage { input: self.input_estimate, ..TokenUsage::default() })
        };
        match (heard.reported, &self.tally) {
            (Some(reported), _) => (reported, false),
            (None, Some(tally)) => tally.read(),
            (None, None) => (estimate(), true),
        }
    }

    fn write(&mut self, outcome: Outcome, error: Option<ErrorCode>) {
        let Some(mut record) = self.record.take() else { return };
        record.outcome = outcome;
        record.error = error.map(|code| code.name().to_owned());
        record.latency_ms = millis_since(self.arrived);
        {
            let heard = self.heard();
            record.stop_reason = heard.stop_reason.map(|reason| reason.name().to_owned());
            record.first_token_ms = heard.first_token_ms.filter(|_| record.streamed);
            (record.tokens, record.estimated) = self.used(&heard);
        }
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

    fn heard(&self) -> MutexGuard<'_, Heard> {
        lock(&self.heard)
    }
}

/// What came of a call so far.
#[derive(Debug, Default)]
struct Heard {
    output_bytes: usize,
    first_token_ms: Option<u64>,
    stop_reason: Option<StopReason>,
    /// What a stream told at its beginning: what was read, and nothing yet of what was written.
    begun: Option<TokenUsage>,
    /// What Bedrock says was used.
    reported: Option<TokenUsage>,
}

impl Heard {
    fn saw(&mut self, event: &Event, arrived: Instant) {
        match event {
            Event::Delta { delta, .. } => {
                let bytes = match delta {
                    Delta::Text(text) | Delta::ToolInput(text) | Delta::Reasoning(text) => text.len(),
                    Delta::Signature(_) | Delta::RedactedReasoning(_) | Delta::Citation(_) => 0,
                };
                self.wrote(bytes, arrived);
            }
            Event::BlockStart { start: BlockStart::ToolUse { name, .. }, .. } => {
                self.wrote(name.len(), arrived)
            }
            Event::Stop(reason) => self.stop_reason = Some(*reason),
            Event::Usage(usage) => self.reported = Some(*usage),
            Event::Start | Event::BlockStop { .. } | Event::Extra(_) => {}
        }
    }

    fn wrote(&mut self, bytes: usize, arrived: Instant) {
        self.output_bytes += bytes;
        self.first_token_ms.get_or_insert_with(|| millis_since(arrived));
    }
}

/// A panic between two notes leaves numbers, not a broken structure.
fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        // Whoever went away before the first part was sent cost nothing.
        if self.tally.as_ref().is_some_and(|tally| tally.read().0.is_nothing()) {
            self.record = None;
        }
        self.write(Outcome::Cancelled, None);
    }
}

fn millis_since(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(MODEL_NAME_BYTES)]
}
