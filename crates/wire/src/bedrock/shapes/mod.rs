//! The JSON of a request, as Converse spells it. Strict: what is unknown, or not served here, is refused.

pub(super) mod blocks;
pub(super) mod media;
pub(super) mod options;
pub(super) mod tools;
pub(super) mod words;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::{Map, Value};

use super::union::{Union, Unserved};
use crate::json::Object;

use blocks::{Message, System};
use options::{GuardrailConfig, InferenceConfig, OutputConfig, PerformanceConfig, ServiceTier};
use tools::ToolConfig;

/// The body of Converse and ConverseStream. The media in it stay where they are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) messages: Vec<Object<Message<'a>>>,
    pub(super) system: Option<Vec<Union<System>>>,
    pub(super) inference_config: Option<InferenceConfig>,
    pub(super) tool_config: Option<ToolConfig>,
    pub(super) request_metadata: Option<BTreeMap<String, String>>,
    pub(super) additional_model_request_fields: Option<Map<String, Value>>,
    pub(super) additional_model_response_field_paths: Option<Vec<String>>,
    pub(super) guardrail_config: Option<GuardrailConfig>,
    pub(super) output_config: Option<OutputConfig>,
    pub(super) performance_config: Option<PerformanceConfig>,
    /// Variables of a prompt resource, which is a model id we do not serve.
    pub(super) prompt_variables: Option<Unserved>,
    pub(super) service_tier: Option<ServiceTier>,
}

/// The body of CountTokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct CountBody<'a> {
    #[serde(borrow)]
    pub(super) input: Union<CountInput<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum CountInput<'a> {
    #[serde(borrow)]
    Converse(Box<CountedConverse<'a>>),
    InvokeModel(CountedInvoke),
}

/// What of a Converse request is counted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(super) struct CountedConverse<'a> {
    #[serde(borrow)]
    pub(super) messages: Vec<Object<Message<'a>>>,
    pub(super) system: Option<Vec<Union<System>>>,
    pub(super) tool_config: Option<ToolConfig>,
    pub(super) additional_model_request_fields: Option<Map<String, Value>>,
}

/// The body of a call by InvokeModel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct CountedInvoke {
    #[serde(deserialize_with = "blob")]
    pub(super) body: Bytes,
}

/// Bytes, which REST-JSON writes in base64 (Smithy, `blob`): small ones, or such as are needed decoded.
fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    use base64::Engine as _;

    let text = Cow::<str>::deserialize(deserializer)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&*text);
    bytes.map(Bytes::from).map_err(|_| de::Error::custom("must be bytes in base64"))
}
