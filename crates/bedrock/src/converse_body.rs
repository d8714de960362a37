//! The way from a conversation to what is sent, for benches.

use bytes::Bytes;
use outcrop_chat::Request;
use outcrop_ports::{ModelError, ResolvedModel};

use crate::request::translate;

/// The body of a Converse call as [`BedrockModel`](crate::BedrockModel) sends it.
///
/// # Errors
/// What the model cannot do; the message names the field.
pub fn converse_body(model: ResolvedModel, request: &Request) -> Result<Bytes, ModelError> {
    translate(model, request, false).map(|it| it.body)
}
