//! `tools`, `tool_choice`, `parallel_tool_calls`, and `web_search_options`, which is a tool that the model's provider runs.
//! (The legacy form: [`super::functions`].)
//!
//! Converse has no choice `none`, and wants tools declared whenever the conversation holds tool blocks. So:
//! `none` rewrites those blocks into text and offers no tools, which alone makes a tool call impossible; and
//! tool blocks without `tools` get the tools they name declared.

use std::collections::HashSet;

use outcrop_chat::{InvalidRequest, Request, ToolChoice, ToolSpec, Tools, declare_used_tools, without_tools};
use serde_json::{Map, Value};

use super::Dropped;
use super::cache::{self, CacheControl};
use super::functions;
use super::request::{AllowedTools, Body, Choice, ChoiceObject, Function, Tool};
use crate::ToolNames;
use crate::json::shorten;

/// What the client lets the model do with tools.
pub(super) enum Offer {
    /// Whatever the conversation itself needs.
    Nothing,
    /// No call at all.
    Forbidden,
    /// These tools.
    Tools(Tools),
}

/// Nova's web search (Amazon Nova user guide, "Web grounding").
const WEB_SEARCH: &str = "nova_grounding";

/// Reads what is on offer. A search is left out, and named, where no tool may be called.
pub(super) fn offer(
    body: &mut Body<'_>,
    names: &mut ToolNames,
    dropped: &mut Dropped,
) -> Result<Offer, InvalidRequest> {
    let offer = match body.functions.take() {
        Some(mut functions) => {
            if !body.tools.0.is_empty() || body.tool_choice.is_some() {
                let message = "`functions` is the legacy form of `tools`, and not sent together with it.";
                return Err(InvalidRequest::new("functions", message));
            }
            functions::offer(functions.take(), body.function_call.take(), names)?
        }
        None if body.function_call.is_some() => {
            return Err(InvalidRequest::new(
                "function_call",
                "`function_call` is only allowed with `functions`.",
            ));
        }
        None => {
            let specs = specs(body.tools.take(), names)?;
            choose(body.tool_choice.take(), specs, body.parallel_tool_calls, names)?
        }
    };
    Ok(match (offer, body.web_search_options.is_some()) {
        (Offer::Tools(tools), true) => Offer::Tools(Tools { system: vec![WEB_SEARCH.to_owned()], ..tools }),
        (Offer::Nothing, true) => Offer::Tools(Tools {
            specs: Vec::new(),
            system: vec![WEB_SEARCH.to_owned()],
            choice: ToolChoice::Auto,
            parallel: None,
        }),
        (Offer::Forbidden, true) => {
            dropped.note("web_search_options");
            Offer::Forbidden
        }
        (offer, false) => offer,
    })
}

fn choose(
    choice: Option<Choice>,
    specs: Vec<ToolSpec>,
    parallel: Option<bool>,
    names: &mut ToolNames,
) -> Result<Offer, InvalidRequest> {
    match choice {
        None => Ok(offered(specs, ToolChoice::Auto, parallel)),
        Some(Choice::Word(word)) => match word.as_str() {
            "none" => Ok(Offer::Forbidden),
            "auto" => Ok(offered(specs, ToolChoice::Auto, parallel)),
            "required" => needs_tools(&specs).map(|()| offered(specs, ToolChoice::Any, parallel)),
            other => Err(unknown_choice(other)),
        },
        Some(Choice::Object(object)) => {
            needs_tools(&specs)?;
            let (specs, choice) = chosen(object, specs, names)?;
            Ok(offered(specs, choice, parallel))
        }
    }
}

/// Puts the offer into the request.
pub(super) fn apply(offer: Offer, mut request: Request) -> Request {
    match offer {
        Offer::Tools(tools) => {
            request.tools = Some(tools);
            request
        }
        Offer::Nothing => declare_used_tools(request),
        Offer::Forbidden => without_tools(request),
    }
}

pub(super) fn offered(specs: Vec<ToolSpec>, choice: ToolChoice, parallel: Option<bool>) -> Offer {
    if specs.is_empty() {
        Offer::Nothing
    } else {
        Offer::Tools(Tools { specs, system: Vec::new(), choice, parallel })
    }
}

fn needs_tools(specs: &[ToolSpec]) -> Result<(), InvalidRequest> {
    if specs.is_empty() {
        return Err(InvalidRequest::new(
            "tool_choice",
            "`tool_choice` asks for a tool, and `tools` has none.",
        ));
    }
    Ok(())
}

fn unknown_choice(word: &str) -> InvalidRequest {
    let word = shorten(word);
    let message =
        format!("`tool_choice` must be `none`, `auto`, `required` or name a function, not `{word}`.");
    InvalidRequest::new("tool_choice", message)
}

// === the choice ===

fn chosen(
    object: ChoiceObject,
    specs: Vec<ToolSpec>,
    names: &mut ToolNames,
) -> Result<(Vec<ToolSpec>, ToolChoice), InvalidRequest> {
    match object.r#type.as_str() {
        "function" => {
            let param = "tool_choice.function.name";
            let name = object.function.ok_or_else(|| required(param))?.name;
            let choice = ToolChoice::Named(declared(name, &specs, names, param)?);
            Ok((specs, choice))
        }
        "allowed_tools" => {
            let allowed = object.allowed_tools.ok_or_else(|| required("tool_choice.allowed_tools"))?;
            narrowed(allowed, specs, names)
        }
        other => {
            let message = format!("`tool_choice` of type `{}` is not supported.", shorten(other));
            Err(InvalidRequest::new("tool_choice.type", message))
        }
    }
}

