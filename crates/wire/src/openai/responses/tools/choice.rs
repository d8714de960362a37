//! `tool_choice` as an object.

use std::collections::HashSet;

use outcrop_chat::{InvalidRequest, ToolChoice, ToolSpec};

use super::hosted;
use crate::json::shorten;
use crate::openai::responses::called::CalledTools;
use crate::openai::responses::request::{AllowedTool, ChoiceObject};
use crate::openai::responses::required;

/// Reads the choice of one tool, or of some.
pub(super) fn chosen(
    mut object: ChoiceObject,
    specs: Vec<ToolSpec>,
    called: &mut CalledTools,
) -> Result<(Vec<ToolSpec>, ToolChoice), InvalidRequest> {
    match object.r#type.as_str() {
        "function" | "custom" => {
            let param = "tool_choice.name";
            let name = object.name.ok_or_else(|| required(param))?;
            let choice = ToolChoice::Named(declared(name, &specs, called, param)?);
            Ok((specs, choice))
        }
        "allowed_tools" => narrowed(object.mode.as_deref(), object.tools.take(), specs, called),
        other => {
            let message = format!("`tool_choice` of type `{}` is not supported.", shorten(other));
            Err(InvalidRequest::new("tool_choice.type", message))
        }
    }
}

/// `allowed_tools` keeps the offer to some of the tools.
fn narrowed(
    mode: Option<&str>,
    allowed: Vec<AllowedTool>,
    mut specs: Vec<ToolSpec>,
    called: &mut CalledTools,
) -> Result<(Vec<ToolSpec>, ToolChoice), InvalidRequest> {
    let choice = match mode {
        None | Some("auto") => ToolChoice::Auto,
        Some("required") => ToolChoice::Any,
        Some(other) => {
            let message =
                format!("`tool_choice.mode` must be `auto` or `required`, not `{}`.", shorten(other));
            return Err(InvalidRequest::new("tool_choice.mode", message));
        }
    };
    let mut keep = HashSet::new();
    for (at, tool) in allowed.into_iter().enumerate() {
        // What OpenAI runs itself is not on offer anyway.
        if tool.r#type.as_deref().is_some_and(|kind| hosted(kind).is_some()) {
            continue;
        }
        let param = format!("tool_choice.tools[{at}].name");
        let name = tool.name.ok_or_else(|| required(&param))?;
        keep.insert(declared(name, &specs, called, &param)?);
    }
    if keep.is_empty() {
        let message = "`tool_choice.tools` must name at least one tool.";
        return Err(InvalidRequest::new("tool_choice.tools", message));
    }
    specs.retain(|spec| keep.contains(&spec.name));
    Ok((specs, choice))
}

fn declared(
    name: String,
    specs: &[ToolSpec],
    called: &mut CalledTools,
    param: &str,
) -> Result<String, InvalidRequest> {
    let shown = shorten(&name);
    let safe = called.safe(None, name);
    if specs.iter().any(|spec| spec.name == safe) {
        return Ok(safe);
    }
    Err(InvalidRequest::new(param, format!("`{param}` names `{shown}`, which is not among `tools`.")))
}
