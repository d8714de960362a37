//! Fields that belong to neither OpenAI nor Anthropic and that their clients send all the same, to gateways before
//! Bedrock: Converse's own settings in either spelling, and the betas of Anthropic.

use std::collections::BTreeMap;

use outcrop_chat::{Guardrail, InvalidRequest, Request};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::json::{self, Object, shorten};
use crate::openai::chat::Stop;
use crate::prompt_caching::PromptCaching;
use crate::request_metadata::{MOST_PAIRS, fits};
use crate::top_level;

/// Most JSON pointers of one request (Amazon Bedrock API reference, `additionalModelResponseFieldPaths`).
const MOST_PATHS: usize = 10;
/// The field of [`Request::additional`] that holds Anthropic's betas.
pub(crate) const BETAS: &str = "anthropic_beta";
/// The field that asks for fields of the model's own answer.
pub(crate) const PATHS: &str = "additional_model_response_field_paths";

/// What one request has of these fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(crate) struct Vendor {
    anthropic_beta: Stop,
    #[serde(alias = "additionalModelRequestFields")]
    additional_model_request_fields: Option<Map<String, Value>>,
    #[serde(alias = "additionalModelResponseFieldPaths")]
    additional_model_response_field_paths: Option<Vec<String>>,
    #[serde(alias = "guardrailConfig", alias = "guardrail_config")]
    guardrail: Option<Object<GuardrailJson>>,
    #[serde(alias = "performanceConfig")]
    performance_config: Option<Object<Performance>>,
    #[serde(alias = "requestMetadata")]
    request_metadata: Option<BTreeMap<String, String>>,
    prompt_caching: Option<Object<PromptCaching>>,
    /// Read by [`crate::cache_control`].
    cache: Option<IgnoredAny>,
    /// What OpenAI's SDKs put into the request itself, and other clients send as it is called there.
    extra_body: Option<Object<ExtraBody>>,
}

/// `extra_body`, of which nothing else is known.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct ExtraBody {
    prompt_caching: Option<Object<PromptCaching>>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// Converse's `guardrailConfig`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct GuardrailJson {
    #[serde(rename = "guardrailIdentifier", alias = "guardrail_identifier")]
    id: String,
    #[serde(rename = "guardrailVersion", alias = "guardrail_version")]
    version: String,
    trace: Option<String>,
    #[serde(rename = "streamProcessingMode", alias = "stream_processing_mode")]
    stream_mode: Option<String>,
}

/// Converse's `performanceConfig`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Performance {
    latency: Option<String>,
}

impl Vendor {
    /// Reads them, which is nothing to do for most requests.
    ///
    /// # Errors
    /// [`InvalidRequest`] with the name of the field that has the wrong type.
    pub(crate) fn read(body: &[u8]) -> Result<Self, InvalidRequest> {
        if top_level::has_any(body, Self::names()) { json::parse(body) } else { Ok(Self::default()) }
    }

    /// The names of all these fields.
    pub(crate) fn names() -> &'static [&'static str] {
        top_level::names::<Self>()
    }

    /// Takes the wish for fields of the model's own answer, where the dialect has no place for them; says whether there
    /// was one.
    pub(crate) fn drop_paths(&mut self) -> bool {
        self.additional_model_response_field_paths.take().is_some_and(|it| !it.is_empty())
    }

    /// The field that holds something which has no effect, if there is one.
    pub(crate) fn without_effect(&self) -> Option<&'static str> {
        let Object(extra) = self.extra_body.as_ref()?;
        (!extra.others.is_empty()).then_some("extra_body")
    }

    /// Puts them into the request.
    ///
    /// # Errors
    /// [`InvalidRequest`] with the name of the field that Bedrock would refuse.
    pub(crate) fn apply(self, request: &mut Request) -> Result<(), InvalidRequest> {
        let nested = self.extra_body.and_then(|Object(it)| it.prompt_caching);
        for Object(said) in nested.into_iter().chain(self.prompt_caching) {
            said.apply(&mut request.caching)?;
        }
        request.additional = self.additional_model_request_fields.unwrap_or_default();
        let betas = self.anthropic_beta.into_list();
        if !betas.is_empty() {
            let all = request.additional.entry(BETAS).or_insert_with(|| Value::Array(Vec::new()));
            match all {
                Value::Array(all) => all.extend(betas.iter().flat_map(|it| words(it))),
                Value::String(word) => {
                    *all = words(word).chain(betas.iter().flat_map(|it| words(it))).collect();
                }
                _ => {
                    let param = "additional_model_request_fields.anthropic_beta";
                    let message = format!("`{param}` must be an array of strings.");
                    return Err(InvalidRequest::new(param, message));
                }
            }
        }
        request.response_paths = response_paths(self.additional_model_response_field_paths)?;
        request.guardrail = self.guardrail.map(|Object(json)| guardrail(json)).transpose()?;
        let latency = self.performance_config.and_then(|Object(it)| it.latency);
        request.optimized_latency = match latency.as_deref() {
            None | Some("standard") => false,
            Some("optimized") => true,
            Some(other) => {
                return Err(one_of("performance_config.latency", &["standard", "optimized"], other));
            }
        };
        request_metadata(self.request_metadata.unwrap_or_default(), &mut request.metadata)
    }
}

