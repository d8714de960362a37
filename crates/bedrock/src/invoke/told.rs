//! What Bedrock's headers tell of an answer by InvokeModel.

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::config_bag::ConfigBag;
use outcrop_types::TokenUsage;

/// What was told; empty until the answer came.
#[derive(Debug, Default)]
pub(super) struct Told(OnceLock<TokenUsage>);

impl Told {
    pub(super) fn usage(&self) -> Option<TokenUsage> {
        self.0.get().copied()
    }
}

/// Listens to one call.
#[derive(Debug)]
pub(super) struct Ear(pub(super) Arc<Told>);

impl Intercept for Ear {
    fn name(&self) -> &'static str {
        "usage of InvokeModel"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(usage) = usage(context.response().headers()) {
            // One call is one attempt, so that there is nothing yet.
            let _ = self.0.0.set(usage);
        }
        Ok(())
    }
}

/// Bedrock's counts. How long what was written to the cache is kept there is not told; five minutes is the usual.
/// Names: Amazon Bedrock user guide, "Invoke a model with InvokeModel", response headers.
fn usage(headers: &Headers) -> Option<TokenUsage> {
    let count = |name: &str| headers.get(name)?.trim().parse::<u64>().ok();
    let input = count("x-amzn-bedrock-input-token-count");
    let output = count("x-amzn-bedrock-output-token-count");
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(TokenUsage {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cache_read: count("x-amzn-bedrock-cache-read-input-token-count").unwrap_or_default(),
        cache_write_5m: count("x-amzn-bedrock-cache-write-input-token-count").unwrap_or_default(),
        ..TokenUsage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_are_there_are_read() {
        let mut headers = Headers::new();
        assert_eq!(usage(&headers), None);
        headers.insert("x-amzn-bedrock-input-token-count", "7");
        headers.insert("x-amzn-bedrock-output-token-count", "many");
        headers.insert("x-amzn-bedrock-cache-write-input-token-count", "3");
        assert_eq!(
            usage(&headers),
            Some(TokenUsage { input: 7, cache_write_5m: 3, ..TokenUsage::default() })
        );
    }
}
