//! `tools`, `tool_choice`, `parallel_tool_calls`.
//!
//! Functions are Converse's tools. A `custom` tool takes free text, which Converse does not know: it becomes a function
//! of one string, and its calls are turned back. A `namespace` is a group of functions, whose names are put together with
//! the group's. What OpenAI runs itself (`web_search` and its like) has nobody to run it here: it is dropped by name.
//! Converse has no choice `none`, and wants tools declared whenever the conversation holds tool blocks: see `chat::tools`.

mod choice;

use std::collections::HashSet;

use outcrop_chat::{InvalidRequest, Request, ToolChoice, ToolSpec, Tools, declare_used_tools, without_tools};
use serde_json::{Map, Value, json};

use super::called::CalledTools;
use super::request::{Body, Choice, Tool};
use super::{Dropped, required};
use crate::json::shorten;

/// The one argument of a function that stands for a `custom` tool.
pub(super) const CUSTOM_INPUT: &str = "input";

/// The tools that OpenAI runs itself, by the beginning of their `type`, and the name they are dropped by.
const HOSTED: [(&str, &str); 12] = [
    ("web_search_preview", "tools.web_search_preview"),
    ("web_search", "tools.web_search"),
    ("file_search", "tools.file_search"),
    ("computer", "tools.computer"),
    ("mcp", "tools.mcp"),
    ("code_interpreter", "tools.code_interpreter"),
    ("image_generation", "tools.image_generation"),
    ("local_shell", "tools.local_shell"),
    ("shell", "tools.shell"),
    ("apply_patch", "tools.apply_patch"),
    ("tool_search", "tools.tool_search"),
    ("programmatic_tool_calling", "tools.programmatic_tool_calling"),
];

/// What the client lets the model do with tools.
pub(super) enum Offer {
    /// Whatever the conversation itself needs.
    Nothing,
    /// No call at all.
    Forbidden,
    /// These tools.
    Tools(Tools),
}

impl Offer {
    /// Puts the offer into the request.
    pub(super) fn apply(self, mut request: Request) -> Request {
        match self {
            Self::Tools(tools) => {
                request.tools = Some(tools);
                request
            }
            Self::Nothing => declare_used_tools(request),
            Self::Forbidden => without_tools(request),
        }
    }
}

/// Reads what is on offer.
pub(super) fn offer(
    body: &mut Body<'_>,
    called: &mut CalledTools,
    dropped: &mut Dropped,
) -> Result<Offer, InvalidRequest> {
    let specs = specs(body.tools.take(), called, dropped)?;
    let parallel = body.parallel_tool_calls;
    let Some(choice) = body.tool_choice.take() else { return Ok(offered(specs, ToolChoice::Auto, parallel)) };
    match choice {
        Choice::Word(word) => match word.as_str() {
            "none" => Ok(Offer::Forbidden),
            "auto" => Ok(offered(specs, ToolChoice::Auto, parallel)),
            "required" => needs_tools(&specs).map(|()| offered(specs, ToolChoice::Any, parallel)),
            other => {
                let message = format!(
                    "`tool_choice` must be `none`, `auto`, `required` or name a tool, not `{}`.",
                    shorten(other)
                );
                Err(InvalidRequest::new("tool_choice", message))
            }
        },
        Choice::Object(object) => {
            needs_tools(&specs)?;
            let (specs, choice) = choice::chosen(object, specs, called)?;
            Ok(offered(specs, choice, parallel))
        }
    }
}

fn offered(specs: Vec<ToolSpec>, choice: ToolChoice, parallel: Option<bool>) -> Offer {
    if specs.is_empty() {
        Offer::Nothing
    } else {
        Offer::Tools(Tools { specs, system: Vec::new(), choice, parallel })
    }
}

fn needs_tools(specs: &[ToolSpec]) -> Result<(), InvalidRequest> {
    if specs.is_empty() {
        let message = "`tool_choice` asks for a tool, and `tools` has none that can be called.";
        return Err(InvalidRequest::new("tool_choice", message));
    }
    Ok(())
}

fn specs(
    tools: Vec<Tool>,
    called: &mut CalledTools,
    dropped: &mut Dropped,
) -> Result<Vec<ToolSpec>, InvalidRequest> {
    let mut reader = Reader { called, dropped, seen: HashSet::new(), specs: Vec::with_capacity(tools.len()) };
    for (at, tool) in tools.into_iter().enumerate() {
        reader.tool(&format!("tools[{at}]"), None, tool)?;
    }
    Ok(reader.specs)
}

struct Reader<'a> {
    called: &'a mut CalledTools,
    dropped: &'a mut Dropped,
    seen: HashSet<String>,
    specs: Vec<ToolSpec>,
}

