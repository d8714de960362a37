//! What a response object repeats of its request: written once, and copied into every event that shows the object.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::request::{Body, Choice, Format, Tool};
use crate::error::to_vec;

/// The fields as they stand in the object: JSON without the braces around.
pub(super) fn echo(body: &Body<'_>) -> Bytes {
    let text = body.text.as_ref();
    let reasoning = body.reasoning.as_ref();
    let shown = Echo {
        background: body.background == Some(true),
        instructions: body.instructions.as_deref(),
        max_output_tokens: body.max_output_tokens,
        max_tool_calls: body.max_tool_calls,
        metadata: body.metadata.as_ref(),
        parallel_tool_calls: body.parallel_tool_calls.unwrap_or(true),
        previous_response_id: body.previous_response_id.as_deref(),
        prompt_cache_key: body.prompt_cache_key.as_deref(),
        reasoning: EchoReasoning {
            effort: reasoning.and_then(|it| it.effort.as_deref()),
            summary: reasoning.and_then(|it| it.summary.as_deref().or(it.generate_summary.as_deref())),
        },
        safety_identifier: body.safety_identifier.as_deref(),
        temperature: body.temperature,
        text: EchoText {
            format: format(text.and_then(|it| it.format.as_ref())),
            verbosity: text.and_then(|it| it.verbosity.as_deref()),
        },
        tool_choice: choice(body.tool_choice.as_ref()),
        tools: body.tools.0.iter().filter_map(tool).collect(),
        top_logprobs: 0,
        top_p: body.top_p,
        truncation: "disabled",
        user: body.user.as_deref(),
    };
    let mut object = to_vec(&shown);
    object.pop();
    Bytes::from(object).slice(1..)
}

#[derive(Serialize)]
struct Echo<'a> {
    background: bool,
    instructions: Option<&'a str>,
    max_output_tokens: Option<u32>,
    max_tool_calls: Option<u32>,
    #[serde(serialize_with = "or_empty")]
    metadata: Option<&'a BTreeMap<String, String>>,
    parallel_tool_calls: bool,
    previous_response_id: Option<&'a str>,
    prompt_cache_key: Option<&'a str>,
    reasoning: EchoReasoning<'a>,
    safety_identifier: Option<&'a str>,
    temperature: Option<f64>,
    text: EchoText<'a>,
    tool_choice: EchoChoice<'a>,
    tools: Vec<EchoTool<'a>>,
    top_logprobs: u32,
    top_p: Option<f64>,
    truncation: &'static str,
    user: Option<&'a str>,
}

#[derive(Serialize)]
struct EchoReasoning<'a> {
    effort: Option<&'a str>,
    summary: Option<&'a str>,
}

#[derive(Serialize)]
struct EchoText<'a> {
    format: EchoFormat<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EchoFormat<'a> {
    Text,
    JsonObject,
    JsonSchema {
        name: Option<&'a str>,
        description: Option<&'a str>,
        schema: Option<&'a Value>,
        strict: Option<bool>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum EchoChoice<'a> {
    Word(&'a str),
    Named { r#type: &'a str, name: Option<&'a str> },
    Allowed { r#type: &'a str, mode: &'a str, tools: Vec<Named<'a>> },
}

#[derive(Serialize)]
struct Named<'a> {
    r#type: &'a str,
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EchoTool<'a> {
    Function {
        name: Option<&'a str>,
        description: Option<&'a str>,
        parameters: Option<&'a Value>,
        strict: Option<bool>,
    },
    Custom {
        name: Option<&'a str>,
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<&'a Value>,
    },
    Namespace {
        name: Option<&'a str>,
        description: Option<&'a str>,
        tools: Vec<EchoTool<'a>>,
    },
}

/// A tool as it was declared; what is dropped is not on offer, and not shown.
fn tool(tool: &Tool) -> Option<EchoTool<'_>> {
    let (name, description) = (tool.name.as_deref(), tool.description.as_deref());
    match tool.r#type.as_str() {
        "function" => {
            let (parameters, strict) = (tool.parameters.as_ref(), tool.strict);
            Some(EchoTool::Function { name, description, parameters, strict })
        }
        "custom" => Some(EchoTool::Custom { name, description, format: tool.format.as_ref() }),
        "namespace" => {
            let tools = tool.tools.0.iter().filter_map(self::tool).collect();
            Some(EchoTool::Namespace { name, description, tools })
        }
        _ => None,
    }
}

fn choice(choice: Option<&Choice>) -> EchoChoice<'_> {
    match choice {
        None => EchoChoice::Word("auto"),
        Some(Choice::Word(word)) => EchoChoice::Word(word),
        Some(Choice::Object(object)) if object.r#type == "allowed_tools" => EchoChoice::Allowed {
            r#type: &object.r#type,
            mode: object.mode.as_deref().unwrap_or("auto"),
            tools: object
                .tools
                .0
                .iter()
                .map(|it| Named {
                    r#type: it.r#type.as_deref().unwrap_or("function"),
                    name: it.name.as_deref(),
                })
                .collect(),
        },
        Some(Choice::Object(object)) => {
            EchoChoice::Named { r#type: &object.r#type, name: object.name.as_deref() }
        }
    }
}

fn format(format: Option<&Format>) -> EchoFormat<'_> {
    match format {
        Some(it) if it.r#type == "json_object" => EchoFormat::JsonObject,
        Some(it) if it.r#type == "json_schema" => EchoFormat::JsonSchema {
            name: it.name.as_deref(),
            description: it.description.as_deref(),
            schema: it.schema.as_ref(),
            strict: it.strict,
        },
        _ => EchoFormat::Text,
    }
}

fn or_empty<S: serde::Serializer>(
    pairs: &Option<&BTreeMap<String, String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match pairs {
        Some(pairs) => pairs.serialize(serializer),
        None => serializer.collect_map(std::iter::empty::<(&str, &str)>()),
    }
}
