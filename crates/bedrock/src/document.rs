//! `serde_json::Value` to the SDK's free-form `Document`, and back.

use std::collections::HashMap;

use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};

/// The SDK's form of a JSON value. **Loses the order of keys**: [`crate::raw_json`] keeps it where it matters.
pub(crate) fn from_value(value: Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(it) => Document::Bool(it),
        Value::Number(it) => Document::Number(number(&it)),
        Value::String(it) => Document::String(it),
        Value::Array(items) => Document::Array(items.into_iter().map(from_value).collect()),
        Value::Object(fields) => {
            let fields: HashMap<_, _> =
                fields.into_iter().map(|(key, value)| (key, from_value(value))).collect();
            Document::Object(fields)
        }
    }
}

/// The JSON value of an SDK document. Keys come in alphabetical order, so that equal answers read equal.
pub(crate) fn into_value(document: Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(it) => Value::Bool(it),
        Document::Number(Number::PosInt(it)) => Value::from(it),
        Document::Number(Number::NegInt(it)) => Value::from(it),
        // JSON has no infinities; the SDK's parser cannot make one, and `null` is what JSON writers put instead.
        Document::Number(Number::Float(it)) => Value::from(it),
        Document::String(it) => Value::String(it),
        Document::Array(items) => Value::Array(items.into_iter().map(into_value).collect()),
        Document::Object(fields) => {
            let mut fields: Vec<(String, Document)> = fields.into_iter().collect();
            fields.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let fields: Map<_, _> = fields.into_iter().map(|(key, value)| (key, into_value(value))).collect();
            Value::Object(fields)
        }
    }
}

fn number(number: &serde_json::Number) -> Number {
    if let Some(it) = number.as_u64() {
        Number::PosInt(it)
    } else if let Some(it) = number.as_i64() {
        Number::NegInt(it)
    } else {
        // Every number that is no integer is a float without `arbitrary_precision`.
        Number::Float(number.as_f64().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_survives_the_round_trip() {
        for value in [
            json!(null),
            json!(true),
            json!("text \"quoted\" \u{1F600}"),
            json!(0),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!([1, [2, []], {}]),
            json!({"a": {"b": [null, {"c": 1}]}, "empty": {}}),
        ] {
            assert_eq!(into_value(from_value(value.clone())), value);
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(from_value(json!(3)), Document::Number(Number::PosInt(3)));
        assert_eq!(from_value(json!(-3)), Document::Number(Number::NegInt(-3)));
        assert_eq!(from_value(json!(3.0)), Document::Number(Number::Float(3.0)));
    }

    #[test]
    fn keys_come_sorted() {
        let text = into_value(from_value(json!({"b": 1, "a": {"z": 1, "y": 2}, "c": 3}))).to_string();
        assert_eq!(text, r#"{"a":{"y":2,"z":1},"b":1,"c":3}"#);
    }
}
