//! How hard to think, as a certain model can be told, and what cannot stand beside it.

use outcrop_chat::{
    Block, Effort, InvalidRequest, Message, Reasoning, ReasoningMode, Request, Role, ToolChoice,
};
use outcrop_ports::{Family, LEAST_BUDGET, ReasoningStyle, Thinking};
use serde_json::Value;

use super::taken::Taken;

/// What is left for the answer where the model's own limit is not known, tokens.
const ANSWER: u32 = 4096;

/// The least top_p that Claude takes while it thinks (Anthropic API reference, extended thinking).
const LEAST_TOP_P: f32 = 0.95;

/// Puts the wish to think into the model's terms and takes what cannot stand beside it. Says whether the model thinks
/// in a way that keeps it from being made to call a tool.
///
/// An effort that a model cannot be told is taken and named; a budget or a way to think that is asked for by itself
/// is refused, unless the model thinks anyway. An effort that the model is told another of is named, too.
///
/// # Errors
/// [`InvalidRequest`] with the field's name.
pub(super) fn fit(request: &mut Request, taken: &mut Taken<'_>) -> Result<bool, InvalidRequest> {
    foreign_thoughts(request, taken);
    let wish = request.reasoning;
    let told = match wish {
        None => Thinking::Unsaid,
        Some(mode) => tell(request, mode, taken)?,
    };
    request.reasoning = match told {
        Thinking::Unsaid => None,
        Thinking::Off => Some(ReasoningMode::Off),
        Thinking::Effort(effort) => Some(ReasoningMode::Effort(effort)),
        Thinking::Budget(tokens) => Some(ReasoningMode::Budget(tokens)),
        Thinking::Adaptive(effort) => Some(ReasoningMode::Adaptive(effort)),
    };
    let model = taken.model;
    if model.family == Family::Claude && (told.is_on() || asked_directly(request)) {
        beside_claudes_thinking(request, taken);
        return Ok(true);
    }
    if told == Thinking::Effort(Effort::High) && model.reasoning == ReasoningStyle::NovaConfig {
        beside_novas_thinking(request, wish, taken);
    }
    // What nobody knows may be Claude.
    let may_be_claude =
        model.reasoning == ReasoningStyle::Unknown && (told.is_on() || asked_directly(request));
    Ok(may_be_claude || model.family == Family::Claude && model.always_thinks)
}

/// What the model is told for this wish.
fn tell(
    request: &mut Request,
    mode: ReasoningMode,
    taken: &mut Taken<'_>,
) -> Result<Thinking, InvalidRequest> {
    let (model, field) = (taken.model, taken.fields.of(mode));
    let unwanted = matches!(mode, ReasoningMode::Off | ReasoningMode::Effort(Effort::None));
    let Some(thinking) = model.thinking(mode) else {
        if model.always_thinks || matches!(mode, ReasoningMode::Off | ReasoningMode::Effort(_)) {
            taken.name(field);
            taken.name(taken.fields.hardness(mode));
            return Ok(Thinking::Unsaid);
        }
        return Err(taken.unsupported(field));
    };
    if unwanted && thinking.is_on() {
        taken.name(field);
    }
    let claude = model.family == Family::Claude && thinking.is_on();
    if claude && lacks_thoughts(&request.messages) {
        taken.name(field);
        taken.name(taken.fields.hardness(mode));
        // What is on by default has to be switched off in words; what always is, is left to itself.
        return Ok(model.thinking(ReasoningMode::Off).unwrap_or(Thinking::Unsaid));
    }
    match thinking {
        Thinking::Budget(tokens) if taken.model.reasoning != ReasoningStyle::Unknown => {
            budget(request, mode, tokens, taken)
        }
        other => {
            if is_other_effort(mode, other) {
                taken.name(taken.fields.effort);
            }
            Ok(other)
        }
    }
}

/// Whether the model is told another effort than was asked for. A budget becomes the effort nearest to it: nobody
/// asked for another one.
fn is_other_effort(mode: ReasoningMode, told: Thinking) -> bool {
    let (ReasoningMode::Effort(asked) | ReasoningMode::Adaptive(Some(asked))) = mode else { return false };
    matches!(told, Thinking::Effort(told) | Thinking::Adaptive(Some(told)) if told != asked)
}

