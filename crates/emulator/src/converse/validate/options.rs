//! Everything in the request that is neither a message nor a tool.

use super::super::extra::{LATENCIES, TIERS};
use super::super::request::{InferenceConfig, OutputConfig, Request, Str, SystemBlock};
use super::{Checked, blank};
use crate::errors::{Exception, Refusal};
use crate::models::{Capability, Model, Reasoning};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// Most `cachePoint` blocks in one request.
const MAX_CACHE_POINTS: usize = 4;

pub(super) fn check(model: &Model, request: &Request<'_>) -> Result<Checked, Refusal> {
    if let Some(inference) = &request.inference_config {
        inference_config(model, inference)?;
    }
    system(model, request.system.as_deref().unwrap_or_default())?;
    cache_points(model, request)?;
    metadata(request)?;
    enums(request)?;
    if let Some(output) = &request.output_config {
        output_config(model, output)?;
    }
    let thinking = match request.additional_model_request_fields {
        Some(fields) => additional(model, request, fields)?,
        None => false,
    };
    Ok(Checked { thinking: thinking || model.reasoning == Reasoning::Always })
}

fn inference_config(model: &Model, config: &InferenceConfig<'_>) -> Result<(), Refusal> {
    if let Some(max) = config.max_tokens.map(|it| it.0) {
        let path = "inferenceConfig.maxTokens";
        if max < 1 {
            let text = "Member must have value greater than or equal to 1";
            return Err(Refusal::constraint(path, Some(&max.to_string()), text));
        }
        if (max as u64) < model.min_max_tokens {
            return Err(Refusal::model(format_args!(
                "Invalid 'max_output_tokens' ({path}): integer below minimum value. Expected a value >= {}, but got {max} instead.",
                model.min_max_tokens
            )));
        }
        if max as u64 > model.max_output_tokens {
            let limit = model.max_output_tokens;
            return Err(Refusal::validation(format!(
                "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens value \
                 that is lower than {limit}."
            )));
        }
    }
    sampling(model, config)?;
    let Some(stops) = &config.stop_sequences else { return Ok(()) };
    let path = "inferenceConfig.stopSequences";
    if stops.len() > 2500 {
        return Err(Refusal::constraint(path, Some("[…]"), "Member must have length less than or equal to 2500"));
    }
    for (at, stop) in stops.iter().enumerate() {
        let member = || format!("{path}.{}.member", at + 1);
        if stop.is_empty() {
            return Err(Refusal::constraint(&member(), Some(""), "Member must have length greater than or equal to 1"));
        }
        if model.is_claude() && blank(stop) {
            return Err(Refusal::model(format_args!("stop_sequences: each stop sequence must contain non-whitespace ({path})")));
        }
    }
    if !stops.is_empty() && !model.can(Capability::StopSequences) {
        return Err(unsupported("stopSequences field", path));
    }
    if model.family == "nova" && stops.len() > 4 {
        return Err(Refusal::model(format_args!("Malformed input request: #/inferenceConfig/stopSequences: expected maximum item count: 4, found: {}, please reformat your input and try again.", stops.len())));
    }
    Ok(())
}

