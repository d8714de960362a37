//! The smallest JSON that conforms to a JSON Schema.
//!
//! Enough of the language for tool inputs and structured output: types, enum, const, required, items, the
//! combinators, local `$ref`, lengths and bounds, the common string formats. Generated text is always the same.

use serde_json::{Map, Value, json};

/// Deeper schemas are refused rather than followed.
const MAX_DEPTH: usize = 64;
/// Longest array or string that is generated.
const MAX_LENGTH: u64 = 10_000;

/// JSON text that conforms to the schema, or why there is none.
pub(crate) fn conforming(schema: &str) -> Result<String, String> {
    let root: Value = serde_json::from_str(schema).map_err(|it| format!("the schema is not JSON: {it}"))?;
    let value = Generator { root: &root }.value(&root, "value", 0)?;
    Ok(value.to_string())
}

struct Generator<'a> {
    root: &'a Value,
}

impl Generator<'_> {
    /// A value for `schema`; `name` is the property it is for and becomes the text of strings.
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("the schema is nested too deeply, or requires itself".to_owned());
        }
        let Some(object) = schema.as_object() else { return Ok(json!(name)) };
        if let Some(value) = object.get("const") {
            return Ok(value.clone());
        }
        if let Some(value) = object.get("enum").and_then(Value::as_array).and_then(|it| it.first()) {
            return Ok(value.clone());
        }
        if let Some(target) = object.get("$ref").and_then(Value::as_str) {
            return self.value(self.resolve(target)?, name, depth + 1);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(first) = object.get(key).and_then(Value::as_array).and_then(|it| it.first()) {
                return self.value(&merged(object, first), name, depth + 1);
            }
        }
        if let Some(all) = object.get("allOf").and_then(Value::as_array) {
            let mut whole = object.clone();
            whole.remove("allOf");
            let mut whole = Value::Object(whole);
            for part in all {
                let part = match part.get("$ref").and_then(Value::as_str) {
                    Some(target) => self.resolve(target)?,
                    None => part,
                };
                whole = whole.as_object().map_or_else(|| part.clone(), |it| merged(it, part));
            }
            return self.value(&whole, name, depth + 1);
        }
        self.typed(object, name, depth)
    }

    fn typed(&self, schema: &Map<String, Value>, name: &str, depth: usize) -> Result<Value, String> {
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "string" => Ok(Value::String(string(schema, name))),
            "integer" => Ok(integer(schema)),
            "number" => Ok(number(schema)),
            "boolean" => Ok(json!(true)),
            "null" => Ok(Value::Null),
            other => Err(format!("the schema names an unknown type: {other}")),
        }
    }

    /// All declared properties that are required; optional ones stay out, which always conforms.
    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Result<Value, String> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut out = Map::new();
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            let property = properties.and_then(|it| it.get(name)).unwrap_or(&Value::Bool(true));
            out.insert(name.to_owned(), self.value(property, name, depth + 1)?);
        }
        let least = bound(schema, "minProperties");
        for (name, property) in properties.into_iter().flatten() {
            if out.len() as u64 >= least {
                break;
            }
            if !out.contains_key(name) {
                out.insert(name.clone(), self.value(property, name, depth + 1)?);
            }
        }
        Ok(Value::Object(out))
    }

    fn array(&self, schema: &Map<String, Value>, name: &str, depth: usize) -> Result<Value, String> {
        let least = bound(schema, "minItems").min(MAX_LENGTH);
        let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = schema.get("items").unwrap_or(&Value::Bool(true));
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items = Vec::new();
        for at in 0..least.max(prefix.len() as u64) as usize {
            let item = prefix.get(at).unwrap_or(rest);
            let name = if unique { format!("{name}{}", at + 1) } else { name.to_owned() };
            let mut value = self.value(item, &name, depth + 1)?;
            if unique && items.contains(&value) {
                value = distinct(item, &value, &items);
            }
            items.push(value);
        }
        Ok(Value::Array(items))
    }

    /// Only references into the schema itself, as model providers accept them.
    fn resolve(&self, target: &str) -> Result<&Value, String> {
        let pointer =
            target.strip_prefix('#').ok_or_else(|| format!("the schema refers outside itself: {target}"))?;
        self.root.pointer(pointer).ok_or_else(|| format!("the schema refers to what is not there: {target}"))
    }
}

/// Another value than those taken: the next of an enum, or the next number.
fn distinct(schema: &Value, value: &Value, taken: &[Value]) -> Value {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().find(|it| !taken.contains(it)).unwrap_or(value).clone();
    }
    match value.as_i64() {
        Some(start) => {
            (start..).map(|it| json!(it)).find(|it| !taken.contains(it)).unwrap_or_else(|| value.clone())
        }
        None => value.clone(),
    }
}

