//! Everything in the request that is neither a message nor a tool.

use super::super::extra::{LATENCIES, TIERS};
use super::super::request::{GuardrailConfig, InferenceConfig, OutputConfig, Request, Str, SystemBlock};
use super::strict::strict_schema;
use super::{Checked, blank, reasoning};
use crate::errors::{Exception, Refusal};
use crate::models::{Capability, Model, Reasoning};
use serde_json::Value;

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
        Some(fields) => reasoning::additional(model, request, fields)?,
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
        return Err(Refusal::constraint(
            path,
            Some("[…]"),
            "Member must have length less than or equal to 2500",
        ));
    }
    for (at, stop) in stops.iter().enumerate() {
        let member = || format!("{path}.{}.member", at + 1);
        if stop.is_empty() {
            return Err(Refusal::constraint(
                &member(),
                Some(""),
                "Member must have length greater than or equal to 1",
            ));
        }
        if model.is_claude() && blank(stop) {
            return Err(Refusal::model(format_args!(
                "stop_sequences: each stop sequence must contain non-whitespace ({path})"
            )));
        }
    }
    if !stops.is_empty() && !model.can(Capability::StopSequences) {
        return Err(unsupported("stopSequences field", path));
    }
    if model.family == "nova" && stops.len() > 4 {
        return Err(Refusal::model(format_args!(
            "Malformed input request: #/inferenceConfig/stopSequences: expected maximum item count: 4, found: {}, please reformat your input and try again.",
            stops.len()
        )));
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
            return Err(Refusal::constraint(
                &path,
                Some(&shown),
                "Member must have value greater than or equal to 0",
            ));
        }
        if value > 1.0 {
            return Err(Refusal::constraint(
                &path,
                Some(&shown),
                "Member must have value less than or equal to 1",
            ));
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
        return Err(Refusal::validation(
            "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
        ));
    }
    for (at, block) in blocks.iter().enumerate() {
        match block {
            SystemBlock::Text(text) if text.is_empty() => {
                let path = format!("system.{}.member.text", at + 1);
                return Err(Refusal::constraint(
                    &path,
                    Some(""),
                    "Member must have length greater than or equal to 1",
                ));
            }
            SystemBlock::Text(text) if blank(text) => {
                return Err(Refusal::validation(format!(
                    "The text field in the SystemContentBlock object at system.{at} is blank. Add text to the text field, and try again."
                )));
            }
            SystemBlock::Unknown => {
                return Err(Refusal::validation(format!(
                    "The SystemContentBlock object at system.{at} must set one of the following keys: text, guardContent, cachePoint."
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

fn cache_points(model: &Model, request: &Request<'_>) -> Result<(), Refusal> {
    let (mut count, mut five_minutes_came) = (0, false);
    for (path, point) in super::super::count::cache_points(request) {
        count += 1;
        if path.starts_with("toolConfig") && !model.can(Capability::ToolCache) {
            return Err(unsupported("cachePoint field of tools", &format!("{path}.cachePoint")));
        }
        if point.r#type.as_deref() != Some("default") {
            let path = format!("{path}.cachePoint.type");
            return Err(match &point.r#type {
                None => Refusal::missing(&path),
                Some(it) => {
                    Refusal::constraint(&path, Some(it), "Member must satisfy enum value set: [default]")
                }
            });
        }
        if let Some(ttl) = point.ttl.as_deref().filter(|it| !["5m", "1h"].contains(it)) {
            let path = format!("{path}.cachePoint.ttl");
            return Err(Refusal::constraint(
                &path,
                Some(ttl),
                "Member must satisfy enum value set: [5m, 1h]",
            ));
        }
        if point.ttl.as_deref() == Some("1h") && !model.can(Capability::OneHourCache) {
            return Err(unsupported("1h ttl of the cachePoint field", &format!("{path}.cachePoint.ttl")));
        }
        let one_hour = point.ttl.as_deref() == Some("1h");
        if one_hour && five_minutes_came {
            return Err(Refusal::model(format_args!(
                "{path}.cachePoint.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            )));
        }
        five_minutes_came |= !one_hour;
    }
    if count > 0 && !model.can(Capability::PromptCaching) {
        return Err(Refusal::new(
            Exception::AccessDenied,
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
        ));
    }
    if count > MAX_CACHE_POINTS {
        return Err(Refusal::model(format_args!(
            "A maximum of {MAX_CACHE_POINTS} blocks with cache_control may be provided. Found {count} cachePoint blocks."
        )));
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
        return Err(Refusal::constraint(
            "requestMetadata",
            Some("{}"),
            "Member must have length greater than or equal to 1",
        ));
    }
    if metadata.len() > 16 {
        return Err(Refusal::constraint(
            "requestMetadata",
            Some("{…}"),
            "Member must have length less than or equal to 16",
        ));
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
            return Err(Refusal::validation(
                "The guardrailConfig field must define both guardrailIdentifier and guardrailVersion.",
            ));
        }
        guardrail_names(guardrail)?;
        one_of("guardrailConfig.trace", guardrail.trace.as_ref(), &["enabled", "disabled", "enabled_full"])?;
        one_of(
            "guardrailConfig.streamProcessingMode",
            guardrail.stream_processing_mode.as_ref(),
            &["sync", "async"],
        )?;
    }
    let paths = request.additional_model_response_field_paths.as_deref().unwrap_or_default();
    let field = "additionalModelResponseFieldPaths";
    if paths.len() > 10 {
        return Err(Refusal::constraint(
            field,
            Some("[…]"),
            "Member must have length less than or equal to 10",
        ));
    }
    match paths.iter().find(|it| !it.starts_with('/') || it.len() > 256) {
        Some(path) => Err(Refusal::validation(format!(
            "The value '{}' in {field} is not a JSON Pointer of 1 to 256 characters.",
            &**path
        ))),
        None => Ok(()),
    }
}

/// The identifier is an id or an ARN, the version a number or `DRAFT`.
fn guardrail_names(guardrail: &GuardrailConfig<'_>) -> Result<(), Refusal> {
    let id = guardrail.guardrail_identifier.as_deref().unwrap_or("a");
    let is_id =
        (1..=2048).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let is_arn = id.starts_with("arn:aws") && id.contains(":guardrail/");
    if !is_id && !is_arn {
        let pattern = "Member must satisfy regular expression pattern: (|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))";
        return Err(Refusal::constraint("guardrailConfig.guardrailIdentifier", Some(id), pattern));
    }
    let version = guardrail.guardrail_version.as_deref().unwrap_or("1");
    let is_number = (1..=8).contains(&version.len())
        && version.bytes().all(|it| it.is_ascii_digit())
        && !version.starts_with('0');
    if version != "DRAFT" && !is_number {
        let pattern = "Member must satisfy regular expression pattern: (|([1-9][0-9]{0,7})|(DRAFT))";
        return Err(Refusal::constraint("guardrailConfig.guardrailVersion", Some(version), pattern));
    }
    Ok(())
}

fn output_config(model: &Model, config: &OutputConfig<'_>) -> Result<(), Refusal> {
    if let Some(effort) = config.effort.as_ref().filter(|it| it.len() > 16) {
        return Err(Refusal::constraint(
            "outputConfig.effort",
            Some(effort),
            "Member must have length less than or equal to 16",
        ));
    }
    let Some(format) = &config.text_format else { return Ok(()) };
    if format.r#type.is_none() {
        return Err(Refusal::missing("outputConfig.textFormat.type"));
    }
    one_of("outputConfig.textFormat.type", format.r#type.as_ref(), &["json_schema"])?;
    let path = "outputConfig.textFormat.structure.jsonSchema.schema";
    let schema =
        format.structure.as_ref().and_then(|it| it.json_schema.as_ref()).and_then(|it| it.schema.as_ref());
    let schema = schema.ok_or_else(|| Refusal::missing(path))?;
    if !model.can(Capability::StructuredOutput) {
        return Err(unsupported("outputConfig.textFormat field", "outputConfig.textFormat"));
    }
    let schema: Value = serde_json::from_str(schema)
        .map_err(|it| Refusal::validation(format!("The value at {path} is not valid JSON: {it}")))?;
    strict_schema(&schema, path)
}
