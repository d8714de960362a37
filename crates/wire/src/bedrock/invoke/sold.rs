//! What Bedrock sells by the piece and tells in no header: pictures, and documents to be ranked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::anthropic::invoke::Weight;

/// Most pictures of one call to Amazon's models.
const MOST_PICTURES: u64 = 5;

/// How many pictures an answer holds (Amazon Nova user guide, "Request and response structure for image generation";
/// Amazon Bedrock user guide, "Stable Image Core request and response"). What a filter held back is none, though it may
/// have a place in the list.
#[must_use]
pub fn count_pictures(answer: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Answer {
        images: Option<Vec<Option<IgnoredAny>>>,
        finish_reasons: Option<Vec<Option<IgnoredAny>>>,
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(answer) else { return 0 };
    let reasons = answer.finish_reasons.unwrap_or_default();
    let is_made = |(at, image): (usize, &Option<IgnoredAny>)| {
        image.is_some() && reasons.get(at).is_none_or(Option::is_none)
    };
    answer.images.unwrap_or_default().iter().enumerate().filter(|it| is_made(*it)).count() as u64
}

/// How many pictures Amazon's models are asked for (Amazon Nova user guide, as above).
#[must_use]
pub fn count_asked_pictures(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        image_generation_config: Option<Generation>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Generation {
        number_of_images: Option<u64>,
    }
    // What cannot be read for certain may be the most of all.
    let Ok(body) = serde_json::from_slice::<Body>(body) else { return MOST_PICTURES };
    let asked = body.image_generation_config.and_then(|it| it.number_of_images);
    asked.unwrap_or(1).min(MOST_PICTURES)
}

/// How many documents one query of the price list covers, and how many tokens a document and the question may have
/// together: a longer one counts as several (Amazon Bedrock pricing, "Rerank").
const DOCUMENTS_PER_QUERY: u64 = 100;
const TOKENS_PER_DOCUMENT: u64 = 512;
/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: u64 = 4;
/// However long the question is, so much room is left to a document.
const LEAST_ROOM: u64 = 64;

/// Queries of the price list: nobody tells how many a call was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queries {
    /// As many as it is at most, more or less.
    pub most: u64,
    /// As many as it is by the usual rule of thumb.
    pub usual: u64,
}

impl Queries {
    /// For a question and what is to be ranked by it.
    pub fn of<'a>(question: &str, documents: impl IntoIterator<Item = &'a str>) -> Self {
        let length = |text: &str| {
            [Weight::of(text.as_bytes()).tokens(), (text.len() as u64).div_ceil(BYTES_PER_TOKEN)]
        };
        Self::by(length(question), documents.into_iter().map(length))
    }

    fn by(question: [u64; 2], documents: impl Iterator<Item = [u64; 2]>) -> Self {
        let room = question.map(|tokens| TOKENS_PER_DOCUMENT.saturating_sub(tokens).max(LEAST_ROOM));
        let mut chunks = [0_u64; 2];
        for document in documents {
            for (at, tokens) in document.into_iter().enumerate() {
                chunks[at] += tokens.div_ceil(room[at]).max(1);
            }
        }
        let [most, usual] = chunks.map(|chunks| chunks.div_ceil(DOCUMENTS_PER_QUERY));
        Self { most, usual }
    }
}

/// How many queries a body is; where it names something twice, the longer counts.
#[must_use]
pub fn queries(body: &[u8]) -> Queries {
    let Documents { question, documents } = serde_json::from_slice(body).unwrap_or_default();
    Queries::by(question, documents.into_iter())
}

/// A text or an object, by its length in tokens.
fn length(json: &RawValue) -> [u64; 2] {
    let text = json.get().trim_matches('"').as_bytes();
    [Weight::of_json_string(text).tokens(), (text.len() as u64).div_ceil(BYTES_PER_TOKEN)]
}

#[derive(Default)]
struct Documents {
    question: [u64; 2],
    documents: Vec<[u64; 2]>,
}

impl<'de> Deserialize<'de> for Documents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Documents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Documents, A::Error> {
                let mut most = Documents::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "query" => {
                            let question = length(&map.next_value::<Box<RawValue>>()?);
                            most.question = most.question.max(question);
                        }
                        "documents" => {
                            // Nothing is kept of the documents but how long they are.
                            let given = map.next_value::<Vec<Box<RawValue>>>()?;
                            let given: Vec<_> = given.iter().map(|it| length(it)).collect();
                            if given.iter().flatten().sum::<u64>() > most.documents.iter().flatten().sum() {
                                most.documents = given;
                            }
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(most)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_are_counted() {
        for (answer, pictures) in [
            (r#"{"images":["aaaa","bbbb"],"error":null}"#, 2),
            (r#"{"images":["aaaa"],"finish_reasons":[null],"seeds":[1]}"#, 1),
            (r#"{"images":["aaaa","bbbb"],"finish_reasons":["Filter reason: output image",null]}"#, 1),
            (r#"{"images":[null],"error":"held back"}"#, 0),
            (r#"{"images":null}"#, 0),
            (r#"{"finish_reasons":["Filter reason: prompt"]}"#, 0),
            ("[]", 0),
        ] {
            assert_eq!(count_pictures(answer.as_bytes()), pictures, "{answer}");
        }
        for (body, asked) in [
            (r#"{"imageGenerationConfig":{"numberOfImages":3}}"#, 3),
            (r#"{"imageGenerationConfig":{"numberOfImages":9999}}"#, 5),
            (r#"{"imageGenerationConfig":{},"imageGenerationConfig":{}}"#, 5),
            ("{}", 1),
        ] {
            assert_eq!(count_asked_pictures(body.as_bytes()), asked, "{body}");
        }
    }

    #[test]
    fn a_long_document_is_several() {
        let long = "word ".repeat(600);
        let cases = [
            (json!({"query": "q", "documents": ["a", {"text": "b"}]}), 1),
            (json!({"query": "q", "documents": vec!["a"; 100]}), 1),
            (json!({"query": "q", "documents": vec!["a"; 101]}), 2),
            // 750 tokens each: two chunks, and with a long question three.
            (json!({"query": "q", "documents": vec![&long; 100]}), 2),
            (json!({"query": "word ".repeat(170), "documents": vec![json!({"text": long}); 100]}), 3),
            (json!({}), 0),
        ];
        for (body, usual) in cases {
            let counted = queries(body.to_string().as_bytes());
            assert_eq!(counted.usual, usual, "{body:.80}");
            assert!(counted.most >= usual, "{counted:?}");
        }
        let twice = format!(r#"{{"documents":["{long}"],"documents":["c"],"query":"q"}}"#);
        assert_eq!(queries(twice.as_bytes()), queries(twice.replace(r#","documents":["c"]"#, "").as_bytes()));
        let read = Queries::of("q", vec![long.as_str(); 100]);
        assert_eq!(
            read,
            queries(json!({"query": "q", "documents": vec![&long; 100]}).to_string().as_bytes())
        );
    }
}
