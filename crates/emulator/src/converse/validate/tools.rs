//! `toolConfig`.

use super::super::request::{Block, Request, Tool, ToolChoice, ToolConfig, ToolSpec};
use super::options::unsupported;
use super::strict::strict_schema;
use super::tool_name;
use crate::errors::Refusal;
use crate::models::{Capability, Model};

pub(super) fn config(model: &Model, request: &Request<'_>, thinking: bool) -> Result<(), Refusal> {
    let Some(config) = &request.tool_config else { return without(request) };
    if !model.can(Capability::Tools) {
        return Err(Refusal::validation(
            "This model doesn't support tool use. Remove toolConfig and try again.",
        ));
    }
    let tools = config.tools.as_deref().ok_or_else(|| Refusal::missing("toolConfig.tools"))?;
    if tools.is_empty() {
        let text = "Member must have length greater than or equal to 1";
        return Err(Refusal::constraint("toolConfig.tools", Some("[]"), text));
    }
    let mut names = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Spec(spec) => {
                self::spec(model, at, spec)?;
                if let Some(name) = spec.name.as_deref() {
                    if names.contains(&name) {
                        return Err(Refusal::validation(format!(
                            "The toolConfig field at toolConfig.tools.{at} repeats the tool name {name}. Tool names must be unique."
                        )));
                    }
                    names.push(name);
                }
            }
            Tool::System(named) => tool_name(
                &format!("toolConfig.tools.{}.member.systemTool.name", at + 1),
                named.name.as_deref(),
            )?,
            Tool::CachePoint(_) => {}
            Tool::Unknown => {
                return Err(Refusal::validation(format!(
                    "The Tool object at toolConfig.tools.{at} must set one of the following keys: toolSpec, systemTool, cachePoint."
                )));
            }
        }
    }
    choice(model, config, &names, thinking)
}

/// Tool blocks in the history need the tools they speak of.
fn without(request: &Request<'_>) -> Result<(), Refusal> {
    let mut blocks = request.messages.iter().flatten().flat_map(|it| it.content.iter().flatten());
    if blocks.any(|it| matches!(it, Block::ToolUse(_) | Block::ToolResult(_))) {
        return Err(Refusal::validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

fn spec(model: &Model, at: usize, spec: &ToolSpec<'_>) -> Result<(), Refusal> {
    let path = || format!("toolConfig.tools.{}.member.toolSpec", at + 1);
    // The common case builds no path.
    if !spec.name.as_deref().is_some_and(super::name_ok) {
        tool_name(&format!("{}.name", path()), spec.name.as_deref())?;
    }
    if spec.description.as_deref() == Some("") {
        let text = "Member must have length greater than or equal to 1";
        return Err(Refusal::constraint(&format!("{}.description", path()), Some(""), text));
    }
    let schema =
        spec.input_schema.as_ref().ok_or_else(|| Refusal::missing(&format!("{}.inputSchema", path())))?;
    let Some(schema) = schema.json else {
        return Err(Refusal::validation(format!(
            "The inputSchema at toolConfig.tools.{at}.toolSpec.inputSchema must set one of the following keys: json."
        )));
    };
    if !schema.get().starts_with('{') {
        return Err(Refusal::validation(format!(
            "The format of the value at toolConfig.tools.{at}.toolSpec.inputSchema.json is invalid. Provide a json object for the field and try again."
        )));
    }
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        r#type: Option<std::borrow::Cow<'a, str>>,
    }
    let head: Option<Head<'_>> = serde_json::from_str(schema.get()).ok();
    let kind = head.as_ref().and_then(|it| it.r#type.as_deref());
    if kind != Some("object") {
        return Err(Refusal::validation(format!(
            "The value at toolConfig.tools.{at}.toolSpec.inputSchema.json.type must be one of the following: object."
        )));
    }
    if spec.strict.is_some_and(|it| it.0) {
        if !model.can(Capability::StructuredOutput) {
            return Err(unsupported(
                "strict field of tools",
                &format!("toolConfig.tools.{at}.toolSpec.strict"),
            ));
        }
        let value = serde_json::from_str(schema.get()).unwrap_or_default();
        strict_schema(&value, &format!("toolConfig.tools.{at}.toolSpec.inputSchema.json"))?;
    }
    Ok(())
}

fn choice(model: &Model, config: &ToolConfig<'_>, names: &[&str], thinking: bool) -> Result<(), Refusal> {
    let Some(choice) = &config.tool_choice else { return Ok(()) };
    let (key, forced) = match choice {
        ToolChoice::Auto(_) => ("auto", false),
        ToolChoice::Any(_) => ("any", true),
        ToolChoice::Tool(named) => {
            tool_name("toolConfig.toolChoice.tool.name", named.name.as_deref())?;
            ("tool", true)
        }
        ToolChoice::Unknown => {
            return Err(Refusal::validation(
                "The toolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, tool.",
            ));
        }
    };
    if !model.can(Capability::ToolChoice) || forced && !model.can(Capability::ForcedToolChoice) {
        return Err(unsupported(
            &format!("toolConfig.toolChoice.{key} field"),
            &format!("toolConfig.toolChoice.{key}"),
        ));
    }
    if let ToolChoice::Tool(named) = choice {
        let name = named.name.as_deref().unwrap_or_default();
        if !names.contains(&name) {
            return Err(Refusal::validation(format!(
                "The tool {name} at toolConfig.toolChoice.tool.name isn't defined in toolConfig.tools."
            )));
        }
    }
    if forced && thinking && model.is_claude() {
        return Err(Refusal::model(
            "Thinking may not be enabled when tool_choice forces tool use (toolConfig.toolChoice).",
        ));
    }
    Ok(())
}
