//! `list_models`: which models the caller may call.

use outcrop_types::{Price, Rate};
use outcrop_wire::mcp::{Params, Tool, ToolResult};
use outcrop_wire::model_card::{Abilities, ModelCard};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answered::{Failed, values};
use super::{Call, schema};
use crate::mcp::arguments;

pub(super) const NAME: &str = "list_models";
/// Prices of tokens are told for so many.
const MILLION: u32 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    filter: Option<String>,
    output: Option<Output>,
    capability: Option<Capability>,
}

/// What a model writes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Text,
    Image,
    Embedding,
    Ranking,
}

/// What a model can do.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Capability {
    Vision,
    StructuredOutput,
    Reasoning,
    Tools,
    Streaming,
    PromptCache,
}

pub(super) fn tool() -> Tool {
    Tool {
        name: NAME.to_owned(),
        title: Some("List models".to_owned()),
        description: Some(
            "Lists the models that the caller may call, with what they read, write, can do and cost. Use it to choose \
             the `model` of the other tools; without a model they call the platform's default one. Narrow the list \
             down with `filter`, `output` and `capability`: all of them there are many."
                .to_owned(),
        ),
        input_schema: input_schema(),
        output_schema: Some(output_schema()),
        annotations: Some(schema::READS),
    }
}

fn input_schema() -> Value {
    let properties = json!({
        "filter": {
            "type": "string",
            "description": "Part of a model's name, other name or maker, in any case: `claude`, `haiku`, `cohere`.",
        },
        "output": {
            "type": "string",
            "enum": ["text", "image", "embedding", "ranking"],
            "description": "What it is to write: `text` for `generate` and `chat`, `embedding` for `embed`, `ranking` for `rerank`.",
        },
        "capability": {
            "type": "string",
            "enum": ["vision", "structured_output", "reasoning", "tools", "streaming", "prompt_cache"],
            "description": "What it is to be able to do; `vision` is reading images, `structured_output` keeping to a JSON Schema.",
        },
    });
    schema::object(properties, &[])
}

fn output_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let texts = |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    let number = |description: &str| json!({ "type": ["integer", "null"], "description": description });
    let price = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let model = schema::object(
        json!({
            "id": text("The name to call it by."),
            "name": { "type": ["string", "null"], "description": "What people call it." },
            "owned_by": text("Who makes it."),
            "aliases": texts("Other names for it."),
            "input": texts("What it reads: text, image, document, video, audio."),
            "output": texts("What it writes: text, image, embedding, ranking."),
            "capabilities": texts("What it can do."),
            "context_window": number("Most tokens of a request and its answer together; null where it is not known."),
            "max_output_tokens": number("Most tokens of one answer; null where it is not known."),
            "dimensions": {
                "type": "array",
                "items": { "type": "integer" },
                "description": "Lengths of the vectors it makes, its default first; empty for other models.",
            },
            "input_usd_per_million_tokens": price("What a million tokens read cost in US dollars, as decimal text; null where it is not known."),
            "output_usd_per_million_tokens": price("What a million tokens written cost in US dollars, as decimal text; null where it is not known."),
            "legacy": { "type": "boolean", "description": "Whether its end is announced: choose another for new work." },
        }),
        &[
            "id",
            "name",
            "owned_by",
            "aliases",
            "input",
            "output",
            "capabilities",
            "context_window",
            "max_output_tokens",
            "dimensions",
            "input_usd_per_million_tokens",
            "output_usd_per_million_tokens",
            "legacy",
        ],
    );
    let properties = json!({
        "models": { "type": "array", "items": model, "description": "The models, sorted by `id`." },
    });
    schema::object(properties, &["models"])
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let asked: Arguments = arguments::read(&params)?;
    let filter = asked.filter.as_deref().unwrap_or_default().to_lowercase();
    let mut cards = call.service.cards(call.caller().principal).await?;
    cards.retain(|it| {
        asked.output.is_none_or(|output| it.output.contains(&output.word()))
            && asked.capability.is_none_or(|capability| capability.is_of(it))
            && is_named(it, &filter)
    });
    cards.sort_by(|one, other| one.id.cmp(&other.id));
    let models: Vec<Value> = cards.iter().map(shown).collect();
    Ok(values(json!({ "models": models }), call.context))
}

fn is_named(card: &ModelCard, filter: &str) -> bool {
    let own = [card.id.as_str(), card.owned_by.as_str(), card.name.as_deref().unwrap_or_default()];
    let mut names = own.into_iter().chain(card.aliases.iter().map(String::as_str));
    names.any(|name| name.to_lowercase().contains(filter))
}

fn shown(card: &ModelCard) -> Value {
    let rates = card.price.as_ref().map(|Price { tokens, .. }| tokens);
    let dollars = |rate: Option<Rate>| rate.map(|it| it.dollars(MILLION));
    json!({
        "id": card.id,
        "name": card.name,
        "owned_by": card.owned_by,
        "aliases": card.aliases,
        "input": card.input,
        "output": card.output,
        "capabilities": Capability::ALL.iter().filter(|it| it.is_of(card)).map(|it| it.name()).collect::<Vec<_>>(),
        "context_window": card.context_window,
        "max_output_tokens": card.max_output_tokens,
        "dimensions": card.dimensions,
        "input_usd_per_million_tokens": dollars(rates.and_then(|it| it.input)),
        "output_usd_per_million_tokens": dollars(rates.and_then(|it| it.output)),
        "legacy": card.legacy,
    })
}

impl Output {
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Embedding => "embedding",
            Self::Ranking => "ranking",
        }
    }
}

impl Capability {
    const ALL: [Self; 6] = [
        Self::Vision,
        Self::StructuredOutput,
        Self::Reasoning,
        Self::Tools,
        Self::Streaming,
        Self::PromptCache,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::StructuredOutput => "structured_output",
            Self::Reasoning => "reasoning",
            Self::Tools => "tools",
            Self::Streaming => "streaming",
            Self::PromptCache => "prompt_cache",
        }
    }

    fn is_of(self, card: &ModelCard) -> bool {
        let Abilities { streaming, tools, structured_output, reasoning, prompt_cache, .. } = card.abilities;
        match self {
            Self::Vision => card.input.contains(&"image"),
            Self::StructuredOutput => structured_output,
            Self::Reasoning => reasoning.is_some(),
            Self::Tools => tools,
            Self::Streaming => streaming,
            Self::PromptCache => prompt_cache,
        }
    }
}
