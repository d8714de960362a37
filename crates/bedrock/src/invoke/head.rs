//! What a call by InvokeModel says besides its body: its headers, in the SDK's types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_sdk_bedrockruntime::types as sdk;
use bytes::Bytes;
use outcrop_chat::{Guardrail, ServiceTier};
use outcrop_ports::{InvokeCall, ModelError};

use crate::errors::invalid;

const JSON: &str = "application/json";

/// The headers of a call.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) model: String,
    pub(super) content_type: String,
    pub(super) accept: String,
    pub(super) guardrail: Option<Guardrail>,
    pub(super) trace: Option<sdk::Trace>,
    pub(super) latency: Option<sdk::PerformanceConfigLatency>,
    pub(super) tier: Option<sdk::ServiceTierType>,
    pub(super) metadata: Option<String>,
}

/// The headers of a call, and its body.
///
/// # Errors
/// `Invalid` when something cannot stand in a header; the message names it.
pub(super) fn split(call: InvokeCall) -> Result<(Head, Bytes), ModelError> {
    let InvokeCall {
        model,
        body,
        content_type,
        accept,
        guardrail,
        service_tier,
        optimized_latency,
        metadata,
        deadline: _,
    } = call;
    if let Some(Guardrail { stream_mode: Some(_), .. }) = &guardrail {
        return Err(invalid("InvokeModel takes no `streamProcessingMode` of a guardrail".to_owned()));
    }
    let trace = guardrail.as_ref().and_then(|it| it.trace.as_deref()).map(trace).transpose()?;
    let head = Head {
        model: model.bedrock_id,
        content_type: header("content-type", content_type.unwrap_or_else(|| JSON.to_owned()))?,
        accept: header("accept", accept.unwrap_or_else(|| JSON.to_owned()))?,
        guardrail: guardrail.map(guarded).transpose()?,
        trace,
        latency: optimized_latency.then_some(sdk::PerformanceConfigLatency::Optimized),
        tier: service_tier.map(tier),
        metadata: (!metadata.is_empty()).then(|| in_ascii(&metadata)),
    };
    Ok((head, body))
}

fn guarded(guardrail: Guardrail) -> Result<Guardrail, ModelError> {
    let id = header("guardrailIdentifier", guardrail.id)?;
    Ok(Guardrail { id, version: header("guardrailVersion", guardrail.version)?, ..guardrail })
}

/// A value that can stand in a header: the SDK's own refusal reads like a fault of this server.
fn header(name: &str, value: String) -> Result<String, ModelError> {
    if value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Ok(value);
    }
    Err(invalid(format!("`{name}` holds a character that cannot be sent")))
}

/// InvokeModel writes the words of Converse in capitals.
fn trace(word: &str) -> Result<sdk::Trace, ModelError> {
    match word.to_ascii_lowercase().as_str() {
        "enabled" => Ok(sdk::Trace::Enabled),
        "disabled" => Ok(sdk::Trace::Disabled),
        "enabled_full" => Ok(sdk::Trace::EnabledFull),
        _ => Err(invalid("a guardrail's trace is `enabled`, `disabled` or `enabled_full`".to_owned())),
    }
}

fn tier(tier: ServiceTier) -> sdk::ServiceTierType {
    match tier {
        ServiceTier::Default => sdk::ServiceTierType::Default,
        ServiceTier::Flex => sdk::ServiceTierType::Flex,
        ServiceTier::Priority => sdk::ServiceTierType::Priority,
        ServiceTier::Reserved => sdk::ServiceTierType::Reserved,
    }
}

/// The pairs as JSON that can stand in a header.
fn in_ascii(metadata: &BTreeMap<String, String>) -> String {
    let pairs = metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    let json = serde_json::Value::Object(pairs.collect()).to_string();
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '\u{7f}' {
            ascii.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_json_in_ascii() {
        let pairs =
            [("a", "ü😀"), ("b\"", "\u{7f}\n")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let ascii = in_ascii(&BTreeMap::from(pairs.clone()));
        assert_eq!(ascii, r#"{"a":"\u00fc\ud83d\ude00","b\"":"\u007f\n"}"#);
        let read: BTreeMap<String, String> = serde_json::from_str(&ascii).unwrap();
        assert_eq!(read, BTreeMap::from(pairs));
    }
}
