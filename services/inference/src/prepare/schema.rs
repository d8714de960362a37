//! JSON schemas in the subset that Bedrock can hold a model to.
//!
//! Amazon Bedrock user guide, "Structured outputs": a subset of JSON Schema 2020-12, objects closed.

use serde_json::{Map, Value, json};

/// Keywords that Bedrock refuses in a schema it is to hold a model to.
const REFUSED: [&str; 15] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "patternProperties",
    "propertyNames",
    "if",
    "not",
    "oneOf",
    "dependentSchemas",
];

/// The schema with every object closed, its keys in their order; `None` if Bedrock cannot hold a model to it.
pub(super) fn strict(schema: &Value) -> Option<Value> {
    let object = schema.as_object()?;
    if REFUSED.iter().any(|it| object.contains_key(*it)) {
        return None;
    }
    // What refers to itself has no end.
    if object.get("$ref").is_some_and(|it| it == "#") {
        return None;
    }
    let mut closed = Map::new();
    for (key, part) in object {
        closed.insert(key.clone(), keyword(key, part)?);
    }
    let is_object = object.get("type").is_some_and(|it| it == "object") || object.contains_key("properties");
    match object.get("additionalProperties") {
        None | Some(Value::Bool(false)) if is_object => {
            closed.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        None | Some(Value::Bool(false)) => {}
        Some(_) => return None,
    }
    Some(Value::Object(closed))
}

/// A keyword's value, with the schemas in it closed.
fn keyword(key: &str, part: &Value) -> Option<Value> {
    match (key, part) {
        ("properties" | "$defs" | "definitions", Value::Object(parts)) => {
            let parts = parts.iter().map(|(name, part)| Some((name.clone(), strict(part)?)));
            Some(Value::Object(parts.collect::<Option<Map<_, _>>>()?))
        }
        ("anyOf" | "allOf" | "prefixItems", Value::Array(parts)) => {
            Some(Value::Array(parts.iter().map(strict).collect::<Option<Vec<_>>>()?))
        }
        ("items", Value::Object(_)) => strict(part),
        _ => Some(part.clone()),
    }
}

/// Whether every value of the schema is an object, as Converse wants of tools and formats.
pub(super) fn is_of_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|it| it == "object")
}

/// An object that holds a value of the schema under a key. What the schema defines moves along, so that references to
/// it still lead there.
pub(super) fn wrapped(schema: &Value, key: &str) -> Value {
    let mut inner = schema.clone();
    let mut outer = json!({
        "type": "object",
        "properties": {},
        "required": [key],
        "additionalProperties": false,
    });
    if let (Some(inner), Some(outer)) = (inner.as_object_mut(), outer.as_object_mut()) {
        for definitions in ["$defs", "definitions"] {
            if let Some(parts) = inner.remove(definitions) {
                outer.insert(definitions.to_owned(), parts);
            }
        }
    }
    outer["properties"][key] = inner;
    outer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_and_keys_keep_their_order() {
        let schema = json!({
            "type": "object",
            "properties": {"z": {"type": "object", "properties": {}}, "a": {"items": {"properties": {"b": {}}}}},
            "required": ["z"],
            "$defs": {"d": {"anyOf": [{"type": "object"}, {"type": "null"}]}},
        });
        let closed = strict(&schema).unwrap();
        let expected = r#"{"type":"object","properties":{"z":{"type":"object","properties":{},"additionalProperties":false},"a":{"items":{"properties":{"b":{}},"additionalProperties":false}}},"required":["z"],"$defs":{"d":{"anyOf":[{"type":"object","additionalProperties":false},{"type":"null"}]}},"additionalProperties":false}"#;
        assert_eq!(closed.to_string(), expected);
        assert_eq!(strict(&closed), Some(closed.clone()));
    }

    #[test]
    fn what_bedrock_refuses_is_not_tried() {
        for schema in [
            json!({"type": "string", "minLength": 1}),
            json!({"type": "object", "additionalProperties": true}),
            json!({"properties": {"a": {"not": {}}}}),
            json!({"items": {"properties": {"a": {"$ref": "#"}}}}),
            json!(true),
        ] {
            assert_eq!(strict(&schema), None, "{schema}");
        }
        // A property may be called like a keyword.
        assert!(strict(&json!({"type": "object", "properties": {"minimum": {"type": "number"}}})).is_some());
    }

    #[test]
    fn a_wrapped_schema_keeps_its_definitions_at_the_root() {
        let schema =
            json!({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}});
        let outer = wrapped(&schema, "value");
        assert_eq!(outer["properties"]["value"], json!({"type": "array", "items": {"$ref": "#/$defs/a"}}));
        assert_eq!(outer["$defs"], json!({"a": {"type": "string"}}));
        assert!(is_of_object(&outer) && !is_of_object(&schema));
    }
}
