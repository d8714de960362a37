//! Reasoning: how each family is asked for it, and what may not stand beside it.

use super::super::request::Request;
use crate::errors::Refusal;
use crate::models::{Capability, Model, Reasoning};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The additional fields that change what is accepted; all others pass, as they would reach the model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Additional {
    pub(crate) thinking: Option<Thinking>,
    reasoning_effort: Option<Value>,
    reasoning: Option<Value>,
    #[serde(rename = "reasoningConfig")]
    reasoning_config: Option<ReasoningConfig>,
    top_k: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningConfig {
    r#type: String,
}

/// Claude's `thinking`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Thinking {
    pub(crate) r#type: String,
    pub(crate) budget_tokens: Option<i64>,
}

/// Checks the additional fields; whether they ask for reasoning.
pub(super) fn additional(model: &Model, request: &Request<'_>, fields: &RawValue) -> Result<bool, Refusal> {
    let path = "additionalModelRequestFields";
    if !fields.get().starts_with('{') {
        return Err(Refusal::validation(format!(
            "The format of the value at {path} is invalid. Provide a json object for the field and try again."
        )));
    }
    let fields: Additional = serde_json::from_str(fields.get())
        .map_err(|it| Refusal::model(format_args!("Malformed input request: {path}: {it}")))?;
    if fields.top_k.is_some() && !model.can(Capability::Sampling) {
        return Err(Refusal::model(format_args!("`top_k` is deprecated for this model ({path}.top_k)")));
    }
    let told = fields.thinking.is_some() || fields.reasoning_effort.is_some() || fields.reasoning.is_some();
    if model.reasoning == Reasoning::Always && (told || fields.reasoning_config.is_some()) {
        return Err(Refusal::model(format_args!(
            "extraneous key in {path} is not permitted: this model always reasons"
        )));
    }
    if let Some(thinking) = fields.thinking.as_ref().filter(|_| model.is_claude()) {
        let config = request.inference_config.as_ref();
        let limit = config.and_then(|it| it.max_tokens).map_or(model.max_output_tokens, |it| it.0 as u64);
        let temperature = config.and_then(|it| it.temperature).map(|it| it.0);
        let top_p = config.and_then(|it| it.top_p).map(|it| it.0);
        return self::thinking(model, thinking, limit, temperature, top_p);
    }
    let enabled = fields.reasoning_config.is_some_and(|it| it.r#type == "enabled");
    Ok(match model.reasoning {
        Reasoning::EffortField => fields.reasoning_effort.is_some(),
        Reasoning::EffortObject => fields.reasoning.is_some() || fields.reasoning_effort.is_some(),
        Reasoning::Config => enabled,
        _ => false,
    })
}

/// Checks Claude's `thinking` against the model and the sampling beside it; whether it is on.
pub(crate) fn thinking(
    model: &Model,
    thinking: &Thinking,
    max_tokens: u64,
    temperature: Option<f64>,
    top_p: Option<f64>,
) -> Result<bool, Refusal> {
    use Reasoning::{Adaptive, Budget, BudgetOrAdaptive};
    match (thinking.r#type.as_str(), model.reasoning) {
        ("disabled", _) => return Ok(false),
        ("enabled", Budget | BudgetOrAdaptive) => {
            let budget = thinking
                .budget_tokens
                .ok_or_else(|| Refusal::model("thinking.enabled.budget_tokens: Field required"))?;
            if budget < 1024 {
                return Err(Refusal::model(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                ));
            }
            if budget as u64 >= max_tokens {
                return Err(Refusal::model(
                    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation.",
                ));
            }
        }
        ("enabled", Adaptive) => {
            return Err(Refusal::model(
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.",
            ));
        }
        ("adaptive" | "between_tools", Adaptive | BudgetOrAdaptive) => {}
        ("enabled" | "adaptive" | "between_tools", _) => {
            return Err(Refusal::model(format_args!(
                "thinking.type: '{}' is not supported on this model",
                thinking.r#type
            )));
        }
        (other, _) => {
            return Err(Refusal::model(format_args!(
                "thinking: Input tag '{other}' found using 'type' does not match any of the expected tags"
            )));
        }
    }
    if temperature.is_some_and(|it| it != 1.0) {
        return Err(Refusal::model(
            "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation.",
        ));
    }
    if top_p.is_some_and(|it| it < 0.95) {
        return Err(Refusal::model(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. Please consult our documentation.",
        ));
    }
    Ok(true)
}