/// `allowed_tools` keeps the offer to some of the tools.
fn narrowed(
    mut allowed: AllowedTools,
    mut specs: Vec<ToolSpec>,
    names: &mut ToolNames,
) -> Result<(Vec<ToolSpec>, ToolChoice), InvalidRequest> {
    let choice = match allowed.mode.as_deref() {
        None | Some("auto") => ToolChoice::Auto,
        Some("required") => ToolChoice::Any,
        Some(other) => {
            let param = "tool_choice.allowed_tools.mode";
            let message = format!("`{param}` must be `auto` or `required`, not `{}`.", shorten(other));
            return Err(InvalidRequest::new(param, message));
        }
    };
    let mut keep = HashSet::new();
    for (at, tool) in allowed.tools.take().into_iter().enumerate() {
        let param = format!("tool_choice.allowed_tools.tools[{at}].function.name");
        let name = tool.function.ok_or_else(|| required(&param))?.name;
        keep.insert(declared(name, &specs, names, &param)?);
    }
    if keep.is_empty() {
        let param = "tool_choice.allowed_tools.tools";
        return Err(InvalidRequest::new(param, format!("`{param}` must name at least one tool.")));
    }
    specs.retain(|spec| keep.contains(&spec.name));
    Ok((specs, choice))
}

pub(super) fn declared(
    name: String,
    specs: &[ToolSpec],
    names: &mut ToolNames,
    param: &str,
) -> Result<String, InvalidRequest> {
    let shown = shorten(&name);
    let safe = names.safe(name);
    if specs.iter().any(|spec| spec.name == safe) {
        return Ok(safe);
    }
    Err(InvalidRequest::new(param, format!("`{param}` names `{shown}`, which is not among `tools`.")))
}

// === the tools ===

fn specs(tools: Vec<Tool>, names: &mut ToolNames) -> Result<Vec<ToolSpec>, InvalidRequest> {
    let mut functions = Vec::with_capacity(tools.len());
    for (at, tool) in tools.into_iter().enumerate() {
        if let Some(other) = tool.r#type.filter(|it| it != "function") {
            let param = format!("tools[{at}].type");
            let message = format!("`{param}` must be `function`; `{}` is not supported.", shorten(&other));
            return Err(InvalidRequest::new(param, message));
        }
        let path = format!("tools[{at}].function");
        let Some(function) = tool.function else { return Err(required(&path)) };
        functions.push((path, (function, tool.cache_control)));
    }
    distinct(functions, names)
}

/// Each function with where it stands, as a tool; no two may have one name.
pub(super) fn distinct(
    functions: impl IntoIterator<Item = (String, (Function, Option<CacheControl>))>,
    names: &mut ToolNames,
) -> Result<Vec<ToolSpec>, InvalidRequest> {
    let mut seen = HashSet::new();
    let mut specs = Vec::new();
    for (path, (function, mark)) in functions {
        let spec = spec(&path, function, mark, names)?;
        if !seen.insert(spec.name.clone()) {
            let name = shorten(names.original(&spec.name));
            let message = format!("The tool `{name}` is declared twice.");
            return Err(InvalidRequest::new(format!("{path}.name"), message));
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn spec(
    path: &str,
    function: Function,
    mark: Option<CacheControl>,
    names: &mut ToolNames,
) -> Result<ToolSpec, InvalidRequest> {
    let Function { name, description, parameters, strict, cache_control } = function;
    if name.is_empty() {
        return Err(required(&format!("{path}.name")));
    }
    // Clients put the mark beside the function or into it.
    let mark = mark.or(cache_control);
    Ok(ToolSpec {
        name: names.safe(name),
        // Bedrock refuses a description that is there and empty.
        description: description.filter(|it| !it.trim().is_empty()),
        input_schema: schema(path, parameters)?,
        strict: strict == Some(true),
        cache: cache::point(mark.as_ref(), || {
            format!("{}.cache_control", path.trim_end_matches(".function"))
        })?,
    })
}

/// A tool's schema. Models on Bedrock want one, and want it to describe an object.
fn schema(path: &str, parameters: Option<Value>) -> Result<Value, InvalidRequest> {
    match parameters {
        None => Ok(object_schema(Map::new())),
        Some(Value::Object(map)) if map.is_empty() => Ok(object_schema(map)),
        Some(Value::Object(mut map)) => {
            let kind = map.entry("type").or_insert_with(|| "object".into());
            if kind != "object" {
                let param = format!("{path}.parameters");
                let message =
                    format!("`{param}` must have the `type` `object`: models on Bedrock take no other.");
                return Err(InvalidRequest::new(param, message));
            }
            Ok(Value::Object(map))
        }
        Some(_) => {
            let param = format!("{path}.parameters");
            let message = format!("`{param}` must be a JSON schema, which is an object.");
            Err(InvalidRequest::new(param, message))
        }
    }
}

fn object_schema(mut map: Map<String, Value>) -> Value {
    map.insert("type".into(), "object".into());
    map.insert("properties".into(), Value::Object(Map::new()));
    Value::Object(map)
}

fn required(param: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` is required."))
}