impl Reader<'_> {
    fn tool(&mut self, path: &str, group: Option<&str>, mut tool: Tool) -> Result<(), InvalidRequest> {
        match tool.r#type.as_str() {
            "function" => self.function(path, group, tool),
            "custom" => self.custom(path, group, tool),
            "namespace" if group.is_none() => {
                let name = named(path, tool.name.take())?;
                for (at, inner) in tool.tools.take().into_iter().enumerate() {
                    self.tool(&format!("{path}.tools[{at}]"), Some(&name), inner)?;
                }
                Ok(())
            }
            other => match hosted(other) {
                Some(name) => {
                    self.dropped.note(name);
                    Ok(())
                }
                None => {
                    let message = format!("`{path}.type` is `{}`, which is not supported.", shorten(other));
                    Err(InvalidRequest::new(format!("{path}.type"), message))
                }
            },
        }
    }

    fn function(&mut self, path: &str, group: Option<&str>, tool: Tool) -> Result<(), InvalidRequest> {
        self.note(&tool);
        let spec = ToolSpec {
            name: self.called.safe(group, named(path, tool.name)?),
            // Bedrock refuses a description that is there and empty.
            description: tool.description.filter(|it| !it.trim().is_empty()),
            input_schema: schema(path, tool.parameters)?,
            strict: tool.strict == Some(true),
            ..ToolSpec::default()
        };
        self.push(path, spec)
    }

    fn custom(&mut self, path: &str, group: Option<&str>, tool: Tool) -> Result<(), InvalidRequest> {
        self.note(&tool);
        let name = self.called.safe(group, named(path, tool.name)?);
        self.called.set_custom(&name);
        let spec = ToolSpec {
            name,
            description: tool.description.filter(|it| !it.trim().is_empty()),
            input_schema: json!({
                "type": "object",
                "properties": { CUSTOM_INPUT: { "type": "string", "description": free_text(tool.format.as_ref()) } },
                "required": [CUSTOM_INPUT],
                "additionalProperties": false,
            }),
            ..ToolSpec::default()
        };
        self.push(path, spec)
    }

    fn push(&mut self, path: &str, spec: ToolSpec) -> Result<(), InvalidRequest> {
        if !self.seen.insert(spec.name.clone()) {
            let name = shorten(self.called.tool(&spec.name).name);
            let message = format!("The tool `{name}` is declared twice.");
            return Err(InvalidRequest::new(format!("{path}.name"), message));
        }
        self.specs.push(spec);
        Ok(())
    }

    fn note(&mut self, tool: &Tool) {
        let asked = [
            ("tools.defer_loading", tool.defer_loading == Some(true)),
            ("tools.allowed_callers", tool.allowed_callers.is_some()),
            ("tools.output_schema", tool.output_schema.is_some()),
            ("tools.async", tool.r#async == Some(true)),
        ];
        for (field, _) in asked.iter().filter(|(_, asked)| *asked) {
            self.dropped.note(field);
        }
    }
}

/// The name that a tool which OpenAI runs itself is dropped by. Types end in dates: `web_search_2025_08_26`.
fn hosted(kind: &str) -> Option<&'static str> {
    let of =
        |known: &str| kind.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    HOSTED.iter().find(|(known, _)| of(known)).map(|(_, name)| *name)
}

fn named(path: &str, name: Option<String>) -> Result<String, InvalidRequest> {
    name.filter(|it| !it.is_empty()).ok_or_else(|| required(&format!("{path}.name")))
}

/// What a `custom` tool's input is to look like, in words and in the client's grammar.
fn free_text(format: Option<&Value>) -> String {
    let mut said = "The whole input of the tool, as free text.".to_owned();
    if let Some(grammar) = format.filter(|it| it["type"] == "grammar")
        && let (Some(syntax), Some(definition)) = (grammar["syntax"].as_str(), grammar["definition"].as_str())
    {
        said.push_str(&format!(" It must match this {syntax} grammar:\n{definition}"));
    }
    said
}

/// A tool's schema. Models on Bedrock want one, and want it to describe an object.
fn schema(path: &str, parameters: Option<Value>) -> Result<Value, InvalidRequest> {
    let param = || format!("{path}.parameters");
    let mut map = match parameters {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map,
        Some(_) => {
            let message = format!("`{}` must be a JSON schema, which is an object.", param());
            return Err(InvalidRequest::new(param(), message));
        }
    };
    if map.is_empty() {
        return Ok(json!({ "type": "object", "properties": {} }));
    }
    if map.entry("type").or_insert_with(|| "object".into()) != "object" {
        let message =
            format!("`{}` must have the `type` `object`: models on Bedrock take no other.", param());
        return Err(InvalidRequest::new(param(), message));
    }
    Ok(Value::Object(map))
}
