//! `GET /v1/models[/{id}]`: OpenAI's fields (openai-python 3.52), then what clients want to know before they call a model.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use outcrop_types::{Band, Price, Rate, TokenRates};
use serde::Serialize;

use crate::error::to_vec;
use crate::model_card::{Abilities, ModelCard};

/// Prices of tokens are told for so many.
const MILLION: u32 = 1_000_000;

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
    /// The day; null where no end is announced.
    shutdown_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    input_modalities: &'a [&'static str],
    output_modalities: &'a [&'static str],
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    dimensions: &'a [u32],
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing<'a>>,
    inference: Inference<'a>,
    lifecycle: Lifecycle,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
}

#[derive(Serialize)]
struct Capabilities {
    streaming: bool,
    tools: bool,
    tool_choice: bool,
    structured_output: bool,
    native_structured_output: bool,
    reasoning: bool,
    prompt_cache: bool,
    prompt_cache_1h: bool,
    sampling: bool,
    stop_sequences: bool,
}

/// Decimal text, as prices are exact.
#[derive(Serialize)]
struct Pricing<'a> {
    currency: &'static str,
    /// What the rates of tokens are for.
    tokens: u32,
    #[serde(flatten)]
    rates: Rates,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    above: Vec<Above>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_1k_queries: Option<String>,
    /// The row of the price list.
    row: &'a str,
}

#[derive(Serialize)]
struct Above {
    input_tokens: u64,
    #[serde(flatten)]
    rates: Rates,
}

#[derive(Serialize)]
struct Rates {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_5m: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<String>,
}

#[derive(Serialize)]
struct Inference<'a> {
    region: &'a str,
    on_demand: bool,
    profiles: &'a [String],
}

#[derive(Serialize)]
struct Lifecycle {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_life: Option<String>,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

/// The body of `GET /v1/models`.
#[must_use]
pub fn list(cards: &[ModelCard]) -> Bytes {
    to_vec(&List { object: "list", data: cards.iter().map(Model::from).collect() }).into()
}

/// The body of `GET /v1/models/{id}`.
#[must_use]
pub fn object(card: &ModelCard) -> Bytes {
    to_vec(&Model::from(card)).into()
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Self {
        let end_of_life = card.end_of_life.and_then(|it| DateTime::from_timestamp(it, 0));
        Self {
            id: &card.id,
            object: "model",
            created: card.created,
            owned_by: &card.owned_by,
            shutdown_date: end_of_life.map(|it| it.date_naive().to_string()),
            name: card.name.as_deref(),
            context_window: card.context_window,
            max_output_tokens: card.max_output_tokens,
            input_modalities: &card.input,
            output_modalities: &card.output,
            dimensions: &card.dimensions,
            capabilities: card.abilities.into(),
            pricing: card.price.as_ref().map(Pricing::from),
            inference: Inference {
                region: &card.region,
                on_demand: card.on_demand,
                profiles: &card.profiles,
            },
            lifecycle: Lifecycle {
                status: if card.legacy { "legacy" } else { "active" },
                end_of_life: end_of_life.map(|it| it.to_rfc3339_opts(SecondsFormat::Secs, true)),
            },
            aliases: &card.aliases,
        }
    }
}

impl From<Abilities> for Capabilities {
    fn from(can: Abilities) -> Self {
        Self {
            streaming: can.streaming,
            tools: can.tools,
            tool_choice: can.tool_choice,
            structured_output: can.structured_output,
            native_structured_output: can.native_structured_output,
            reasoning: can.reasoning.is_some(),
            prompt_cache: can.prompt_cache,
            prompt_cache_1h: can.prompt_cache_1h,
            sampling: can.sampling,
            stop_sequences: can.stop_sequences,
        }
    }
}

impl<'a> From<&'a Price> for Pricing<'a> {
    fn from(price: &'a Price) -> Self {
        let above = |band: &Band| Above { input_tokens: band.above_tokens, rates: band.rates.into() };
        Self {
            currency: "USD",
            tokens: MILLION,
            rates: price.tokens.into(),
            above: price.bands.iter().map(above).collect(),
            per_image: price.images.map(|it| it.dollars(1)),
            per_1k_queries: price.queries.map(|it| it.dollars(1_000)),
            row: &price.row,
        }
    }
}

impl From<TokenRates> for Rates {
    fn from(rates: TokenRates) -> Self {
        let dollars = |rate: Option<Rate>| rate.map(|it| it.dollars(MILLION));
        Self {
            input: dollars(rates.input),
            output: dollars(rates.output),
            cache_read: dollars(rates.cache_read),
            cache_write_5m: dollars(rates.cache_write_5m),
            cache_write_1h: dollars(rates.cache_write_1h),
        }
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::Factor;
    use serde_json::{Value, json};

    use super::*;

    fn card() -> ModelCard {
        let dollars = |text: &str| Some(Rate::parse(text, MILLION).unwrap());
        let tokens =
            TokenRates { input: dollars("0.06"), cache_read: dollars("0.015"), ..TokenRates::default() };
        let above = Band { above_tokens: 272_000, rates: tokens.times("2".parse::<Factor>().unwrap()) };
        ModelCard {
            id: "nova/lite:1".into(),
            aliases: vec!["small".into()],
            name: Some("Nova Lite".into()),
            owned_by: "amazon".into(),
            created: 1_733_184_000,
            context_window: Some(300_000),
            max_output_tokens: None,
            input: vec!["text", "image"],
            output: vec!["text"],
            dimensions: Vec::new(),
            abilities: Abilities { streaming: true, tools: true, ..Abilities::default() },
            price: Some(Price {
                row: "nova/region/2026-11-20".into(),
                tokens,
                bands: vec![above],
                images: None,
                queries: None,
            }),
            region: "us-east-1".into(),
            on_demand: true,
            profiles: vec!["us".into()],
            legacy: true,
            end_of_life: Some(1_798_761_600),
        }
    }

    #[test]
    fn a_model_has_openais_fields_and_more() {
        let model: Value = serde_json::from_slice(&object(&card())).unwrap();
        let rates = json!({"input": "0.06", "cache_read": "0.015"});
        let expected = json!({
            "id": "nova/lite:1", "object": "model", "created": 1_733_184_000, "owned_by": "amazon",
            "shutdown_date": "2027-01-01",
            "name": "Nova Lite", "context_window": 300_000,
            "input_modalities": ["text", "image"], "output_modalities": ["text"],
            "capabilities": {
                "streaming": true, "tools": true, "tool_choice": false, "structured_output": false,
                "native_structured_output": false, "reasoning": false, "prompt_cache": false,
                "prompt_cache_1h": false, "sampling": false, "stop_sequences": false,
            },
            "pricing": {
                "currency": "USD", "tokens": 1_000_000, "input": rates["input"], "cache_read": rates["cache_read"],
                "above": [{"input_tokens": 272_000, "input": "0.12", "cache_read": "0.03"}],
                "row": "nova/region/2026-11-20",
            },
            "inference": {"region": "us-east-1", "on_demand": true, "profiles": ["us"]},
            "lifecycle": {"status": "legacy", "end_of_life": "2027-01-01T00:00:00Z"},
            "aliases": ["small"],
        });
        assert_eq!(model, expected);
    }

    #[test]
    fn a_list_holds_models() {
        let list: Value = serde_json::from_slice(&list(&[card()])).unwrap();
        assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("nova/lite:1")));
        assert_eq!(super::list(&[]), r#"{"object":"list","data":[]}"#);
    }
}
