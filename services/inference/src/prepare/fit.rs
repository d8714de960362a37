//! What a certain model cannot honour and does well without.

use outcrop_chat::{InvalidRequest, Request, ToolChoice, declares_only_used_tools, normalise, without_tools};
use outcrop_ports::{Family, ReasoningStyle};
use serde_json::Value;

use super::schema;
use super::taken::Taken;

/// Anthropic's betas that Converse takes; with any other it refuses the request. From what other gateways found.
const BETAS: [&str; 9] = [
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "structured-outputs-2025-11-13",
    "thinking-binding-controls-2026-08-01",
    "thinking-display-updates-2026-08-18",
    "interleaved-thinking-2025-05-14",
];

/// Takes from a request what its model would refuse and the answer is right without; names it.
///
/// Models without sampling parameters choose their own, and some take temperature or top_p but not both, where
/// many clients always send both; Claude refuses stop strings of white space alone, which clients send by habit.
/// Some models refuse a `maxTokens` below a minimum: it is raised to that, and named, since a longer answer can
/// be cut by the client and none cannot be used.
///
/// # Errors
/// [`InvalidRequest`] for what changes the meaning: more tokens than the model writes, stop strings and tools where it
/// takes none.
pub(super) fn fit(request: &mut Request, taken: &mut Taken<'_>) -> Result<(), InvalidRequest> {
    sampling(request, taken);
    stop(request, taken)?;
    max_tokens(request, taken)?;
    tools(request, taken)?;
    betas(request, taken);
    Ok(())
}

fn sampling(request: &mut Request, taken: &mut Taken<'_>) {
    let (inference, fields) = (&mut request.inference, taken.fields);
    if !taken.model.sampling {
        taken.take(&mut inference.temperature, fields.temperature);
    }
    let beside = taken.model.exclusive_sampling && inference.temperature.is_some();
    if !taken.model.sampling || beside {
        taken.take(&mut inference.top_p, fields.top_p);
    }
    let takes_top_k = taken.model.sampling && matches!(taken.model.family, Family::Claude | Family::Nova);
    if !takes_top_k {
        taken.take(&mut inference.top_k, fields.top_k);
    }
}

fn stop(request: &mut Request, taken: &mut Taken<'_>) -> Result<(), InvalidRequest> {
    let stop = &mut request.inference.stop;
    if !stop.is_empty() && !taken.model.stop_sequences {
        return Err(taken.unsupported(taken.fields.stop));
    }
    if taken.model.family == Family::Claude {
        let before = stop.len();
        stop.retain(|stop| !stop.trim().is_empty());
        if stop.len() < before {
            taken.name(taken.fields.stop);
        }
    }
    match taken.model.max_stop_sequences {
        Some(most) if stop.len() > most => {
            let field = taken.fields.stop;
            let message = format!("`{field}` may hold at most {most} strings for model {}.", taken.model.id);
            Err(InvalidRequest::new(field, message))
        }
        _ => Ok(()),
    }
}

fn max_tokens(request: &mut Request, taken: &mut Taken<'_>) -> Result<(), InvalidRequest> {
    let (inference, field) = (&mut request.inference, taken.fields.max_tokens);
    if inference.max_tokens.is_some_and(|asked| asked < taken.model.min_max_tokens) {
        inference.max_tokens = Some(taken.model.min_max_tokens);
        taken.name(field);
    }
    match (inference.max_tokens, taken.model.max_output_tokens) {
        (Some(asked), Some(most)) if asked > most => {
            let message =
                format!("`{field}` may be at most {most} for model {}, not {asked}.", taken.model.id);
            Err(InvalidRequest::new(field, message))
        }
        _ => Ok(()),
    }
}

/// A model that always thinks cannot be made to call a tool either, and calls one when the question needs it; from
/// any other that cannot be made to, whoever forces a call would get something else. A model that knows no tools is told
/// in words of those that were called before.
fn tools(request: &mut Request, taken: &mut Taken<'_>) -> Result<(), InvalidRequest> {
    if !taken.model.tools && declares_only_used_tools(request) {
        *request = normalise(without_tools(std::mem::take(request)));
        return Ok(());
    }
    let Some(tools) = &mut request.tools else { return Ok(()) };
    let (model, fields) = (taken.model, taken.fields);
    if !model.tools {
        let field = if tools.specs.is_empty() { fields.search } else { fields.tools };
        return Err(taken.unsupported(field));
    }
    if let Some(name) = tools.system.iter().find(|it| !model.system_tools.contains(it)) {
        let message = format!("`{}`: model {} has no system tool `{name}`.", fields.search, model.id);
        return Err(InvalidRequest::new(fields.search, message));
    }
    if tools.choice != ToolChoice::Auto && !model.tool_choice {
        if !model.always_thinks {
            let message = format!(
                "`{}`: model {} cannot be made to call a tool; leave the choice to it.",
                fields.tool_choice, model.id
            );
            return Err(InvalidRequest::new(fields.tool_choice, message));
        }
        tools.choice = ToolChoice::Auto;
        taken.name(fields.tool_choice);
    }
    // Several calls at once are what models do by themselves.
    if tools.parallel == Some(false) && model.family != Family::Claude {
        taken.take(&mut tools.parallel, fields.parallel);
    }
    for spec in tools.specs.iter_mut().filter(|it| it.strict) {
        match model.strict_tools.then(|| schema::strict(&spec.input_schema)).flatten() {
            Some(schema) => spec.input_schema = schema,
            None => {
                spec.strict = false;
                taken.name(fields.strict);
            }
        }
    }
    Ok(())
}

/// A beta that Converse does not know makes it refuse everything. A model of which nothing is known may know any.
fn betas(request: &mut Request, taken: &mut Taken<'_>) {
    const KEY: &str = "anthropic_beta";
    if taken.model.reasoning == ReasoningStyle::Unknown {
        return;
    }
    let Some(asked) = request.additional.get_mut(KEY) else { return };
    let is_claude = taken.model.family == Family::Claude;
    let known = |beta: &Value| is_claude && beta.as_str().is_some_and(|it| BETAS.contains(&it));
    let Value::Array(betas) = asked else { return };
    let before = betas.len();
    betas.retain(known);
    let (left, all) = (betas.len(), before);
    if left == 0 {
        request.additional.remove(KEY);
    }
    if left < all {
        taken.name(taken.fields.betas);
    }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
