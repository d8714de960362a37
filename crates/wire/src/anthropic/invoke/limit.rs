//! How much a body for Claude asks for, and the same body with less.

use bytes::{Bytes, BytesMut};

use super::object::{Object, Writer};

/// The least that Claude may be told to think, tokens (Anthropic API reference, `thinking.budget_tokens`).
const LEAST_BUDGET: u64 = 1_024;

/// A body that asks for another number of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    /// The body.
    pub body: Bytes,
    /// Whether it asks for less thought, or for none, because of that.
    pub less_thought: bool,
}

/// The most tokens that a body asks for.
#[must_use]
pub fn max_tokens(body: &[u8]) -> Option<u32> {
    let fields: Object<'_> = serde_json::from_slice(body).ok()?;
    let asked: u64 = fields.of("max_tokens")?;
    Some(u32::try_from(asked).unwrap_or(u32::MAX))
}

/// The body with this number of tokens in the place of its own. A budget of thought that no longer fits becomes half of
/// them, and where that is less than the least there is, the model is not asked to think.
#[must_use]
pub fn bounded(body: Bytes, most: u32) -> Bounded {
    let Ok(fields) = serde_json::from_slice::<Object<'_>>(&body) else {
        return Bounded { body, less_thought: false };
    };
    let most = u64::from(most);
    let thinking = fields.get("thinking").and_then(Object::read);
    let budget: Option<u64> = thinking.as_ref().and_then(|it| it.of("budget_tokens"));
    let less_thought = budget.is_some_and(|budget| budget >= most);
    let mut out = BytesMut::with_capacity(body.len() + 16);
    let mut writer = Writer::begin(&mut out);
    for (name, value) in &fields.0 {
        match (&**name, &thinking) {
            ("max_tokens", _) => {}
            ("thinking", Some(thinking)) if less_thought => put_thinking(&mut writer, thinking, most),
            _ => writer.raw(name, value.get()),
        }
    }
    writer.raw("max_tokens", &most.to_string());
    writer.end();
    Bounded { body: out.freeze(), less_thought }
}

fn put_thinking(writer: &mut Writer<'_>, thinking: &Object<'_>, most: u64) {
    if most <= LEAST_BUDGET {
        return;
    }
    let mut own = BytesMut::new();
    let mut inner = Writer::begin(&mut own);
    for (name, value) in thinking.0.iter().filter(|(name, _)| name != "budget_tokens") {
        inner.raw(name, value.get());
    }
    inner.raw("budget_tokens", &(most / 2).max(LEAST_BUDGET).to_string());
    inner.end();
    writer.raw("thinking", &String::from_utf8_lossy(&own));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_tokens_changes_and_thought_that_does_not_fit() {
        let thinks = r#""thinking":{"type":"enabled","budget_tokens":8000,"display":"x"}"#;
        for (given, most, expected, less) in [
            (
                r#"{"max_tokens":9,"a":[1, 2]}"#.to_owned(),
                4,
                r#"{"a":[1, 2],"max_tokens":4}"#.to_owned(),
                false,
            ),
            (r#"{"a":1}"#.to_owned(), 4, r#"{"a":1,"max_tokens":4}"#.to_owned(), false),
            (r#"{"max_tokens":1,"max_tokens":9}"#.to_owned(), 4, r#"{"max_tokens":4}"#.to_owned(), false),
            (
                format!(r#"{{{thinks},"max_tokens":16000}}"#),
                4000,
                r#"{"thinking":{"type":"enabled","display":"x","budget_tokens":2000},"max_tokens":4000}"#
                    .to_owned(),
                true,
            ),
            (format!(r#"{{{thinks},"max_tokens":16000}}"#), 1024, r#"{"max_tokens":1024}"#.to_owned(), true),
            (format!(r#"{{{thinks}}}"#), 8001, format!(r#"{{{thinks},"max_tokens":8001}}"#), false),
        ] {
            let Bounded { body, less_thought } = bounded(Bytes::from(given.clone()), most);
            assert_eq!(
                (std::str::from_utf8(&body).unwrap(), less_thought),
                (expected.as_str(), less),
                "{given}"
            );
            assert_eq!(max_tokens(&body), Some(most));
        }
        assert_eq!(&bounded(Bytes::from_static(b"[1]"), 4).body[..], b"[1]");
    }
}
