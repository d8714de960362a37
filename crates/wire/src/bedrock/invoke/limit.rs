//! How much a body in a model's own words asks the model to write at most.
//!
//! Every maker has a name of its own for it (Amazon Bedrock user guide, "Inference request parameters and response
//! fields for foundation models"). Where a body says it more than once, the greatest number counts: which one the model
//! goes by is not known.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Names of the most tokens of an answer, at the top or in one of [`GROUPS`].
const NAMES: [&str; 8] = [
    "max_tokens",
    "max_completion_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
    "max_new_tokens",
    "maxTokens",
    "maxTokenCount",
    "max_output_tokens",
];
/// Names of how many answers are asked for at once.
const COUNTS: [&str; 3] = ["n", "num_generations", "numResults"];
/// Objects in which either may stand.
const GROUPS: [&str; 3] = ["inferenceConfig", "textGenerationConfig", "parameters"];

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostOutput {
    /// The most tokens of one answer, if it says.
    pub tokens: Option<u32>,
    /// How many answers, one at least.
    pub answers: u32,
}

impl MostOutput {
    /// The most tokens of all answers together, if it says; or else if `tokens` are asked for elsewhere.
    #[must_use]
    pub fn total(self, tokens: Option<u32>) -> Option<u32> {
        self.tokens.max(tokens).map(|tokens| tokens.saturating_mul(self.answers))
    }
}

/// How much this body asks for; nothing, and one answer, if it cannot be read.
#[must_use]
pub fn most_output(body: &[u8]) -> MostOutput {
    serde_json::from_slice::<Asked>(body).unwrap_or_default().most()
}

/// The same for fields that go to the model beside a request of Converse's.
#[must_use]
pub fn most_output_of(fields: &Map<String, Value>) -> MostOutput {
    let mut asked = Asked::default();
    for (name, value) in fields {
        if let (true, Value::Object(group)) = (GROUPS.contains(&name.as_str()), value) {
            group.iter().for_each(|(name, value)| asked.note(name, || amount_of(value)));
        } else {
            asked.note(name, || amount_of(value));
        }
    }
    asked.most()
}

/// Takes from such fields what says how much is written; whether there was something.
pub fn take_most_output(fields: &mut Map<String, Value>) -> bool {
    let mut taken = false;
    let mut keep = |name: &str| {
        let own = NAMES.contains(&name) || COUNTS.contains(&name);
        taken |= own;
        !own
    };
    fields.retain(|name, _| keep(name));
    for (_, value) in fields.iter_mut().filter(|(name, _)| GROUPS.contains(&name.as_str())) {
        if let Value::Object(group) = value {
            group.retain(|name, _| keep(name));
        }
    }
    taken
}

/// What was found so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    tokens: Option<u64>,
    answers: Option<u64>,
}

impl Asked {
    fn note(&mut self, name: &str, amount: impl FnOnce() -> Option<u64>) {
        if NAMES.contains(&name) {
            self.tokens = self.tokens.max(amount());
        } else if COUNTS.contains(&name) {
            self.answers = self.answers.max(amount());
        }
    }

    fn most(&self) -> MostOutput {
        let whole = |amount: u64| u32::try_from(amount).unwrap_or(u32::MAX);
        MostOutput { tokens: self.tokens.map(whole), answers: whole(self.answers.unwrap_or(1).max(1)) }
    }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Top)
    }
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Asked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asked, A::Error> {
        let mut asked = Asked::default();
        while let Some(name) = map.next_key::<String>()? {
            if GROUPS.contains(&name.as_str()) {
                // Whatever else stands there under this name asks for nothing.
                let group = map.next_value::<Box<RawValue>>()?;
                if let Ok(Flat(group)) = serde_json::from_str(group.get()) {
                    asked.tokens = asked.tokens.max(group.tokens);
                    asked.answers = asked.answers.max(group.answers);
                }
            } else {
                note_next(&mut asked, &name, &mut map)?;
            }
        }
        Ok(asked)
    }
}

/// The fields of one of [`GROUPS`].
struct Flat(Asked);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Flat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
                let mut asked = Asked::default();
                while let Some(name) = map.next_key::<String>()? {
                    note_next(&mut asked, &name, &mut map)?;
                }
                Ok(Flat(asked))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

fn note_next<'de, A: MapAccess<'de>>(asked: &mut Asked, name: &str, map: &mut A) -> Result<(), A::Error> {
    if NAMES.contains(&name) || COUNTS.contains(&name) {
        let value = map.next_value::<Box<RawValue>>()?;
        asked.note(name, || amount(value.get()));
    } else {
        map.next_value::<IgnoredAny>()?;
    }
    Ok(())
}

fn amount_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(_) | Value::String(_) => amount(&value.to_string()),
        _ => None,
    }
}

