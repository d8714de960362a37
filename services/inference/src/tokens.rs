//! OpenAI's tokens back into text.
//!
//! Clients such as LangChain cut texts up by OpenAI's tokens and send their numbers. What those mean is one table for all
//! of OpenAI's embedding models, `cl100k_base`; it is unpacked when it is first needed.

use std::time::Instant;

use outcrop_chat::InvalidRequest;
use outcrop_http::ApiError;
use outcrop_wire::openai::embeddings::{EmbeddingsRequest, Input};

use crate::aside::aside;

/// The texts of a request, whichever way they were given; none of them is blank.
pub(crate) async fn texts(request: &mut EmbeddingsRequest) -> Result<Vec<String>, ApiError> {
    match std::mem::replace(&mut request.input, Input::Texts(Vec::new())) {
        Input::Texts(texts) => Ok(texts),
        Input::Tokens(tokens) => {
            let texts = aside(move || decode(&tokens)).await?;
            let texts = texts.map_err(|Unknown { at, token }| {
                let place = request.place(at);
                let message = format!("`{place}` holds {token}, which is no token of cl100k_base.");
                InvalidRequest::new(place, message)
            })?;
            request.refuse_blank(&texts)?;
            Ok(texts)
        }
    }
}

/// A number that stands for nothing.
#[derive(Debug, PartialEq, Eq)]
struct Unknown {
    at: usize,
    token: u32,
}

/// A text that was cut within a character has a replacement character there.
fn decode(tokens: &[Vec<u32>]) -> Result<Vec<String>, Unknown> {
    let begun = Instant::now();
    let table = tiktoken_rs::cl100k_base_singleton();
    let texts = tokens.iter().enumerate().map(|(at, tokens)| match table.decode_bytes(tokens) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(unknown) => Err(Unknown { at, token: unknown.token }),
    });
    let texts = texts.collect();
    tracing::debug!(duration_ms = begun.elapsed().as_millis(), "tokens were turned back into text");
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_texts_again() {
        let table = tiktoken_rs::cl100k_base_singleton();
        for text in ["hello world", "Grüße aus Zürich", "日本語のテキスト 😀", "<|endoftext|> as text", " "]
        {
            let tokens = table.encode_ordinary(text);
            assert_eq!(decode(&[tokens]).unwrap(), [text]);
        }
        // The numbers as OpenAI's own tokenizer gives them.
        assert_eq!(decode(&[vec![15_339, 1_917], vec![15_339]]).unwrap(), ["hello world", "hello"]);
        assert_eq!(decode(&[vec![1], vec![15_339, 4_000_000]]), Err(Unknown { at: 1, token: 4_000_000 }));
        let cut = table.encode_ordinary("😀");
        assert_eq!(decode(&[cut[..1].to_vec()]).unwrap(), ["\u{fffd}"]);
    }
}
