//! What may be filled into a form: the flat schemas that forms have ("Elicitation", `PrimitiveSchemaDefinition`).

use serde_json::{Map, Value};

/// Checks what was filled in against the form: the required fields are there, and each has its type and is one of its choices.
///
/// # Errors
/// Names the field. What was filled in is not said back.
pub(super) fn check(schema: &Value, content: &Map<String, Value>) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !content.contains_key(name) {
            return Err(format!("`content.{name}` is missing"));
        }
    }
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, field) in fields {
        let wrong = content.get(name).and_then(|value| wrong(field, value));
        if let Some(wrong) = wrong {
            return Err(format!("`content.{name}` {wrong}"));
        }
    }
    Ok(())
}

/// What is wrong with a value.
fn wrong(field: &Value, value: &Value) -> Option<&'static str> {
    let bound = |name: &str| field.get(name).and_then(Value::as_f64);
    let (is_it, what) = match field.get("type").and_then(Value::as_str) {
        Some("string") => (value.is_string(), "must be a text"),
        Some("boolean") => (value.is_boolean(), "must be true or false"),
        Some("number") => (value.is_number(), "must be a number"),
        Some("integer") => (value.as_f64().is_some_and(|it| it.fract() == 0.0), "must be a whole number"),
        Some("array") => (value.is_array(), "must be a list"),
        _ => (true, ""),
    };
    if !is_it {
        return Some(what);
    }
    let (least, most, size) = match value {
        Value::String(text) => (bound("minLength"), bound("maxLength"), Some(text.chars().count() as f64)),
        Value::Array(items) => (bound("minItems"), bound("maxItems"), Some(items.len() as f64)),
        Value::Number(number) => (bound("minimum"), bound("maximum"), number.as_f64()),
        _ => (None, None, None),
    };
    let is_below = least.zip(size).is_some_and(|(least, size)| size < least);
    let is_above = most.zip(size).is_some_and(|(most, size)| size > most);
    if is_below || is_above {
        return Some("is less or more than the form admits");
    }
    let is_choice = match (value, field.get("items")) {
        (Value::Array(items), Some(choices)) => items.iter().all(|it| is_choice(choices, it)),
        _ => is_choice(field, value),
    };
    (!is_choice).then_some("is none of the choices")
}

/// Whether a value is one of those that may be chosen, if there is a choice: `enum`, or titled ones.
fn is_choice(field: &Value, value: &Value) -> bool {
    let plain = field.get("enum").and_then(Value::as_array);
    let titled = field.get("oneOf").or_else(|| field.get("anyOf")).and_then(Value::as_array);
    plain.is_none_or(|all| all.contains(value))
        && titled.is_none_or(|all| all.iter().any(|it| it.get("const") == Some(value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_filled_in_is_what_was_asked_for() {
        let titled = json!([{ "const": "a", "title": "A" }, { "const": "b", "title": "B" }]);
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 3 },
                "age": { "type": "integer", "minimum": 0 },
                "score": { "type": "number" },
                "ok": { "type": "boolean" },
                "one": { "type": "string", "enum": ["a", "b"] },
                "other": { "type": "string", "oneOf": titled },
                "some": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] }, "minItems": 1 },
                "more": { "type": "array", "items": { "anyOf": titled } },
            },
            "required": ["name"],
        });
        let with = |field: &str, value: &Value| {
            let mut content = Map::from_iter([("name".to_owned(), json!("Ada"))]);
            content.insert(field.to_owned(), value.clone());
            check(&schema, &content)
        };
        for (field, value) in [
            ("name", json!("Äda")),
            ("age", json!(5)),
            ("age", json!(5.0)),
            ("score", json!(1.5)),
            ("ok", json!(false)),
            ("one", json!("b")),
            ("other", json!("a")),
            ("some", json!(["a", "b"])),
            ("more", json!([])),
            ("nobody asked", json!({})),
        ] {
            assert_eq!(with(field, &value), Ok(()), "{field}: {value}");
        }
        for (field, value, word) in [
            ("name", json!({ "a": 1 }), "a text"),
            ("name", json!("Adam"), "less or more"),
            ("age", json!(1.5), "whole"),
            ("age", json!(-1), "less or more"),
            ("age", json!("5"), "whole"),
            ("score", json!(null), "a number"),
            ("ok", json!("true"), "true or false"),
            ("one", json!("c"), "choices"),
            ("other", json!("A"), "choices"),
            ("some", json!("a"), "a list"),
            ("some", json!(["a", "c"]), "choices"),
            ("some", json!([]), "less or more"),
            ("more", json!(["c"]), "choices"),
        ] {
            let error = with(field, &value).unwrap_err();
            assert!(error.contains(field) && error.contains(word), "{field}: {value}: {error}");
        }
        assert!(check(&schema, &Map::new()).unwrap_err().contains("`content.name` is missing"));
        assert_eq!(check(&json!({ "type": "object" }), &Map::new()), Ok(()));
    }
}
