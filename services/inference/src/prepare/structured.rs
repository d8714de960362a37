//! An answer of a certain shape, from models that can be held to one and from those that cannot.
//!
//! Three ways, the surest first: the model is held to the schema (`native`); it is made to call a tool whose input is
//! the answer (`tool`); it is told in words (`prompt`), and a code fence that it puts around the answer all the same is
//! taken away. Which one it was, a header tells. Where the client forces a call and the model cannot be held to a shape
//! besides, the call is the answer, and the shape is named as dropped.

use outcrop_chat::{Block, JsonSchema, OutputFormat, Request, SystemBlock, ToolChoice, ToolSpec, Tools};
use outcrop_ports::{Family, ModelInfo};
use serde_json::Value;

use super::reshape::Reshape;
use super::schema;
use super::taken::Taken;

/// The header that tells which way it was.
const HEADER: &str = "x-outcrop-structured-output";
/// What an answer that is no object is wrapped under.
const KEY: &str = "value";
/// The longest name of a tool.
const MOST_NAME: usize = 64;

/// Which way it was, and what has to be done to the answer.
pub(super) type Shaped = (Option<(&'static str, String)>, Reshape);

/// Asks for the shape in the best way the model has. `thinks` says that it cannot be made to call a tool.
pub(super) fn shape(request: &mut Request, thinks: bool, taken: &mut Taken<'_>) -> Shaped {
    let model = taken.model;
    let told = |way: &str| Some((HEADER, way.to_owned()));
    let choice = request.tools.as_ref().map_or(&ToolChoice::Auto, |it| &it.choice);
    let (called, named) = (*choice != ToolChoice::Auto, matches!(choice, ToolChoice::Named(_)));
    match request.output.take() {
        None => (None, Reshape::Nothing),
        Some(OutputFormat::JsonObject) => {
            if called {
                taken.name(taken.fields.format);
                return (None, Reshape::Nothing);
            }
            instruct(
                request,
                "Answer with one JSON object and nothing else: no other words, no code fence.".to_owned(),
            );
            (told("prompt"), Reshape::Unfence)
        }
        Some(OutputFormat::JsonSchema(format)) => {
            let held = model.structured_output.then(|| held(&format)).flatten();
            if let Some((format, reshape)) = held {
                request.output = Some(OutputFormat::JsonSchema(format));
                return (told("native"), reshape);
            }
            if !model.tools {
                instruct(request, in_words(&format.schema));
                return (told("prompt"), Reshape::Unfence);
            }
            if named {
                taken.name(taken.fields.format);
                return (None, Reshape::Nothing);
            }
            (told("tool"), by_tool(request, model, format, thinks))
        }
    }
}

fn instruct(request: &mut Request, text: String) {
    request.system.push(SystemBlock::Text(text));
}

fn in_words(schema: &Value) -> String {
    format!(
        "Answer with one JSON document that conforms to the JSON schema below, and with nothing else: no other words, \
         no code fence.\n{schema}"
    )
}

/// The schema as Bedrock takes it, if it can hold a model to it.
fn held(format: &JsonSchema) -> Option<(JsonSchema, Reshape)> {
    let closed = schema::strict(&format.schema)?;
    let (closed, reshape) = if schema::is_of_object(&closed) {
        (closed, Reshape::Nothing)
    } else {
        (schema::wrapped(&closed, KEY), Reshape::Unwrap { key: KEY })
    };
    Some((JsonSchema { schema: closed, ..format.clone() }, reshape))
}

/// Offers a tool whose input is the answer.
///
/// It stands behind the client's tools, so that what a cache keeps of them stays. Whether the client leaves the choice
/// to the model or wants some call, it must call one: the answer, or what leads there. A model that cannot be made to
/// call is told to in words.
fn by_tool(request: &mut Request, model: &ModelInfo, format: JsonSchema, thinks: bool) -> Reshape {
    let JsonSchema { name, description, schema, .. } = format;
    let key = (!schema::is_of_object(&schema)).then_some(KEY);
    let name = free_name(request, &name);
    let input_schema = if key.is_some() { schema::wrapped(&schema, KEY) } else { schema };
    let description = description.filter(|it| !it.trim().is_empty());
    let description = Some(description.unwrap_or_else(|| "Gives the final answer to the user.".to_owned()));
    let spec = ToolSpec { name: name.clone(), description, input_schema, ..ToolSpec::default() };
    let alone = request.tools.is_none();
    let tools = request.tools.get_or_insert_with(|| Tools {
        specs: Vec::new(),
        system: Vec::new(),
        choice: ToolChoice::Auto,
        parallel: None,
    });
    tools.specs.push(spec);
    if alone && model.family == Family::Claude {
        tools.parallel = Some(false);
    }
    if model.tool_choice && !thinks {
        tools.choice = if alone { ToolChoice::Named(name.clone()) } else { ToolChoice::Any };
    } else {
        let text = format!("Give your final answer by calling the tool `{name}`, not as text.");
        instruct(request, text);
    }
    Reshape::Tool { name, key }
}

/// The format's name, or one like it that no tool has, now or earlier in the conversation.
fn free_name(request: &Request, name: &str) -> String {
    let is_taken = |name: &str| {
        let declared = request.tools.iter().flat_map(|it| &it.specs).any(|it| it.name == name);
        let called = request.messages.iter().flat_map(|it| &it.content);
        declared || called.into_iter().any(|it| matches!(it, Block::ToolUse(call) if call.name == name))
    };
    let clean: String = name
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || "_-".contains(it) { it } else { '_' })
        .collect();
    let clean = if clean.is_empty() { "answer".to_owned() } else { clean };
    let numbered = (2_u32..).map(|number| {
        let number = format!("_{number}");
        format!("{}{number}", &clean[..clean.len().min(MOST_NAME - number.len())])
    });
    let first = clean[..clean.len().min(MOST_NAME)].to_owned();
    std::iter::once(first).chain(numbered).find(|it| !is_taken(it)).unwrap_or_default()
}

#[cfg(test)]
#[path = "structured_tests.rs"]
mod tests;