/// A number, whole or not, that some model may take for one; also one in quotation marks.
fn amount(text: &str) -> Option<u64> {
    let text = text.trim_matches('"');
    text.parse().ok().or_else(|| {
        let number = text.parse::<f64>().ok().filter(|it| *it >= 0.0)?;
        // Whatever is beyond the greatest whole number becomes that.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates, and is not below zero"
        )]
        Some(number.ceil() as u64)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_makers_name_is_known() {
        for (body, most) in [
            (r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[]}"#, Some(100)),
            (r#"{"prompt":"\n\nHuman: hi","max_tokens_to_sample":7}"#, Some(7)),
            (r#"{"prompt":"hi","max_gen_len":512}"#, Some(512)),
            (r#"{"messages":[],"inferenceConfig":{"maxTokens":9}}"#, Some(9)),
            (r#"{"messages":[],"inferenceConfig":{"max_new_tokens":9,"topK":1}}"#, Some(9)),
            (r#"{"inputText":"hi","textGenerationConfig":{"maxTokenCount":3}}"#, Some(3)),
            (r#"{"messages":[],"max_completion_tokens":11}"#, Some(11)),
            (r#"{"prompt":"hi","maxTokens":5,"numResults":3}"#, Some(15)),
            (r#"{"prompt":"hi","max_tokens":5,"num_generations":2}"#, Some(10)),
            (r#"{"messages":[]}"#, None),
        ] {
            assert_eq!(most_output(body.as_bytes()).total(None), most, "{body}");
        }
    }

    #[test]
    fn nobody_hides_a_greater_number() {
        for (body, most) in [
            (r#"{"max_tokens":1,"max_tokens":900}"#, Some(900)),
            (r#"{"max_tokens":900,"max_tokens":1}"#, Some(900)),
            (r#"{"max\u005ftokens":900}"#, Some(900)),
            (r#"{"max_tokens":9e2}"#, Some(900)),
            (r#"{"max_tokens":"900"}"#, Some(900)),
            (r#"{"max_tokens":99999999999999999999999}"#, Some(u32::MAX)),
            (r#"{"max_tokens":4294967295,"n":4294967295}"#, Some(u32::MAX)),
            (r#"{"max_tokens":1,"inferenceConfig":{"maxTokens":900}}"#, Some(900)),
            (r#"{"inferenceConfig":7,"max_tokens":[1,2],"n":{}}"#, None),
            (r#"{"max_tokens":-5}"#, None),
            // What only looks like it is none.
            (r#"{"messages":[{"max_tokens":900}],"text":"\"max_tokens\":900"}"#, None),
            (r#"{"max_tokens":900"#, None),
            (r#"["max_tokens",900]"#, None),
            ("", None),
        ] {
            assert_eq!(most_output(body.as_bytes()).total(None), most, "{body}");
        }
    }

    #[test]
    fn answers_count_whoever_says_how_long_they_are() {
        for body in
            [r#"{"messages":[],"n":8}"#, r#"{"num_generations":2,"textGenerationConfig":{"numResults":8}}"#]
        {
            let most = most_output(body.as_bytes());
            assert_eq!(most, MostOutput { tokens: None, answers: 8 }, "{body}");
            assert_eq!((most.total(None), most.total(Some(100))), (None, Some(800)));
        }
        assert_eq!(most_output(br#"{"n":0}"#).answers, 1);
    }

    #[test]
    fn fields_beside_a_request_are_read_and_taken() {
        let mut fields = json!({"top_k": 5, "max_tokens": 3, "inferenceConfig": {"maxTokens": 8, "topK": 1}});
        let Value::Object(fields) = &mut fields else { unreachable!("an object") };
        assert_eq!(most_output_of(fields).total(None), Some(8));
        assert_eq!(most_output_of(fields).total(Some(9)), Some(9));
        assert!(take_most_output(fields));
        assert_eq!(Value::Object(fields.clone()), json!({"top_k": 5, "inferenceConfig": {"topK": 1}}));
        assert!(!take_most_output(fields));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = most_output(&bytes);
        }

        #[test]
        fn broken_bodies_can_be_looked_at(cut in 0_usize..80, flip in 0_usize..80, with in any::<u8>()) {
            let body = br#"{"messages":[{"a":"\u00e9"}],"max_tokens":12,"inferenceConfig":{"maxTokens":7},"n":2}"#;
            let mut body = body.to_vec();
            let at = flip % body.len();
            body[at] = with;
            body.truncate(body.len() - cut % body.len());
            let _ = most_output(&body);
        }

        #[test]
        fn the_greatest_number_counts(numbers in proptest::collection::vec(0_u32..1_000_000, 1..8)) {
            let fields = numbers.iter().enumerate().map(|(at, number)| format!("\"{}\":{number}", NAMES[at % NAMES.len()]));
            let body = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
            prop_assert_eq!(most_output(body.as_bytes()).tokens, numbers.iter().max().copied());
        }
    }
}
