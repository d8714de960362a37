//! Schemas that the answer is held to: structured output, and tools marked `strict`.

use crate::errors::Refusal;
use serde_json::Value;

/// The subset of JSON Schema that structured output accepts.
pub(super) fn strict_schema(schema: &Value, path: &str) -> Result<(), Refusal> {
    const REFUSED: [&str; 12] = [
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
        "if",
        "not",
    ];
    let Some(object) = schema.as_object() else {
        return Err(Refusal::model(format_args!("{path}: a schema must be a JSON object")));
    };
    if let Some(keyword) = REFUSED.iter().find(|it| object.contains_key(**it)) {
        return Err(Refusal::model(format_args!("{path}: the keyword '{keyword}' is not supported")));
    }
    let is_object = object.get("type").is_some_and(|it| it == "object") || object.contains_key("properties");
    if is_object && object.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(Refusal::model(format_args!(
            "{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )));
    }
    for key in ["properties", "$defs", "definitions"] {
        for (name, part) in object.get(key).and_then(Value::as_object).into_iter().flatten() {
            strict_schema(part, &format!("{path}.{key}.{name}"))?;
        }
    }
    for key in ["anyOf", "allOf"] {
        for part in object.get(key).and_then(Value::as_array).into_iter().flatten() {
            strict_schema(part, &format!("{path}.{key}"))?;
        }
    }
    match object.get("items") {
        Some(items) => strict_schema(items, &format!("{path}.items")),
        None => Ok(()),
    }
}
