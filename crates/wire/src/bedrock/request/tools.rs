//! Tools and how to choose among them.

use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;
use serde_json::Value;

use super::blocks::ttl;
use crate::bedrock::at::At;
use crate::bedrock::shapes::tools::{InputSchema, Tool, ToolChoice, ToolConfig, ToolSpec};
use crate::bedrock::union::Union;

/// Tools of the provider come behind the others, whose order is kept.
///
/// # Errors
/// [`InvalidRequest`] when there is none, or a cache point stands behind no tool of the client's own.
pub(super) fn tools(config: ToolConfig, at: &At<'_>) -> Result<chat::Tools, InvalidRequest> {
    let at = at.member("tools");
    let choice = match config.tool_choice {
        None | Some(Union(ToolChoice::Auto(_))) => chat::ToolChoice::Auto,
        Some(Union(ToolChoice::Any(_))) => chat::ToolChoice::Any,
        Some(Union(ToolChoice::Tool(tool))) => chat::ToolChoice::Named(tool.name),
    };
    let mut tools = chat::Tools { specs: Vec::new(), system: Vec::new(), choice, parallel: None };
    for (index, Union(tool)) in config.tools.into_iter().enumerate() {
        match tool {
            Tool::ToolSpec(it) => tools.specs.push(spec(it)),
            Tool::BuiltIn(it) => tools.system.push(it.name),
            Tool::CachePoint(point) => match tools.specs.last_mut() {
                Some(spec) if tools.system.is_empty() && spec.cache.is_none() => {
                    spec.cache = Some(ttl(&point))
                }
                _ => {
                    let why = "must stand right behind a `toolSpec`, and before any `systemTool`";
                    return Err(at.element(index).member("cachePoint").refuse(why));
                }
            },
        }
    }
    if tools.specs.is_empty() && tools.system.is_empty() {
        return Err(at.refuse("must hold at least one tool"));
    }
    Ok(tools)
}

fn spec(spec: ToolSpec) -> chat::ToolSpec {
    let Union(InputSchema::Json(schema)) = spec.input_schema;
    chat::ToolSpec {
        name: spec.name,
        description: spec.description,
        input_schema: Value::Object(schema),
        strict: spec.strict.unwrap_or_default(),
        cache: None,
    }
}
