//! What Bedrock sells by the piece and tells in no header: pictures, and documents to be ranked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

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

/// How many documents a body gives to be ranked; where it names them twice, the longer list counts.
#[must_use]
pub fn count_documents(body: &[u8]) -> u64 {
    serde_json::from_slice(body).map_or(0, |Documents(count)| count as u64)
}

struct Documents(usize);

impl<'de> Deserialize<'de> for Documents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Documents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Documents, A::Error> {
                let mut most = 0;
                while let Some(name) = map.next_key::<String>()? {
                    if name == "documents" {
                        // Nothing is kept of the documents but that they are there.
                        most = most.max(map.next_value::<Vec<IgnoredAny>>()?.len());
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Documents(most))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(count_documents(br#"{"query":"q","documents":["a",{"text":"b"}]}"#), 2);
        assert_eq!(count_documents(br#"{"documents":["a","b"],"documents":["c"]}"#), 2);
        assert_eq!(count_documents(b"{}"), 0);
    }
}