/// Header and field alike may hold several betas in one word.
fn words(betas: &str) -> impl Iterator<Item = Value> {
    betas.split(',').map(|it| Value::from(it.trim()))
}

/// Whether this can name a guardrail: its id, or its ARN (botocore, `GuardrailIdentifier`).
#[must_use]
pub fn is_guardrail_id(text: &str) -> bool {
    let is_id =
        |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let is_arn = || {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else { return false };
        let is_region = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        *arn == "arn"
            && (*partition == "aws" || partition.strip_prefix("aws-").is_some_and(|it| !it.is_empty()))
            && *service == "bedrock"
            && (1..=20).contains(&region.len())
            && region.bytes().all(is_region)
            && account.len() == 12
            && account.bytes().all(|it| it.is_ascii_digit())
            && resource.strip_prefix("guardrail/").is_some_and(is_id)
    };
    text.len() <= 2048 && (is_id(text) || is_arn())
}

/// Whether this can be a guardrail's version: a number, or `DRAFT` (botocore, `GuardrailVersion`).
#[must_use]
pub fn is_guardrail_version(text: &str) -> bool {
    let is_number = || {
        (1..=8).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit()) && !text.starts_with('0')
    };
    text == "DRAFT" || is_number()
}

fn response_paths(paths: Option<Vec<String>>) -> Result<Vec<String>, InvalidRequest> {
    let paths = paths.unwrap_or_default();
    if paths.len() > MOST_PATHS {
        let message = format!("`{PATHS}` may hold at most {MOST_PATHS} paths, not {}.", paths.len());
        return Err(InvalidRequest::new(PATHS, message));
    }
    match paths.iter().position(|it| !it.starts_with('/') || it.len() > 256) {
        None => Ok(paths),
        Some(at) => {
            let param = format!("{PATHS}[{at}]");
            let message = format!("`{param}` must be a JSON pointer, such as `/stop_sequence`.");
            Err(InvalidRequest::new(param, message))
        }
    }
}

fn guardrail(json: GuardrailJson) -> Result<Guardrail, InvalidRequest> {
    let GuardrailJson { id, version, trace, stream_mode } = json;
    let wrong = |field: &str, why: &str| {
        let param = format!("guardrail.{field}");
        let message = format!("`{param}` {why}.");
        Err(InvalidRequest::new(param, message))
    };
    for (field, value) in [("guardrailIdentifier", &id), ("guardrailVersion", &version)] {
        if value.is_empty() {
            return wrong(field, "is required");
        }
    }
    if !is_guardrail_id(&id) {
        return wrong("guardrailIdentifier", "must be a guardrail's id or its ARN");
    }
    if !is_guardrail_version(&version) {
        return wrong("guardrailVersion", "must be a number of 1 or more, or `DRAFT`");
    }
    check("guardrail.trace", &["enabled", "disabled", "enabled_full"], trace.as_deref())?;
    check("guardrail.streamProcessingMode", &["sync", "async"], stream_mode.as_deref())?;
    Ok(Guardrail { id, version, trace, stream_mode })
}

/// Bedrock's own pairs, which must fit: whoever names them so knows what Bedrock takes.
fn request_metadata(
    given: BTreeMap<String, String>,
    pairs: &mut BTreeMap<String, String>,
) -> Result<(), InvalidRequest> {
    for (key, value) in given {
        let full = pairs.len() >= MOST_PAIRS && !pairs.contains_key(&key);
        if full || key.is_empty() || !fits(&key) || !fits(&value) {
            let message = format!(
                "`request_metadata` may hold {MOST_PAIRS} pairs of at most 256 of Bedrock's characters; `{}` does not fit.",
                shorten(&key)
            );
            return Err(InvalidRequest::new("request_metadata", message));
        }
        pairs.insert(key, value);
    }
    Ok(())
}

fn check(field: &str, known: &[&str], word: Option<&str>) -> Result<(), InvalidRequest> {
    match word {
        Some(word) if !known.contains(&word) => Err(one_of(field, known, word)),
        _ => Ok(()),
    }
}

/// A word that is none of those known.
pub(crate) fn one_of(field: &str, known: &[&str], found: &str) -> InvalidRequest {
    let known = known.join("`, `");
    InvalidRequest::new(field, format!("`{field}` must be one of `{known}`, not `{}`.", shorten(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guardrails_are_named_as_bedrock_names_them() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:guardrail/a1b2";
        for id in ["a1b2", arn, &arn.replace("aws", "aws-us-gov")] {
            assert!(is_guardrail_id(id), "{id}");
        }
        for id in ["", "gr-1", "Gr1", &arn.replace("123456789012", "1"), &format!("{arn}/x"), "arn:aws"] {
            assert!(!is_guardrail_id(id), "{id}");
        }
        for version in ["1", "12345678", "DRAFT"] {
            assert!(is_guardrail_version(version), "{version}");
        }
        for version in ["", "0", "01", "123456789", "draft", "v1"] {
            assert!(!is_guardrail_version(version), "{version}");
        }
    }
}
