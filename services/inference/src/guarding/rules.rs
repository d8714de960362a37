//! Which guardrails look on a call, and by which way.

use outcrop_chat::{Block, Guardrail, Message, Request, SystemBlock};
use outcrop_ports::ResolvedModel;
use outcrop_types::{GuardrailMode, GuardrailRule, GuardrailStream};

use crate::chat::{AskedModel, Caller};
use crate::policies::{Named, each_once};
use crate::{ChatError, InferenceService};

/// The guardrails of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    /// The one that Bedrock applies itself while it calls the model.
    pub(super) native: Option<Native>,
    /// Those that are applied by us, and step in.
    pub(super) enforced: Vec<Applied>,
    /// Those that only tell.
    pub(super) monitors: Vec<Applied>,
    /// Whether the client asked to be told what was found.
    pub(super) traced: bool,
}

/// One that Bedrock applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Native {
    pub(super) guardrail: Guardrail,
}

/// One that we apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) rule: GuardrailRule,
    /// Whether the client named it: what is wrong with it is then for the client to hear.
    pub(super) by_client: bool,
}

/// What decides whether Bedrock can apply a guardrail itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Whether the call has a place for one.
    pub(super) can: bool,
    /// Whether the request marks what guardrails are to look at. What somebody else than the client put over the call
    /// looks at everything, whatever is marked.
    pub(super) marked: bool,
}

/// The guardrails of policies and of the route: those that an answer depends on besides the request.
///
/// Any target of the plan may answer, so what policies say of any of their models holds from the beginning: nobody looks
/// again when a call moves on to another model.
///
/// # Errors
/// [`ChatError::PoliciesUnknown`] right after the start of a process.
pub(crate) async fn holding(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
) -> Result<Vec<GuardrailRule>, ChatError> {
    let book = service.inner().policies.book().await.map_err(|_| ChatError::PoliciesUnknown)?;
    let candidates = model.plan.candidates().iter().map(|it| &it.model);
    let mut models: Vec<&ResolvedModel> = candidates.chain([&model.model]).collect();
    // Ways to the same model differ in their ids, which policies may name, too. Which target comes first today changes
    // nothing.
    models.sort_by(|one, other| one.bedrock_id.cmp(&other.bedrock_id));
    models.dedup_by(|one, other| one.bedrock_id == other.bedrock_id);
    let of_policies = models
        .into_iter()
        .flat_map(|target| book.guardrails(caller.principal, Named { asked: &model.asked, model: target }));
    Ok(each_once(of_policies.chain(model.plan.options.guardrails.iter().cloned())))
}

impl Guards {
    /// Sorts what holds; `client` is what the request itself names.
    pub(super) fn new(held: &[GuardrailRule], client: Option<&Guardrail>, way: Way) -> Self {
        let traced = client.is_some_and(asks_for_trace);
        let of_client = client.map(rule_of);
        let all = each_once(held.iter().cloned().chain(of_client.clone()));
        let whole = |rule: &GuardrailRule| rule.mode == GuardrailMode::Enforce && rule.input && rule.output;
        let is_clients = |rule: &GuardrailRule| !held.contains(rule) && of_client.as_ref() == Some(rule);
        // What policies say comes first, so that it has the place that costs nothing besides.
        let native = all.iter().position(|it| way.can && whole(it) && (!way.marked || is_clients(it)));
        let mut this = Self { traced, ..Self::default() };
        for (at, rule) in all.into_iter().enumerate() {
            if native == Some(at) {
                // What is found is always told to us; the client hears of it if it asked.
                let full = client.filter(|_| traced).and_then(|it| it.trace.clone());
                this.native = Some(Native { guardrail: configuration(&rule, full) });
                continue;
            }
            let by_client = is_clients(&rule);
            match rule.mode {
                GuardrailMode::Enforce => this.enforced.push(Applied { rule, by_client }),
                GuardrailMode::Monitor => this.monitors.push(Applied { rule, by_client }),
            }
        }
        this
    }

    /// Whether Bedrock does all there is to do.
    pub(super) fn is_native(&self) -> bool {
        self.enforced.is_empty() && self.monitors.is_empty()
    }
}

/// Whether a request marks text for guardrails.
pub(super) fn is_marked(request: &Request) -> bool {
    let in_turn = |turn: &Message| turn.content.iter().any(|it| matches!(it, Block::Guard(_)));
    request.messages.iter().any(in_turn)
        || request.system.iter().any(|it| matches!(it, SystemBlock::Guard(_)))
}

/// Where Bedrock applies no guardrail, marks for it are plain text: it refuses them.
pub(super) fn unmark(request: &mut Request) {
    for block in &mut request.system {
        if let SystemBlock::Guard(guarded) = block {
            *block = SystemBlock::Text(std::mem::take(&mut guarded.text));
        }
    }
    for block in request.messages.iter_mut().flat_map(|it| &mut it.content) {
        if let Block::Guard(guarded) = block {
            *block = Block::Text(std::mem::take(&mut guarded.text));
        }
    }
}

fn asks_for_trace(guardrail: &Guardrail) -> bool {
    matches!(guardrail.trace.as_deref(), Some("enabled" | "enabled_full"))
}

/// A client's guardrail does what Bedrock's do: it steps in, on both sides.
fn rule_of(guardrail: &Guardrail) -> GuardrailRule {
    GuardrailRule {
        id: guardrail.id.clone(),
        version: guardrail.version.clone(),
        input: true,
        output: true,
        mode: GuardrailMode::Enforce,
        stream: match guardrail.stream_mode.as_deref() {
            Some("async") => GuardrailStream::Async,
            _ => GuardrailStream::Sync,
        },
    }
}

fn configuration(rule: &GuardrailRule, trace: Option<String>) -> Guardrail {
    let mode = match rule.stream {
        GuardrailStream::Sync => "sync",
        GuardrailStream::Async => "async",
    };
    Guardrail {
        id: rule.id.clone(),
        version: rule.version.clone(),
        trace: Some(trace.unwrap_or_else(|| "enabled".to_owned())),
        stream_mode: Some(mode.to_owned()),
    }
}

/// The end of an ARN, else the whole: whose account it is in is nobody's business.
pub(super) fn short(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, id)| id)
}
