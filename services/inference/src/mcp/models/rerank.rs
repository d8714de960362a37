//! `rerank`: which texts answer a question best.

use outcrop_ports::Modality;
use outcrop_wire::mcp::{Params, Tool, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answered::{Failed, called, cost, values};
use super::written::unreadable;
use super::{Call, model, schema};
use crate::answer::{Body, Manner};
use crate::mcp::arguments;
use crate::routes;

pub(super) const NAME: &str = "rerank";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    query: String,
    documents: Vec<String>,
    model: Option<String>,
    top_n: Option<u32>,
    return_documents: Option<bool>,
}

/// The answer of the service.
#[derive(Deserialize)]
struct Ranked {
    results: Vec<Scored>,
}

#[derive(Deserialize)]
struct Scored {
    index: usize,
    relevance_score: Value,
}

pub(super) fn tool() -> Tool {
    Tool {
        name: NAME.to_owned(),
        title: Some("Rerank texts".to_owned()),
        description: Some(
            "Sorts texts by how well they answer a question, best first, with a score from 0 to 1 each. Use it to pick \
             the few that matter out of many search results, notes or passages before you read them. At most 1000 \
             texts a call. Each call is paid for from the caller's budget."
                .to_owned(),
        ),
        input_schema: input_schema(),
        output_schema: Some(output_schema()),
        annotations: Some(schema::CALLS),
    }
}

fn input_schema() -> Value {
    let properties = json!({
        "query": { "type": "string", "minLength": 1, "description": "The question." },
        "documents": {
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "minItems": 1,
            "maxItems": 1000,
            "description": "The texts to be sorted; none may be blank.",
        },
        "model": {
            "type": "string",
            "description": "Name of a reranking model, as `list_models` with `output` `ranking` tells it. Without it the platform's default one is called, if there is one.",
        },
        "top_n": { "type": "integer", "minimum": 1, "description": "How many of the best are wanted; without it all." },
        "return_documents": {
            "type": "boolean",
            "description": "Whether the result holds the texts, too; without it their places alone.",
        },
    });
    schema::object(properties, &["query", "documents"])
}

fn output_schema() -> Value {
    let scored = schema::object(
        json!({
            "index": { "type": "integer", "description": "The text's place in `documents`, from 0 on." },
            "score": { "type": "number", "description": "How well it answers, 0 to 1." },
            "document": { "type": "string", "description": "The text, where `return_documents` asked for it." },
        }),
        &["index", "score"],
    );
    let properties = json!({
        "results": { "type": "array", "items": scored, "description": "The texts, best first." },
        "model": schema::called_model(),
        "cost_usd": schema::cost(),
    });
    schema::object(properties, &["results", "model", "cost_usd"])
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let Arguments { query, documents, model, top_n, return_documents } = arguments::read(&params)?;
    let model = model::chosen(call, model, Modality::Ranking).await?;
    let body = json!({ "query": query, "documents": documents, "model": model, "top_n": top_n }).to_string();
    let answer = routes::rerank::answer(call.service, call.caller(), Manner::JOB, body.as_bytes()).await?;
    let Body::Whole(body) = answer.body else { return Err(unreadable().into()) };
    let Ranked { results } = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let shown = |Scored { index, relevance_score }| {
        let mut shown = json!({ "index": index, "score": relevance_score });
        if let Some(text) = documents.get(index).filter(|_| return_documents == Some(true)) {
            shown["document"] = text.as_str().into();
        }
        shown
    };
    let value = json!({
        "results": results.into_iter().map(shown).collect::<Vec<_>>(),
        "model": answer.facts.model_id,
        "cost_usd": cost(call.context),
    });
    let dropped: Vec<String> = answer.dropped.iter().map(|it| it.clone().into_owned()).collect();
    Ok(called(values(value, call.context), call.context, &answer.facts, &dropped))
}
