//! What the headers of a call by InvokeModel say (Amazon Bedrock API reference, InvokeModel).

use std::collections::BTreeMap;

use actix_web::http::header::HeaderMap;
use outcrop_chat::{Guardrail, InvalidRequest, ServiceTier};
use outcrop_wire::{bedrock, vendor};

use crate::tags::Tags;

/// The media type wanted back from a stream, whose own is AWS's event stream.
pub(super) const STREAM_ACCEPT: &str = "x-amzn-bedrock-accept";

/// What begins the name of a header that is Bedrock's.
const BEDROCK: &str = "x-amzn-bedrock-";

/// Names the guardrail that is to look on.
pub(crate) const GUARDRAIL: &str = "x-amzn-bedrock-guardrailidentifier";
const VERSION: &str = "x-amzn-bedrock-guardrailversion";
const TRACE: &str = "x-amzn-bedrock-trace";
const LATENCY: &str = "x-amzn-bedrock-performanceconfig-latency";
const TIER: &str = "x-amzn-bedrock-service-tier";
const METADATA: &str = "x-amzn-bedrock-request-metadata";

/// The headers of a call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) guardrail: Option<Guardrail>,
    pub(super) service_tier: Option<ServiceTier>,
    pub(super) optimized_latency: bool,
    pub(super) metadata: BTreeMap<String, String>,
    /// The tags that our own header names.
    pub(super) tags: Tags,
}

impl Head {
    /// Reads the headers; `accept` names the one with the media type wanted back.
    ///
    /// # Errors
    /// [`InvalidRequest`] with the name of a header of Bedrock's that is wrong or not known: it would be dropped.
    pub(super) fn read(headers: &HeaderMap, accept: &str) -> Result<Self, InvalidRequest> {
        const KNOWN: [&str; 6] = [GUARDRAIL, VERSION, TRACE, LATENCY, TIER, METADATA];
        let mut names = headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with(BEDROCK));
        if let Some(name) = names.find(|name| !KNOWN.contains(name) && *name != accept) {
            return Err(refusal(name, "is not supported here"));
        }
        let text = |name| text(headers, name);
        let optimized_latency = match text(LATENCY)?.as_deref() {
            None | Some("standard") => false,
            Some("optimized") => true,
            Some(_) => return Err(refusal(LATENCY, "must be `standard` or `optimized`")),
        };
        let tier = text(TIER)?.map(|word| {
            let why = "must be `priority`, `default`, `flex` or `reserved`";
            ServiceTier::parse(&word).ok_or_else(|| refusal(TIER, why))
        });
        Ok(Self {
            content_type: text("content-type")?,
            accept: text(accept)?,
            guardrail: guardrail(headers)?,
            service_tier: tier.transpose()?,
            optimized_latency,
            metadata: text(METADATA)?.map(|it| metadata(&it)).transpose()?.unwrap_or_default(),
            tags: Tags::NONE,
        })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>, InvalidRequest> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(refusal(name, "must be plain ASCII")),
    }
}

/// The guardrail that headers name.
///
/// # Errors
/// [`InvalidRequest`] with the name of the header that is wrong or missing.
pub(in crate::routes) fn guardrail(headers: &HeaderMap) -> Result<Option<Guardrail>, InvalidRequest> {
    let (id, version, trace) = (text(headers, GUARDRAIL)?, text(headers, VERSION)?, text(headers, TRACE)?);
    let known = |word: &String| matches!(word.as_str(), "ENABLED" | "DISABLED" | "ENABLED_FULL");
    if trace.as_ref().is_some_and(|word| !known(word)) {
        return Err(refusal(TRACE, "must be `ENABLED`, `DISABLED` or `ENABLED_FULL`"));
    }
    match (id, version) {
        (Some(id), _) if !vendor::is_guardrail_id(&id) => {
            Err(refusal(GUARDRAIL, "must be a guardrail's id or its ARN"))
        }
        (_, Some(version)) if !vendor::is_guardrail_version(&version) => {
            Err(refusal(VERSION, "must be a number of 1 or more, or `DRAFT`"))
        }
        (Some(id), Some(version)) => {
            let trace = trace.map(|word| word.to_ascii_lowercase());
            Ok(Some(Guardrail { id, version, trace, stream_mode: None }))
        }
        (Some(_), None) => Err(refusal(VERSION, "is required with a guardrail")),
        (None, Some(_)) => Err(refusal(GUARDRAIL, "is required with a guardrail's version")),
        // Without a guardrail there is nothing to trace.
        (None, None) if trace.as_deref().is_none_or(|word| word == "DISABLED") => Ok(None),
        (None, None) => Err(refusal(GUARDRAIL, "is required with a trace")),
    }
}

fn metadata(json: &str) -> Result<BTreeMap<String, String>, InvalidRequest> {
    match serde_json::from_str(json) {
        Ok(pairs) => bedrock::metadata(METADATA, pairs),
        Err(_) => Err(refusal(METADATA, "must be a JSON object of texts")),
    }
}

fn refusal(name: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(name, format!("`{name}` {why}."))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Result<Head, InvalidRequest> {
        let name = |name| HeaderName::from_static(name);
        let headers = headers.iter().map(|(key, value)| (name(key), HeaderValue::from_static(value)));
        Head::read(&headers.collect(), "accept")
    }

    #[test]
    fn every_header_of_invoke_model_is_read() {
        let head = read(&[
            ("content-type", "application/json"),
            ("accept", "*/*"),
            (GUARDRAIL, "gr1"),
            (VERSION, "2"),
            (TRACE, "ENABLED_FULL"),
            (LATENCY, "optimized"),
            (TIER, "flex"),
            (METADATA, r#"{"team":"search"}"#),
            ("x-other", "whatever"),
        ]);
        let trace = Some("enabled_full".to_owned());
        let expected = Head {
            content_type: Some("application/json".into()),
            accept: Some("*/*".into()),
            guardrail: Some(Guardrail { id: "gr1".into(), version: "2".into(), trace, stream_mode: None }),
            service_tier: Some(ServiceTier::Flex),
            optimized_latency: true,
            metadata: [("team".to_owned(), "search".to_owned())].into(),
            tags: Tags::NONE,
        };
        assert_eq!(head, Ok(expected));
        assert_eq!(read(&[(TRACE, "DISABLED"), (LATENCY, "standard")]), Ok(Head::default()));
    }

    #[test]
    fn what_would_be_dropped_is_refused() {
        for (headers, named) in [
            (&[("x-amzn-bedrock-new", "1")][..], "x-amzn-bedrock-new"),
            (&[(STREAM_ACCEPT, "*/*")], STREAM_ACCEPT),
            (&[(GUARDRAIL, "gr1")], VERSION),
            (&[(VERSION, "1")], GUARDRAIL),
            (&[(TRACE, "ENABLED")], GUARDRAIL),
            (&[(TRACE, "enabled")], TRACE),
            (&[(LATENCY, "low")], LATENCY),
            (&[(TIER, "gold")], TIER),
            (&[(METADATA, "{")], METADATA),
            (&[(METADATA, r#"{"a":1}"#)], METADATA),
            (&[(METADATA, "{}")], METADATA),
        ] {
            let error = read(headers).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(named), "{error}");
        }
    }
}
