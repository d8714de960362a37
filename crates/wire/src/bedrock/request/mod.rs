//! The requests of Converse, ConverseStream and CountTokens.

mod blocks;
mod media;
mod options;
mod tools;

pub use options::metadata;

use bytes::Bytes;
use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;

use super::at::At;
use super::shapes::{Body, CountBody, CountInput};
use super::union::Union;
use crate::json;

/// A request, and what in it is not for the model alone to judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: chat::Request,
    /// The objects in S3 that Bedrock is to read with this server's own permissions.
    pub s3: Vec<S3Object>,
}

/// An object in S3 that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// The field that names it, as Converse spells it.
    pub param: String,
    /// `s3://bucket/key`
    pub uri: String,
}

/// What a client wants counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Counted {
    /// A request of Converse.
    Converse(Box<Asked>),
    /// A body of InvokeModel, in the model's own shape.
    Invoke(Bytes),
}

/// What conversion needs at hand, and what it finds.
struct Reading<'a> {
    /// What media are slices of.
    body: &'a Bytes,
    s3: Vec<S3Object>,
}

/// Reads a request's body. The media in it are not copied: they stay slices of it.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, or a field is missing, has the wrong type, is unknown or is not served
/// here; it names the field as Converse spells it.
pub fn parse(body: &Bytes) -> Result<Asked, InvalidRequest> {
    let read: Body<'_> = json::parse(body)?;
    let mut reading = Reading { body, s3: Vec::new() };
    let mut request = chat::Request {
        system: blocks::system(read.system),
        messages: reading.messages(read.messages, &At::top("messages"))?,
        inference: read.inference_config.map(options::inference).transpose()?.unwrap_or_default(),
        tools: read.tool_config.map(|it| tools::tools(it, &At::top("toolConfig"))).transpose()?,
        service_tier: read.service_tier.map(|it| it.r#type.0),
        optimized_latency: read.performance_config.is_some_and(options::optimized),
        guardrail: read.guardrail_config.map(options::guardrail),
        metadata: read
            .request_metadata
            .map(|it| options::metadata("requestMetadata", it))
            .transpose()?
            .unwrap_or_default(),
        additional: read.additional_model_request_fields.unwrap_or_default(),
        response_paths: read
            .additional_model_response_field_paths
            .map(options::paths)
            .transpose()?
            .unwrap_or_default(),
        ..chat::Request::default()
    };
    if let Some(output) = read.output_config {
        options::output(output, &mut request)?;
    }
    Ok(Asked { request, s3: reading.s3 })
}

/// Reads the body of CountTokens.
///
/// # Errors
/// As [`parse`].
pub fn parse_count(body: &Bytes) -> Result<Counted, InvalidRequest> {
    let CountBody { input: Union(input) } = json::parse(body)?;
    let converse = match input {
        CountInput::InvokeModel(it) => return Ok(Counted::Invoke(it.body)),
        CountInput::Converse(it) => *it,
    };
    let input = At::top("input");
    let at = input.member("converse");
    let mut reading = Reading { body, s3: Vec::new() };
    let request = chat::Request {
        system: blocks::system(converse.system),
        messages: reading.messages(converse.messages, &at.member("messages"))?,
        tools: converse.tool_config.map(|it| tools::tools(it, &at.member("toolConfig"))).transpose()?,
        additional: converse.additional_model_request_fields.unwrap_or_default(),
        ..chat::Request::default()
    };
    Ok(Counted::Converse(Box::new(Asked { request, s3: reading.s3 })))
}
