//! JSON in which nothing can be read in two ways: no member twice at any level, nesting bounded, nothing after it.
//!
//! RFC 7519, section 4, lets a reader take the last of two equal claims; another takes the first, and whoever makes
//! tokens chooses which of the two sees what.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting read; the outermost object is the first level.
const MAX_DEPTH: usize = 8;

const REPEATED: &str = "has a member twice";
const TOO_DEEP: &str = "is nested deeper than 8 levels";
const NOT_JSON: &str = "is not JSON";
const NO_OBJECT: &str = "is not a JSON object";

/// Reads one object. What is wrong with it otherwise, to be put after its name.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let problem = Cell::new(NOT_JSON);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 1, problem: &problem }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|_| problem.get())?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(NO_OBJECT),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    problem: &'a Cell<&'static str>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth > MAX_DEPTH {
            return Err(self.fail(TOO_DEEP));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn fail<E: Error>(self, problem: &'static str) -> E {
        self.problem.set(problem);
        E::custom(problem)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.fail(NOT_JSON))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(self.fail(REPEATED));
            }
            let value = entries.next_value_seed(deeper)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_in_two_ways_is_refused() {
        for (text, problem) in [
            (r#"{"a":1,"a":1}"#, REPEATED),
            (r#"{"a":1,"\u0061":2}"#, REPEATED),
            (r#"{"a":[{"b":1,"b":2}]}"#, REPEATED),
            (r#"{"a":1} {"#, NOT_JSON),
            (r#"{"a":1e400}"#, NOT_JSON),
            (r#"{"a":NaN}"#, NOT_JSON),
            (r#"{"a":-Infinity}"#, NOT_JSON),
            (r#"{"a":01}"#, NOT_JSON),
            (r#"{"a":"\ud800"}"#, NOT_JSON),
            (r#"{'a':1}"#, NOT_JSON),
            (r#"{"a":1,}"#, NOT_JSON),
            ("\u{feff}{}", NOT_JSON),
            ("", NOT_JSON),
            ("[]", NO_OBJECT),
            ("null", NO_OBJECT),
            (r#""{}""#, NO_OBJECT),
        ] {
            assert_eq!(object(text.as_bytes()), Err(problem), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(NOT_JSON));
    }

    #[test]
    fn eight_levels_are_read_and_no_more() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(object(nested(8).as_bytes()).is_ok());
        assert_eq!(object(nested(9).as_bytes()), Err(TOO_DEEP));
        assert_eq!(object(nested(5_000).as_bytes()), Err(TOO_DEEP));
        let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(8), "]".repeat(8));
        assert_eq!(object(lists.as_bytes()), Err(TOO_DEEP));
    }
}
