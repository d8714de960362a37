//! The body on its way to Bedrock.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use outcrop_chat::{Caching, Guardrail, InvalidRequest, Request};
use serde_json::value::RawValue;

use super::super::blocks::required;
use super::super::options::{geography, not_here, request_metadata, sampling_of, service_tier};
use super::super::{Betas, Purpose, Version};
use super::object::{Object, Writer};
use super::{betas, cache, marks};
use crate::json;
use crate::vendor::{self, Vendor};

/// What of a model decides how its body is written.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// The newest version of the Messages that Bedrock takes for it: `bedrock-2023-05-31`, `2026-10-21`.
    pub anthropic_version: &'a str,
    /// Most tokens of an answer, where known.
    pub max_output_tokens: Option<u32>,
    /// Whether it takes temperature, `top_p` and `top_k`.
    pub sampling: bool,
    /// Whether it refuses `top_p` beside temperature.
    pub exclusive_sampling: bool,
    /// Whether it is told how many tokens to think.
    pub thinks_by_budget: bool,
}

/// A body for InvokeModel, and what goes beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaudeBody {
    /// The body.
    pub body: Bytes,
    /// Pairs for Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// The guardrail that is to look on.
    pub guardrail: Option<Guardrail>,
    /// Whether the faster and dearer of Bedrock's latencies is wanted.
    pub optimized_latency: bool,
    /// What is said of the prompt cache, beside the marks in the body.
    pub caching: Caching,
    /// Fields of the client's that Bedrock would refuse and the answer is right without, in Anthropic's spelling.
    pub dropped: Vec<&'static str>,
    /// Betas that Bedrock would refuse.
    pub dropped_betas: Vec<String>,
}

/// The version that Bedrock takes for every Claude model.
const OLD_VERSION: &str = "bedrock-2023-05-31";

/// Writes the client's body as InvokeModel takes it.
///
/// `model` and `stream` go, and what only Anthropic's own servers know (`metadata`, `service_tier`, `inference_geo`,
/// `speed`, `diagnostics`, `user_profile_id`): Bedrock refuses unknown fields. `cache_control` of the request itself
/// goes to its last block, where it means the same. The version and the betas come in. What Converse has beside the
/// model's own fields goes beside the body. Everything else stays as it is.
///
/// # Errors
/// [`InvalidRequest`] for what no Claude model on Bedrock could do, or this one could not; it names the field.
pub fn body(
    given: &[u8],
    version: Version,
    betas: &Betas,
    traits: Traits<'_>,
    purpose: Purpose,
) -> Result<ClaudeBody, InvalidRequest> {
    let mut fields: Object<'_> = json::parse(given)?;
    let mut dropped = Vec::new();
    check(&fields, version, traits, purpose)?;
    marks::check(given, &fields)?;
    for name in
        ["model", "stream", "service_tier", "inference_geo", "container", "mcp_servers", "anthropic_version"]
    {
        fields.take(name);
    }
    // What is null is absent for Anthropic, and to Bedrock a field that it may not know.
    fields.0.retain(|(_, value)| value.get() != "null");
    drop_sampling(&mut fields, traits, &mut dropped);
    for name in ["diagnostics", "speed", "user_profile_id"] {
        if fields.take(name).is_some_and(|value| value.get() != "\"standard\"") {
            dropped.push(name);
        }
    }
    let metadata = metadata(&mut fields, &mut dropped)?;
    let betas = all_betas(&mut fields, betas)?;
    let beside = beside(given, &mut fields, metadata, &mut dropped)?;
    let (taken, dropped_betas) = betas::sort(&betas, traits);
    if !dropped_betas.is_empty() {
        dropped.push(Betas::HEADER);
    }
    let automatic = fields.take("cache_control");
    let sent = if version == Version::V20261021 { traits.anthropic_version } else { OLD_VERSION };

    let mut out = BytesMut::with_capacity(given.len() + 256);
    let mut writer = Writer::begin(&mut out);
    writer.string("anthropic_version", sent);
    if !taken.is_empty() {
        writer.raw("anthropic_beta", &serde_json::Value::from(taken).to_string());
    }
    for (name, value) in &fields.0 {
        match automatic {
            Some(control) if name == "messages" => cache::put_marked(writer.name(name), value, control),
            _ if purpose == Purpose::Count && name == "max_tokens" => {}
            _ => writer.raw(name, value.get()),
        }
    }
    for (name, value) in &beside.additional {
        if fields.get(name).is_none() && !name.starts_with("anthropic_") {
            writer.raw(name, &value.to_string());
        }
    }
    if purpose == Purpose::Count {
        // Bedrock counts a body that could be answered.
        writer.raw("max_tokens", "1");
    }
    writer.end();
    let Request { metadata, guardrail, optimized_latency, caching, .. } = beside;
    let body = out.freeze();
    Ok(ClaudeBody { body, metadata, guardrail, optimized_latency, caching, dropped, dropped_betas })
}

