//! From bytes to a typed body, and what is said when that fails.

use crate::errors::{Exception, Refusal};
use serde::Deserialize;

/// Parses a request body. A wrong type or broken JSON is a `SerializationException` that names the member.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(body) => Ok(body),
        Err(_) => Err(explain::<T>(bytes)),
    }
}

/// Parses once more, slowly, to learn where it went wrong.
#[cold]
fn explain<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Refusal {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let message = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(error) => {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if inner.is_syntax() || inner.is_eof() {
                format!("The request body is not valid JSON: {inner}")
            } else {
                format!("{path}: {inner}")
            }
        }
        Ok(_) => "The request body holds more than one JSON value".to_owned(),
    };
    Refusal::new(Exception::Serialization, message)
}