fn sampling(model: &Model, config: &InferenceConfig<'_>) -> Result<(), Refusal> {
    let fields = [("temperature", config.temperature), ("topP", config.top_p)];
    for (name, value) in fields {
        let Some(value) = value.map(|it| it.0) else { continue };
        let path = format!("inferenceConfig.{name}");
        let shown = value.to_string();
        if value < 0.0 {
            return Err(Refusal::constraint(&path, Some(&shown), "Member must have value greater than or equal to 0"));
        }
        if value > 1.0 {
            return Err(Refusal::constraint(&path, Some(&shown), "Member must have value less than or equal to 1"));
        }
        if !model.can(Capability::Sampling) {
            let wire = if name == "topP" { "top_p" } else { name };
            return Err(Refusal::model(format_args!("`{wire}` is deprecated for this model ({path})")));
        }
    }
    if model.can(Capability::ExclusiveSampling) && config.temperature.is_some() && config.top_p.is_some() {
        return Err(Refusal::model(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    Ok(())
}

/// The message for what a model lacks.
pub(super) fn unsupported(what: &str, path: &str) -> Refusal {
    Refusal::validation(format!("This model doesn't support the {what}. Remove {path} and try again."))
}

fn system(model: &Model, blocks: &[SystemBlock<'_>]) -> Result<(), Refusal> {
    if !blocks.is_empty() && !model.can(Capability::System) {
        return Err(Refusal::validation("This model doesn't support system messages. Try again without a system message or use a model that supports system messages."));
    }
    for (at, block) in blocks.iter().enumerate() {
        match block {
            SystemBlock::Text(text) if text.is_empty() => {
                let path = format!("system.{}.member.text", at + 1);
                return Err(Refusal::constraint(&path, Some(""), "Member must have length greater than or equal to 1"));
            }
            SystemBlock::Text(text) if blank(text) => {
                return Err(Refusal::validation(format!("The text field in the SystemContentBlock object at system.{at} is blank. Add text to the text field, and try again.")));
            }
            SystemBlock::Unknown => {
                return Err(Refusal::validation(format!("The SystemContentBlock object at system.{at} must set one of the following keys: text, guardContent, cachePoint.")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn cache_points(model: &Model, request: &Request<'_>) -> Result<(), Refusal> {
    let mut count = 0;
    for (path, point) in super::super::count::cache_points(request) {
        count += 1;
        if point.r#type.as_deref() != Some("default") {
            let path = format!("{path}.cachePoint.type");
            return Err(match &point.r#type {
                None => Refusal::missing(&path),
                Some(it) => Refusal::constraint(&path, Some(it), "Member must satisfy enum value set: [default]"),
            });
        }
        if let Some(ttl) = point.ttl.as_deref().filter(|it| !["5m", "1h"].contains(it)) {
            let path = format!("{path}.cachePoint.ttl");
            return Err(Refusal::constraint(&path, Some(ttl), "Member must satisfy enum value set: [5m, 1h]"));
        }
    }
    if count > 0 && !model.can(Capability::PromptCaching) {
        return Err(Refusal::new(
            Exception::AccessDenied,
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
        ));
    }
    if count > MAX_CACHE_POINTS {
        return Err(Refusal::model(format_args!("A maximum of {MAX_CACHE_POINTS} blocks with cache_control may be provided. Found {count} cachePoint blocks.")));
    }
    Ok(())
}

/// `[a-zA-Z0-9\s:_@$#=/+,-.]`; the range `,-.` is comma, hyphen and full stop.
fn metadata_char(it: char) -> bool {
    it.is_ascii_alphanumeric() || it.is_ascii_whitespace() || ":_@$#=/+,-.".contains(it)
}

fn metadata(request: &Request<'_>) -> Result<(), Refusal> {
    let Some(metadata) = &request.request_metadata else { return Ok(()) };
    if metadata.is_empty() {
        return Err(Refusal::constraint("requestMetadata", Some("{}"), "Member must have length greater than or equal to 1"));
    }
    if metadata.len() > 16 {
        return Err(Refusal::constraint("requestMetadata", Some("{…}"), "Member must have length less than or equal to 16"));
    }
    for (key, value) in metadata {
        let key_ok = (1..=256).contains(&key.len()) && key.chars().all(metadata_char);
        if !key_ok || value.len() > 256 || !value.chars().all(metadata_char) {
            let wrong = if key_ok { value } else { key };
            return Err(Refusal::constraint(
                "requestMetadata",
                Some(wrong),
                "Map keys must satisfy constraint: [Member must have length between 1 and 256, Member must satisfy regular \
                 expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}]; map values the same with a length of 0 to 256",
            ));
        }
    }
    Ok(())
}

/// A member that must be one of few words.
fn one_of(path: &str, value: Option<&Str<'_>>, words: &[&str]) -> Result<(), Refusal> {
    match value {
        Some(value) if !words.contains(&&**value) => {
            let constraint = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            Err(Refusal::constraint(path, Some(value), &constraint))
        }
        _ => Ok(()),
    }
}

fn enums(request: &Request<'_>) -> Result<(), Refusal> {
    if let Some(performance) = &request.performance_config {
        one_of("performanceConfig.latency", performance.latency.as_ref(), &LATENCIES)?;
    }
    if let Some(tier) = &request.service_tier {
        if tier.r#type.is_none() {
            return Err(Refusal::missing("serviceTier.type"));
        }
        one_of("serviceTier.type", tier.r#type.as_ref(), &TIERS)?;
    }
    if let Some(guardrail) = &request.guardrail_config {
        if guardrail.guardrail_identifier.is_some() != guardrail.guardrail_version.is_some() {
            return Err(Refusal::validation("The guardrailConfig field must define both guardrailIdentifier and guardrailVersion."));
        }
        one_of("guardrailConfig.trace", guardrail.trace.as_ref(), &["enabled", "disabled", "enabled_full"])?;
        one_of("guardrailConfig.streamProcessingMode", guardrail.stream_processing_mode.as_ref(), &["sync", "async"])?;
    }
    let paths = request.additional_model_response_field_paths.as_deref().unwrap_or_default();
    let field = "additionalModelResponseFieldPaths";
    if paths.len() > 10 {
        return Err(Refusal::constraint(field, Some("[…]"), "Member must have length less than or equal to 10"));
    }
    match paths.iter().find(|it| !it.starts_with('/') || it.len() > 256) {
        Some(path) => Err(Refusal::validation(format!("The value '{}' in {field} is not a JSON Pointer of 1 to 256 characters.", &**path))),
        None => Ok(()),
    }
}

fn output_config(model: &Model, config: &OutputConfig<'_>) -> Result<(), Refusal> {
    if let Some(effort) = config.effort.as_ref().filter(|it| it.len() > 16) {
        return Err(Refusal::constraint("outputConfig.effort", Some(effort), "Member must have length less than or equal to 16"));
    }
    let Some(format) = &config.text_format else { return Ok(()) };
    if format.r#type.is_none() {
        return Err(Refusal::missing("outputConfig.textFormat.type"));
    }
    one_of("outputConfig.textFormat.type", format.r#type.as_ref(), &["json_schema"])?;
    let path = "outputConfig.textFormat.structure.jsonSchema.schema";
    let schema = format.structure.as_ref().and_then(|it| it.json_schema.as_ref()).and_then(|it| it.schema.as_ref());
    let schema = schema.ok_or_else(|| Refusal::missing(path))?;
    if !model.can(Capability::StructuredOutput) {
        return Err(unsupported("outputConfig.textFormat field", "outputConfig.textFormat"));
    }
    let schema: Value =
        serde_json::from_str(schema).map_err(|it| Refusal::validation(format!("The value at {path} is not valid JSON: {it}")))?;
    strict_schema(&schema, path)
}

/// The subset of JSON Schema that structured output accepts.
pub(super) fn strict_schema(schema: &Value, path: &str) -> Result<(), Refusal> {
    const REFUSED: [&str; 12] = [
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
        "uniqueItems", "patternProperties", "if", "not",
    ];
    let Some(object) = schema.as_object() else {
        return Err(Refusal::model(format_args!("{path}: a schema must be a JSON object")));
    };
    if let Some(keyword) = REFUSED.iter().find(|it| object.contains_key(**it)) {
        return Err(Refusal::model(format_args!("{path}: the keyword '{keyword}' is not supported")));
    }
    let is_object = object.get("type").is_some_and(|it| it == "object") || object.contains_key("properties");
    if is_object && object.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(Refusal::model(format_args!("{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")));
    }
    for key in ["properties", "$defs", "definitions"] {
        for (name, part) in object.get(key).and_then(Value::as_object).into_iter().flatten() {
            strict_schema(part, &format!("{path}.{key}.{name}"))?;
        }
    }
    for key in ["anyOf", "allOf"] {
        for part in object.get(key).and_then(Value::as_array).into_iter().flatten() {
            strict_schema(part, &format!("{path}.{key}"))?;
        }
    }
    match object.get("items") {
        Some(items) => strict_schema(items, &format!("{path}.items")),
        None => Ok(()),
    }
}

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
fn additional(model: &Model, request: &Request<'_>, fields: &RawValue) -> Result<bool, Refusal> {
    let path = "additionalModelRequestFields";
    if !fields.get().starts_with('{') {
        return Err(Refusal::validation(format!("The format of the value at {path} is invalid. Provide a json object for the field and try again.")));
    }
    let fields: Additional = serde_json::from_str(fields.get())
        .map_err(|it| Refusal::model(format_args!("Malformed input request: {path}: {it}")))?;
    if fields.top_k.is_some() && !model.can(Capability::Sampling) {
        return Err(Refusal::model(format_args!("`top_k` is deprecated for this model ({path}.top_k)")));
    }
    let told = fields.thinking.is_some() || fields.reasoning_effort.is_some() || fields.reasoning.is_some();
    if model.reasoning == Reasoning::Always && (told || fields.reasoning_config.is_some()) {
        return Err(Refusal::model(format_args!("extraneous key in {path} is not permitted: this model always reasons")));
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
        Reasoning::ReasoningEffortObject => fields.reasoning.is_some() || fields.reasoning_effort.is_some(),
        Reasoning::ReasoningConfig => enabled,
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
            let budget = thinking.budget_tokens.ok_or_else(|| Refusal::model("thinking.enabled.budget_tokens: Field required"))?;
            if budget < 1024 {
                return Err(Refusal::model("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"));
            }
            if budget as u64 >= max_tokens {
                return Err(Refusal::model("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation."));
            }
        }
        ("enabled", Adaptive) => {
            return Err(Refusal::model("\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."));
        }
        ("adaptive" | "between_tools", Adaptive | BudgetOrAdaptive) => {}
        ("enabled" | "adaptive" | "between_tools", _) => {
            return Err(Refusal::model(format_args!("thinking.type: '{}' is not supported on this model", thinking.r#type)));
        }
        (other, _) => return Err(Refusal::model(format_args!("thinking: Input tag '{other}' found using 'type' does not match any of the expected tags"))),
    }
    if temperature.is_some_and(|it| it != 1.0) {
        return Err(Refusal::model("`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation."));
    }
    if top_p.is_some_and(|it| it < 0.95) {
        return Err(Refusal::model("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. Please consult our documentation."));
    }
    Ok(true)
}
