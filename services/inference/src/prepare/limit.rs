//! The most that a policy lets a model be asked to write.

use outcrop_chat::{InvalidRequest, ReasoningMode, Request};
use outcrop_ports::{LEAST_BUDGET, ModelInfo, ReasoningStyle};
use outcrop_wire::bedrock::invoke::take_most_output;
use serde_json::Value;

use super::taken::Taken;

/// The header that says how many tokens the model was asked for, where that is not what the client asked for.
pub(crate) const HEADER: &str = "x-outcrop-max-tokens";

/// Asks for this many tokens, whatever the client asked for. Nothing that comes after this asks for more: a budget of
/// thought that no longer fits gives way, as one that stands for an effort does, and is named.
///
/// # Errors
/// [`InvalidRequest`] with the field's name where the model takes no number as small as that.
pub(super) fn hold(
    request: &mut Request,
    most: Option<u32>,
    taken: &mut Taken<'_>,
) -> Result<Option<(&'static str, String)>, InvalidRequest> {
    let Some(most) = most else { return Ok(None) };
    let (model, field) = (taken.model, taken.fields.max_tokens);
    let most = within(most, model);
    if most < model.min_max_tokens {
        let least = model.min_max_tokens;
        let message =
            format!("`{field}`: {most} are allowed here, and model {} takes no less than {least}.", model.id);
        return Err(InvalidRequest::new(field, message));
    }
    // In the model's own words, the client could ask for more than that.
    if take_most_output(&mut request.additional) {
        taken.name(field);
    }
    let asked = request.inference.max_tokens.replace(most);
    thought(request, asked, most, taken);
    Ok((asked != Some(most)).then(|| (HEADER, most.to_string())))
}

/// No more than the model writes.
pub(crate) fn within(most: u32, model: &ModelInfo) -> u32 {
    most.min(model.max_output_tokens.unwrap_or(u32::MAX))
}

/// Lowers a budget that fitted what the client asked for, and does not fit what it gets.
fn thought(request: &mut Request, asked: Option<u32>, most: u32, taken: &mut Taken<'_>) {
    let fits_asked = |budget: u32| asked.is_none_or(|asked| budget < asked);
    let by_budget = matches!(taken.model.reasoning, ReasoningStyle::ThinkingBudget | ReasoningStyle::Unknown);
    let less = (most > LEAST_BUDGET).then(|| (most / 2).max(LEAST_BUDGET));
    match request.reasoning {
        Some(ReasoningMode::Budget(budget)) if by_budget && budget >= most && fits_asked(budget) => {
            request.reasoning = less.map(ReasoningMode::Budget);
            taken.name(taken.fields.reasoning);
        }
        _ => {}
    }
    // The same in Claude's own field.
    let Some(thinking) = request.additional.get_mut("thinking") else { return };
    let Some(budget) = thinking.get("budget_tokens").and_then(Value::as_u64) else { return };
    if budget < u64::from(most) || !fits_asked(u32::try_from(budget).unwrap_or(u32::MAX)) {
        return;
    }
    match less {
        Some(less) => thinking["budget_tokens"] = less.into(),
        None => {
            request.additional.remove("thinking");
        }
    }
    taken.name(taken.fields.reasoning);
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
