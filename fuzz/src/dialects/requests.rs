//! Bodies of requests: whatever comes in, it becomes a conversation that Converse accepts, or a refusal in words.

use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use outcrop_wire::anthropic::{Betas, Purpose, Version};
use outcrop_wire::json::check_depth;
use outcrop_wire::{anthropic, bedrock, openai};

use super::shape;

/// Longest refusal: it quotes no long value.
const MAX_MESSAGE: usize = 2_000;

/// OpenAI's chat completions.
pub fn chat(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    let translated = openai::chat::parse(&body).and_then(|request| {
        assert!(request.max_tokens_field().starts_with("max_"));
        request.into_chat()
    });
    taken(translated, |translated| {
        assert!(translated.choices >= 1);
        assert_eq!(each_once(&translated.dropped), translated.dropped.len());
        shape::check(&translated.request);
    })
}

/// OpenAI's legacy completions.
pub fn completions(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    let translated =
        openai::completions::parse(&body).and_then(openai::completions::CompletionRequest::into_chat);
    taken(translated, |_| {})
}

/// OpenAI's embeddings.
pub fn embeddings(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    taken(openai::embeddings::parse(&body), |_| {})
}

/// OpenAI's responses.
pub fn responses(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    let translated = openai::responses::parse(&body).and_then(|request| {
        let _ = request.needs();
        request.into_chat("vendor.model", &openai::responses::Earlier::default())
    });
    taken(translated, |translated| shape::check(&translated.request))
}

/// Anthropic's messages, as both versions and for both purposes.
pub fn messages(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    let _ = anthropic::head(&body);
    let mut any = false;
    for version in [Version::V20230601, Version::V20261021] {
        for purpose in [Purpose::Answer, Purpose::Count] {
            let translated = anthropic::parse(&body, version, &Betas::default(), purpose);
            any |= taken(translated, |translated| shape::check(&translated.request));
        }
    }
    any
}

/// Bedrock's Converse, which is taken as it stands: what is wrong with it is Bedrock's to say.
pub fn converse(data: &[u8]) -> bool {
    let Some(body) = bounded(data) else { return false };
    let _ = bedrock::parse_count(&body);
    taken(bedrock::parse(&body), |_| {})
}

/// A body that the service would read.
fn bounded(data: &[u8]) -> Option<Bytes> {
    check_depth(data, 64).ok()?;
    Some(Bytes::copy_from_slice(data))
}

/// Whether a request was taken; looks at it, or at the refusal.
fn taken<T>(answer: Result<T, InvalidRequest>, look: impl FnOnce(&T)) -> bool {
    match answer {
        Ok(request) => {
            look(&request);
            true
        }
        Err(InvalidRequest { message, param }) => {
            assert!(!message.trim().is_empty() && message.len() <= MAX_MESSAGE, "{message}");
            // It may be empty: so may the name of a field that nobody knows.
            assert!(param.is_none_or(|it| it.len() <= MAX_MESSAGE));
            false
        }
    }
}

fn each_once(names: &[&str]) -> usize {
    names.iter().collect::<std::collections::HashSet<_>>().len()
}
