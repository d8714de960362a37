//! `embed`: texts into vectors.

use outcrop_chat::InvalidRequest;
use outcrop_ports::Modality;
use outcrop_wire::mcp::{Params, Tool, ToolResult, Version};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answered::{Failed, called, cost, told};
use super::written::unreadable;
use super::{Call, model, schema};
use crate::answer::{Body, Manner};
use crate::mcp::arguments;
use crate::routes;

pub(super) const NAME: &str = "embed";
/// Most texts of one call: the vectors are to fit into one message.
const MOST_TEXTS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    input: Vec<String>,
    model: Option<String>,
    dimensions: Option<u32>,
    input_type: Option<String>,
}

/// The answer of the service.
#[derive(Deserialize)]
struct Embedded {
    data: Vec<Vector>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Vector {
    embedding: Vec<Value>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
}

pub(super) fn tool() -> Tool {
    Tool {
        name: NAME.to_owned(),
        title: Some("Embed texts".to_owned()),
        description: Some(format!(
            "Turns texts into vectors that are near to each other where the texts mean the same: for semantic search, \
             grouping and comparison by a program. The vectors are in the structured result; they tell a language \
             model nothing, so to find what fits a question among a few texts use `rerank`. At most {MOST_TEXTS} texts \
             a call. Each call is paid for from the caller's budget."
        )),
        input_schema: input_schema(),
        output_schema: Some(output_schema()),
        annotations: Some(schema::CALLS),
    }
}

fn input_schema() -> Value {
    let properties = json!({
        "input": {
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "minItems": 1,
            "maxItems": MOST_TEXTS,
            "description": "The texts; none may be blank.",
        },
        "model": {
            "type": "string",
            "description": "Name of an embedding model, as `list_models` with `output` `embedding` tells it. Without it the platform's default one is called.",
        },
        "dimensions": {
            "type": "integer",
            "minimum": 1,
            "description": "Length of the vectors: one of those that `list_models` tells of the model. Without it the model's own default.",
        },
        "input_type": {
            "type": "string",
            "enum": ["search_document", "search_query", "classification", "clustering"],
            "description": "What the vectors are for: texts to be searched (the default), a question to search with, sorting into classes, or grouping.",
        },
    });
    schema::object(properties, &["input"])
}

fn output_schema() -> Value {
    let properties = json!({
        "embeddings": {
            "type": "array",
            "items": { "type": "array", "items": { "type": "number" } },
            "description": "A vector for each text, in their order.",
        },
        "dimensions": { "type": "integer", "description": "Length of each vector." },
        "model": schema::called_model(),
        "input_tokens": { "type": "integer", "description": "Tokens read." },
        "cost_usd": schema::cost(),
    });
    schema::object(properties, &["embeddings", "dimensions", "model", "input_tokens", "cost_usd"])
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let asked: Arguments = arguments::read(&params)?;
    if !(1..=MOST_TEXTS).contains(&asked.input.len()) {
        let message = format!("`input` must have from 1 to {MOST_TEXTS} texts, not {}.", asked.input.len());
        return Err(InvalidRequest::new("input", message).into());
    }
    let model = model::chosen(call, asked.model, Modality::Embedding).await?;
    let body = json!({
        "input": asked.input,
        "model": model,
        "dimensions": asked.dimensions,
        "input_type": asked.input_type,
        "encoding_format": "float",
    });
    let body = body.to_string();
    let answer =
        routes::embeddings::answer(call.service, call.caller(), Manner::JOB, body.as_bytes()).await?;
    let Body::Whole(body) = answer.body else { return Err(unreadable().into()) };
    let Embedded { data, usage } = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let vectors: Vec<Value> = data.into_iter().map(|it| it.embedding.into()).collect();
    let dimensions = vectors.first().and_then(Value::as_array).map_or(0, Vec::len);
    let count = vectors.len();
    let value = json!({
        "embeddings": vectors,
        "dimensions": dimensions,
        "model": answer.facts.model_id,
        "input_tokens": usage.prompt_tokens,
        "cost_usd": cost(call.context),
    });
    // A list of numbers is of no use to a model. Programs read it in the structured result, if their revision has one.
    let text = if call.exchange.client().version >= Version::V2025_06_18 {
        format!("Vectors made: {count}, of {dimensions} numbers each. They are in the structured result.")
    } else {
        value.to_string()
    };
    let dropped: Vec<String> = answer.dropped.iter().map(|it| it.clone().into_owned()).collect();
    let result = told(text, value, call.context);
    Ok(called(result, call.context, &answer.facts, &dropped))
}
