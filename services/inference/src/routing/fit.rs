//! Which groups are for a request, and which models can do what it asks for.

use outcrop_ports::{Modality, ModelInfo, ReasoningStyle};
use outcrop_types::{Capability, Condition, Reach};

use super::{Asks, Candidate};

/// Whether a group is for a request.
pub(super) fn is_for(condition: &Condition, asks: &Asks<'_>) -> bool {
    let Condition { min_prompt_tokens, max_prompt_tokens, uses, without, tags } = condition;
    min_prompt_tokens.is_none_or(|least| asks.input_tokens >= least)
        && max_prompt_tokens.is_none_or(|most| asks.input_tokens <= most)
        && (uses.is_empty() || uses.iter().any(|it| asks.uses.contains(it)))
        && !without.iter().any(|it| asks.uses.contains(it))
        && tags.iter().all(|(name, value)| asks.tags.get(name) == Some(value))
}

/// Whether a model can do something, as far as anybody knows.
pub(super) fn can(info: &ModelInfo, capability: Capability) -> bool {
    let reads = |modality| info.input.contains(&modality);
    match capability {
        Capability::Tools => info.tools,
        Capability::Images => reads(Modality::Image),
        Capability::Documents => reads(Modality::Document),
        Capability::Media => reads(Modality::Video) || reads(Modality::Audio),
        Capability::Reasoning => info.reasoning != ReasoningStyle::None || info.always_thinks,
        // What cannot be held to a schema can be made to call a tool that has it.
        Capability::StructuredOutput => info.structured_output || (info.tools && info.tool_choice),
        Capability::Streaming => info.streaming,
    }
}

/// Leaves out what does not qualify where something else does: each time only if something is left. Where nothing
/// qualifies, the model is asked for what it cannot do, and the client is told in the words that are for that.
pub(super) fn qualify<T>(found: &mut Vec<T>, asks: &Asks<'_>, candidate: impl Fn(&T) -> &Candidate) {
    let prefer = |found: &mut Vec<T>, suits: &dyn Fn(&Candidate) -> bool| {
        if found.iter().any(|it| suits(candidate(it))) {
            found.retain(|it| suits(candidate(it)));
        }
    };
    prefer(found, &|it| it.model.info.output.contains(&asks.output));
    prefer(found, &|it| asks.uses.iter().all(|use_| can(&it.model.info, *use_)));
    prefer(found, &|it| has_room(&it.model.info, asks));
    prefer(found, &is_at_home);
}

fn has_room(info: &ModelInfo, asks: &Asks<'_>) -> bool {
    let needed = asks.input_tokens.saturating_add(asks.output_tokens.map_or(0, u64::from));
    info.context_window.is_none_or(|window| needed <= u64::from(window))
}

/// A profile is called in the regions of its geography; elsewhere Bedrock does not know it.
fn is_at_home(candidate: &Candidate) -> bool {
    match candidate.reach() {
        Reach::Geography(geography, called) => geography.has(called),
        Reach::Region(_) | Reach::Anywhere => true,
    }
}