/// A budget must be less than the tokens of the whole answer. A budget that was asked for by itself is refused where it
/// does not fit; one that stands for an effort gives way: it takes half of the tokens, or its least and leaves the
/// rest, and where not even that fits, the model does not think. Without a limit of the client's the model's own
/// holds, and where that is not known, one is set that leaves as much for the answer and stays small. An effort that
/// gave way is named.
fn budget(
    request: &mut Request,
    mode: ReasoningMode,
    tokens: u32,
    taken: &mut Taken<'_>,
) -> Result<Thinking, InvalidRequest> {
    let said = taken.fields.hardness(mode);
    let limit = request.inference.max_tokens.or(taken.model.max_output_tokens);
    let Some(limit) = limit else {
        let is_explicit = matches!(mode, ReasoningMode::Budget(_));
        if !is_explicit && tokens > ANSWER {
            taken.name(said);
        }
        let tokens = if is_explicit { tokens } else { tokens.min(ANSWER) };
        request.inference.max_tokens = Some(tokens.saturating_add(ANSWER));
        return Ok(Thinking::Budget(tokens));
    };
    if tokens < limit {
        return Ok(Thinking::Budget(tokens));
    }
    if let ReasoningMode::Budget(asked) = mode {
        let (field, max) = (taken.fields.reasoning, taken.fields.max_tokens);
        let message =
            format!("`{field}`: a budget of {asked} tokens must be less than `{max}`, which is {limit}.");
        return Err(InvalidRequest::new(field, message));
    }
    taken.name(said);
    if limit <= LEAST_BUDGET {
        return Ok(Thinking::Unsaid);
    }
    Ok(Thinking::Budget((limit / 2).max(LEAST_BUDGET)))
}

/// Whether the client told Claude to think in its own field.
fn asked_directly(request: &Request) -> bool {
    let kind = request.additional.get("thinking").and_then(|it| it.get("type")).and_then(Value::as_str);
    kind.is_some_and(|it| it != "disabled")
}

/// Claude chooses its own temperature while it thinks, and cannot be made to call a tool then.
fn beside_claudes_thinking(request: &mut Request, taken: &mut Taken<'_>) {
    let (inference, fields) = (&mut request.inference, taken.fields);
    if inference.temperature.is_some_and(|it| (it - 1.0).abs() > f32::EPSILON) {
        taken.take(&mut inference.temperature, fields.temperature);
    }
    if inference.top_p.is_some_and(|it| it < LEAST_TOP_P) {
        taken.take(&mut inference.top_p, fields.top_p);
    }
    taken.take(&mut inference.top_k, fields.top_k);
    if let Some(tools) = request.tools.as_mut().filter(|it| it.choice != ToolChoice::Auto) {
        tools.choice = ToolChoice::Auto;
        taken.name(fields.tool_choice);
    }
}

/// Nova takes neither sampling nor a limit of tokens beside its greatest effort (Amazon Nova 2 user guide, extended
/// thinking). A limit is worth more to a client than the effort.
fn beside_novas_thinking(request: &mut Request, wish: Option<ReasoningMode>, taken: &mut Taken<'_>) {
    if let (Some(_), Some(wish)) = (request.inference.max_tokens, wish) {
        taken.name(taken.fields.hardness(wish));
        request.reasoning = Some(ReasoningMode::Effort(Effort::Medium));
        return;
    }
    let (inference, fields) = (&mut request.inference, taken.fields);
    taken.take(&mut inference.temperature, fields.temperature);
    taken.take(&mut inference.top_p, fields.top_p);
    taken.take(&mut inference.top_k, fields.top_k);
}

/// Whether the assistant's last turn called tools without the thoughts that led there: Claude, asked to think, refuses
/// its own turn without them (Anthropic API reference, extended thinking with tool use).
fn lacks_thoughts(messages: &[Message]) -> bool {
    messages.iter().rfind(|it| it.role == Role::Assistant).is_some_and(|last| {
        let calls = last.content.iter().any(|it| matches!(it, Block::ToolUse(_)));
        calls && !matches!(last.content.first(), Some(Block::Reasoning(_)))
    })
}

/// Claude refuses thoughts without their signature, such as another model's, and signs its own; no other model can do
/// anything with those. They go, and are named. Of a model that nobody knows anything of, all stay.
fn foreign_thoughts(request: &mut Request, taken: &mut Taken<'_>) {
    let claude = taken.model.family == Family::Claude;
    if !claude && taken.model.reasoning == ReasoningStyle::Unknown {
        return;
    }
    let fields = taken.fields;
    let foreign = |it: &Block| match it {
        Block::Reasoning(Reasoning::Text { signature, .. }) => {
            let unsigned = signature.as_ref().is_none_or(String::is_empty);
            (unsigned == claude).then_some(fields.thoughts)
        }
        Block::Reasoning(Reasoning::Redacted(_)) => (!claude).then_some(fields.redacted),
        _ => None,
    };
    let mut emptied = false;
    for message in &mut request.messages {
        message.content.retain(|it| match foreign(it) {
            None => true,
            Some(field) => {
                taken.name(field);
                false
            }
        });
        emptied |= message.content.iter().all(|it| matches!(it, Block::CachePoint(_)));
    }
    if emptied {
        *request = outcrop_chat::normalise(std::mem::take(request));
    }
}

#[cfg(test)]
#[path = "reasoning_tests.rs"]
mod tests;