/// Takes out what clients of Bedrock write into the body and Converse has in places of its own.
fn beside(
    given: &[u8],
    fields: &mut Object<'_>,
    metadata: BTreeMap<String, String>,
    dropped: &mut Vec<&'static str>,
) -> Result<Request, InvalidRequest> {
    let mut vendor = Vendor::read(given)?;
    fields.0.retain(|(name, _)| !Vendor::names().contains(&name.as_ref()));
    if vendor.drop_paths() {
        dropped.push(vendor::PATHS);
    }
    dropped.extend(vendor.without_effect());
    let mut beside = Request { metadata, ..Request::default() };
    vendor.apply(&mut beside)?;
    Ok(beside)
}

fn check(
    fields: &Object<'_>,
    version: Version,
    traits: Traits<'_>,
    purpose: Purpose,
) -> Result<(), InvalidRequest> {
    let given = ["temperature", "top_p", "top_k"].map(|name| (name, fields.get(name).is_some()));
    sampling_of(version, given)?;
    if fields.get("messages").is_none() {
        return Err(required("messages".to_owned()));
    }
    if purpose == Purpose::Answer {
        max_tokens(fields, traits.max_output_tokens)?;
    }
    if fields.get("container").is_some() {
        return Err(not_here("container"));
    }
    if fields.get("mcp_servers").is_some_and(|servers| !is_empty_list(servers)) {
        return Err(not_here("mcp_servers"));
    }
    geography(word(fields, "inference_geo")?.as_deref())?;
    service_tier(word(fields, "service_tier")?.as_deref())
}

fn max_tokens(fields: &Object<'_>, most: Option<u32>) -> Result<(), InvalidRequest> {
    let field = "max_tokens";
    let Some(given) = fields.get(field) else { return Err(required(field.to_owned())) };
    let asked: u64 = serde_json::from_str(given.get())
        .map_err(|_| InvalidRequest::new(field, format!("`{field}` must be a whole number of 1 or more.")))?;
    match most {
        _ if asked == 0 => Err(InvalidRequest::new(field, format!("`{field}` must be at least 1."))),
        Some(most) if asked > u64::from(most) => {
            let message = format!("`{field}` may be at most {most} for this model, not {asked}.");
            Err(InvalidRequest::new(field, message))
        }
        _ => Ok(()),
    }
}

/// Takes what the model would refuse, as the other dialects do: clients send it by habit.
fn drop_sampling(fields: &mut Object<'_>, traits: Traits<'_>, dropped: &mut Vec<&'static str>) {
    let beside = traits.exclusive_sampling && fields.get("temperature").is_some();
    for (name, refused) in [
        ("temperature", !traits.sampling),
        ("top_k", !traits.sampling),
        ("top_p", !traits.sampling || beside),
    ] {
        if refused && fields.take(name).is_some() {
            dropped.push(name);
        }
    }
}

fn metadata(
    fields: &mut Object<'_>,
    dropped: &mut Vec<&'static str>,
) -> Result<BTreeMap<String, String>, InvalidRequest> {
    let Some(given) = fields.take("metadata") else { return Ok(BTreeMap::new()) };
    let Some(object) = Object::read(given) else {
        return Err(InvalidRequest::new("metadata", "`metadata` must be an object."));
    };
    let user = word(&object, "user_id")
        .map_err(|_| InvalidRequest::new("metadata.user_id", "`metadata.user_id` must be a string."))?;
    let (kept, fits) = request_metadata(user);
    if !fits {
        dropped.push("metadata.user_id");
    }
    Ok(kept)
}

/// The header's betas, then those that clients of Bedrock write into the body.
fn all_betas(fields: &mut Object<'_>, header: &Betas) -> Result<Betas, InvalidRequest> {
    let mut betas = header.clone();
    let Some(given) = fields.take("anthropic_beta") else { return Ok(betas) };
    let names: Vec<String> = serde_json::from_str(given.get()).map_err(|_| {
        InvalidRequest::new("anthropic_beta", "`anthropic_beta` must be an array of strings.")
    })?;
    for name in names {
        betas.add(name.trim())?;
    }
    Ok(betas)
}

fn word(fields: &Object<'_>, name: &'static str) -> Result<Option<String>, InvalidRequest> {
    let Some(given) = fields.get(name) else { return Ok(None) };
    let word = serde_json::from_str(given.get());
    word.map(Some).map_err(|_| InvalidRequest::new(name, format!("`{name}` must be a string.")))
}

fn is_empty_list(value: &RawValue) -> bool {
    value.get().trim_start_matches('[').trim_start().starts_with(']')
}