/// `part` laid over the schema it is a member of; `properties` and `required` are joined.
fn merged(outer: &Map<String, Value>, part: &Value) -> Value {
    let mut whole = outer.clone();
    whole.remove("anyOf");
    whole.remove("oneOf");
    for (key, value) in part.as_object().into_iter().flatten() {
        match (whole.get_mut(key), value) {
            (Some(Value::Object(left)), Value::Object(right)) if key == "properties" => {
                left.extend(right.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            (Some(Value::Array(left)), Value::Array(right)) if key == "required" => {
                left.extend(right.iter().cloned());
            }
            _ => {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(whole)
}

/// The declared type, its first if there are several, or the one its keywords speak of.
fn kind(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|it| *it != "null").unwrap_or("null")
        }
        _ if schema.contains_key("properties") || schema.contains_key("required") => "object",
        _ if schema.contains_key("items") || schema.contains_key("prefixItems") => "array",
        _ if schema.contains_key("minimum") || schema.contains_key("maximum") => "number",
        _ => "string",
    }
}

fn bound(schema: &Map<String, Value>, key: &str) -> u64 {
    schema.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn string(schema: &Map<String, Value>, name: &str) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        Some("time") => "12:00:00Z",
        Some("duration") => "PT1H",
        Some("email") => "user@example.com",
        Some("hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("uri" | "url") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => name,
    };
    let least = bound(schema, "minLength").min(MAX_LENGTH) as usize;
    let most = schema.get("maxLength").and_then(Value::as_u64).map_or(usize::MAX, |it| it as usize);
    let mut text: String = text.chars().take(most).collect();
    let length = text.chars().count();
    text.extend(std::iter::repeat_n('x', least.saturating_sub(length)));
    text
}

fn integer(schema: &Map<String, Value>) -> Value {
    let get = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = get("minimum").map(f64::ceil).or_else(|| get("exclusiveMinimum").map(|it| it.floor() + 1.0));
    let most = get("maximum").map(f64::floor).or_else(|| get("exclusiveMaximum").map(|it| it.ceil() - 1.0));
    let mut value = least.unwrap_or_else(|| most.unwrap_or(1.0).min(1.0));
    if let Some(step) = get("multipleOf").filter(|it| *it > 0.0) {
        value = (value / step).ceil() * step;
    }
    json!(value as i64)
}

fn number(schema: &Map<String, Value>) -> Value {
    let get = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = get("minimum").or_else(|| get("exclusiveMinimum"));
    let most = get("maximum").or_else(|| get("exclusiveMaximum"));
    let open = schema.contains_key("exclusiveMinimum") || schema.contains_key("exclusiveMaximum");
    let value = match (least, most) {
        (Some(least), Some(most)) if open => f64::midpoint(least, most),
        (Some(least), None) if open => least + 1.0,
        (None, Some(most)) if open => most - 1.0,
        (Some(least), _) => least,
        (None, most) => most.unwrap_or(1.0).min(1.0),
    };
    match get("multipleOf").filter(|it| *it > 0.0) {
        Some(step) => json!((value / step).ceil() * step),
        None => json!(value),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]
    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: Value) {
        assert_eq!(
            conforming(&schema.to_string()).map(|it| it.parse::<Value>().ok()),
            Ok(Some(expected)),
            "{schema}"
        );
    }

    #[test]
    fn minimal_values() {
        check(
            json!({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":3}},"required":["city","days"]}),
            json!({"city":"city","days":3}),
        );
        check(json!({"type":"object","properties":{"a":{"type":"string"}}}), json!({}));
        check(json!({"enum":["x","y"]}), json!("x"));
        check(json!({"const":{"a":1}}), json!({"a":1}));
        check(json!({"type":["null","boolean"]}), json!(true));
        check(json!({"type":"array","items":{"type":"number"},"minItems":2}), json!([1.0, 1.0]));
        check(
            json!({"type":"array","items":{"type":"integer"},"minItems":2,"uniqueItems":true}),
            json!([1, 2]),
        );
        check(json!({"type":"string","minLength":8,"maxLength":9}), json!("valuexxx"));
        check(json!({"type":"string","format":"date"}), json!("2026-01-31"));
        check(json!({"type":"integer","exclusiveMinimum":4,"multipleOf":3}), json!(6));
        check(json!({"type":"integer","maximum":-2}), json!(-2));
    }

    #[test]
    fn combinators_and_references() {
        check(json!({"anyOf":[{"type":"null"},{"type":"string"}]}), json!(null));
        check(
            json!({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},
                              {"properties":{"b":{"type":"boolean"}},"required":["b"]}]}),
            json!({"a":1,"b":true}),
        );
        check(
            json!({"$defs":{"p":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}},
                     "type":"array","items":{"$ref":"#/$defs/p"},"minItems":1}),
            json!([{"x":1}]),
        );
    }

    #[test]
    fn what_cannot_be_met_is_an_error() {
        let endless = json!({"$defs":{"n":{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"required":["n"]}},"$ref":"#/$defs/n"});
        assert!(conforming(&endless.to_string()).is_err());
        assert!(conforming(r##"{"$ref":"#/nowhere"}"##).is_err());
        assert!(conforming("{").is_err());
    }
}
