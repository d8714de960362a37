//! The free-form JSON of a whole answer as the model wrote it.
//!
//! The SDK holds it in a `HashMap`, which forgets the order of the keys: what a stream gives in the model's order would
//! come in another one here. So it is read once more, and it alone, from the answer's body.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::Deserialize;
use serde_json::Value;

/// What of an answer is free-form.
#[derive(Debug, Default)]
pub(crate) struct AsWritten {
    /// The inputs of its tool calls, in their order.
    pub(crate) inputs: Vec<Value>,
    /// The fields of the model's own answer.
    pub(crate) fields: Option<Value>,
}

/// Reads along with one call.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reader(Arc<Mutex<AsWritten>>);

impl Reader {
    /// What was read; empty where there was nothing, or nothing that could be read.
    pub(crate) fn take(&self) -> AsWritten {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Reader {
    fn name(&self) -> &'static str {
        "free-form JSON of Converse"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = read(body);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    output: Option<Output>,
    additional_model_response_fields: Option<Value>,
}

#[derive(Deserialize)]
struct Output {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    tool_use: Option<ToolUse>,
}

#[derive(Deserialize)]
struct ToolUse {
    #[serde(default)]
    input: Value,
}

/// Of a body that is no answer, the SDK tells what it is.
pub(crate) fn read(body: &[u8]) -> AsWritten {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return AsWritten::default() };
    let blocks = answer.output.and_then(|it| it.message).map(|it| it.content).unwrap_or_default();
    AsWritten {
        inputs: blocks.into_iter().filter_map(|it| Some(it.tool_use?.input)).collect(),
        fields: answer.additional_model_response_fields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_fields_keep_their_order() {
        let read = read(
            br#"{"output":{"message":{"role":"assistant","content":[{"text":"a"},
            {"toolUse":{"toolUseId":"1","name":"w","input":{"z":1,"b":{"y":1,"x":2}}}},{"hologram":1},
            {"toolUse":{"toolUseId":"2","name":"w"}}]}},"additionalModelResponseFields":{"b":1,"a":2},"stopReason":"x"}"#,
        );
        let inputs: Vec<_> = read.inputs.iter().map(Value::to_string).collect();
        assert_eq!(inputs, [r#"{"z":1,"b":{"y":1,"x":2}}"#, "null"]);
        assert_eq!(read.fields.unwrap().to_string(), r#"{"b":1,"a":2}"#);
    }

    #[test]
    fn what_is_no_answer_reads_as_nothing() {
        for body in [&b""[..], b"{}", b"[1]", br#"{"output":{"message":{"content":7}}}"#] {
            let read = read(body);
            assert!(read.inputs.is_empty() && read.fields.is_none());
        }
    }
}
