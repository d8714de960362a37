//! `tools` and `tool_choice`.

use outcrop_chat::{InvalidRequest, Request, ToolChoice, ToolSpec, Tools, declare_used_tools, without_tools};
use serde_json::Value;

use super::Dropped;
use super::blocks::{required, ttl};
use super::request::{Body, Tool};
use crate::ToolNames;
use crate::json::shorten;

/// What is on offer.
pub(super) enum Offer {
    /// Nothing; a conversation that called tools before gets these declared.
    Nothing,
    /// No tool may be called.
    Forbidden,
    /// These.
    Tools(Tools),
}

/// Reads what is on offer. Converse cannot forbid tools, so that a choice of `none` takes them away.
pub(super) fn offer(
    body: &mut Body<'_>,
    names: &mut ToolNames,
    dropped: &mut Dropped,
) -> Result<Offer, InvalidRequest> {
    let specs = body.tools.take().into_iter().enumerate();
    let specs: Vec<ToolSpec> =
        specs.map(|(at, tool)| spec(at, tool, names, dropped)).collect::<Result<_, _>>()?;
    let Some(choice) = body.tool_choice.take() else {
        return Ok(match specs.is_empty() {
            true => Offer::Nothing,
            false => {
                Offer::Tools(Tools { specs, system: Vec::new(), choice: ToolChoice::Auto, parallel: None })
            }
        });
    };
    let parallel = choice.disable_parallel_tool_use.map(|disabled| !disabled);
    let chosen = match choice.r#type.as_str() {
        "none" => return Ok(Offer::Forbidden),
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Any,
        "tool" => {
            let name = choice.name.ok_or_else(|| required("tool_choice.name".to_owned()))?;
            let safe = names.safe(name.clone());
            if specs.iter().all(|it| it.name != safe) {
                let message = format!("`tool_choice.name` is `{}`, which is not in `tools`.", shorten(&name));
                return Err(InvalidRequest::new("tool_choice.name", message));
            }
            ToolChoice::Named(safe)
        }
        other => {
            let other = shorten(other);
            let message =
                format!("`tool_choice.type` must be `auto`, `any`, `tool` or `none`, not `{other}`.");
            return Err(InvalidRequest::new("tool_choice.type", message));
        }
    };
    if specs.is_empty() {
        let message = "`tool_choice` may only be given together with `tools`.";
        return Err(InvalidRequest::new("tool_choice", message));
    }
    Ok(Offer::Tools(Tools { specs, system: Vec::new(), choice: chosen, parallel: parallel.filter(|it| !it) }))
}

/// Puts what is on offer into the request.
pub(super) fn apply(offer: Offer, mut request: Request) -> Request {
    match offer {
        Offer::Nothing => declare_used_tools(request),
        Offer::Forbidden => without_tools(request),
        Offer::Tools(tools) => {
            request.tools = Some(tools);
            request
        }
    }
}

fn spec(
    at: usize,
    tool: Tool,
    names: &mut ToolNames,
    dropped: &mut Dropped,
) -> Result<ToolSpec, InvalidRequest> {
    let path = |field: &str| format!("tools[{at}].{field}");
    if let Some(kind) = tool.r#type.as_deref().filter(|it| *it != "custom") {
        let message = format!(
            "`{}` is `{}`: tools of Anthropic's own are for Claude models.",
            path("type"),
            shorten(kind)
        );
        return Err(InvalidRequest::new(path("type"), message));
    }
    let unheard = [
        ("tools.defer_loading", tool.defer_loading == Some(true)),
        ("tools.eager_input_streaming", tool.eager_input_streaming == Some(true)),
        ("tools.input_examples", tool.input_examples.is_some_and(|it| !it.is_empty())),
        ("tools.allowed_callers", tool.allowed_callers.is_some_and(|it| it.iter().any(|it| it != "direct"))),
    ];
    for (field, _) in unheard.into_iter().filter(|(_, given)| *given) {
        dropped.note(field);
    }
    let name = tool.name.filter(|it| !it.is_empty()).ok_or_else(|| required(path("name")))?;
    let input_schema = match tool.input_schema {
        Some(schema @ Value::Object(_)) => schema,
        Some(_) => {
            let message = format!("`{}` must be an object.", path("input_schema"));
            return Err(InvalidRequest::new(path("input_schema"), message));
        }
        None => return Err(required(path("input_schema"))),
    };
    Ok(ToolSpec {
        name: names.safe(name),
        description: tool.description.filter(|it| !it.trim().is_empty()),
        input_schema,
        strict: tool.strict.unwrap_or(false),
        cache: tool.cache_control.as_ref().map(ttl).transpose()?,
    })
}
