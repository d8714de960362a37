//! The SDK's free-form `Document` to `serde_json::Value`.

use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};

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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let number = |it| Document::Number(it);
        let cases = [
            (Document::Null, json!(null)),
            (Document::Bool(true), json!(true)),
            (Document::String("a".into()), json!("a")),
            (number(Number::PosInt(u64::MAX)), json!(u64::MAX)),
            (number(Number::NegInt(-1)), json!(-1)),
            (number(Number::Float(1.5)), json!(1.5)),
            (Document::Array(vec![Document::Null]), json!([null])),
        ];
        for (document, value) in cases {
            assert_eq!(into_value(document), value);
        }
    }

    #[test]
    fn keys_come_sorted() {
        let fields = ["b", "a", "c"].map(|key| (key.to_owned(), Document::Null));
        let document = Document::Object(HashMap::from(fields));
        assert_eq!(into_value(document).to_string(), r#"{"a":null,"b":null,"c":null}"#);
    }
}
