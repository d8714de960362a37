//! What a tool is called with.

use outcrop_http::ApiError;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::Params;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads arguments; what does not do is named as the model spelt it.
pub(super) fn read<T: DeserializeOwned>(arguments: &Params) -> Result<T, ApiError> {
    let whole = arguments.iter().map(|(name, value)| (name.clone(), whole(value))).collect::<Params>();
    // Values that were JSON a moment ago can be written as such.
    let bytes = serde_json::to_vec(&whole).unwrap_or_default();
    let read = outcrop_wire::json::parse(&bytes)?;
    // No schema of a tool has a place for it: what is not given is left out.
    if let Some((name, _)) = whole.iter().find(|(_, value)| value.is_null()) {
        let message = format!("`{name}` must not be null; leave it out instead.");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(name));
    }
    Ok(read)
}

/// An argument; `5.0` is an integer to JSON Schema, and to some who write JSON the only spelling of it.
fn whole(value: &Value) -> Value {
    let float = value.as_f64().filter(|it| value.is_f64() && it.fract() == 0.0);
    // What is too large for this stays as it is, and is refused as such.
    let integer = float.and_then(|it| format!("{it:.0}").parse::<i64>().ok());
    integer.map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Arguments {
        count: Option<u32>,
        share: Option<f64>,
    }

    fn of(arguments: &Value) -> Result<(Option<u32>, Option<f64>), Option<String>> {
        let read = read::<Arguments>(arguments.as_object().unwrap());
        read.map(|it| (it.count, it.share)).map_err(|error| error.param)
    }

    #[test]
    fn integers_may_be_spelt_as_floats() {
        assert_eq!(of(&json!({ "count": 5.0, "share": 1.0 })), Ok((Some(5), Some(1.0))));
        assert_eq!(of(&json!({ "count": 1e2, "share": 0.5 })), Ok((Some(100), Some(0.5))));
        for wrong in [json!(5.5), json!(-1.0), json!(1e300), json!("5")] {
            assert_eq!(of(&json!({ "count": wrong })), Err(Some("count".to_owned())), "{wrong}");
        }
    }

    #[test]
    fn null_is_no_value() {
        assert_eq!(of(&json!({ "count": null })), Err(Some("count".to_owned())));
        assert_eq!(of(&json!({})), Ok((None, None)));
    }
}
