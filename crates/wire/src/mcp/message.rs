//! Messages of JSON-RPC 2.0, as the protocol narrows them: ids are texts or whole numbers and never null, parameters are named.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::code;
use super::{RpcError, Version, strict};

/// Longest id that is taken, bytes: it is said back, and kept while the request is open.
const MAX_ID: usize = 256;
/// Longest name of a method.
const MAX_METHOD: usize = 128;
/// Most messages of one body (2025-03-26).
const MAX_BATCH: usize = 32;

/// The parameters of a message.
pub type Params = Map<String, Value>;

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MessageId {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A message of the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Something to be answered.
    Request(Request),
    /// Something to be heard.
    Notification(Notification),
    /// The answer to something we asked.
    Answer(Answer),
}

/// Something to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its id.
    pub id: MessageId,
    /// What is asked.
    pub method: String,
    /// With what.
    pub params: Params,
}

/// Something to be heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// What happened.
    pub method: String,
    /// In detail.
    pub params: Params,
}

/// The answer to something we asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it answers.
    pub id: MessageId,
    /// The result, or the refusal.
    pub outcome: Result<Value, RpcError>,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// One message.
    One(Message),
    /// Several (2025-03-26 only), each for itself.
    Batch(Vec<Result<Message, Malformed>>),
}

/// Something that is no message.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed {
    /// Its id, if that could be read.
    pub id: Option<MessageId>,
    /// What is wrong.
    pub error: Box<RpcError>,
}

/// Reads a body.
///
/// # Errors
/// [`Malformed`]: no JSON, no message, more messages than are taken.
pub fn parse(body: &[u8]) -> Result<Posted, Malformed> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is no JSON: {error}");
        Malformed::from((None, RpcError::new(code::PARSE_ERROR, message)))
    })?;
    match value {
        Value::Array(items) if items.is_empty() => Err(invalid(None, "a batch holds at least one message")),
        Value::Array(items) if items.len() > MAX_BATCH => {
            Err(invalid(None, format!("a batch holds at most {MAX_BATCH} messages")))
        }
        Value::Array(items) => Ok(Posted::Batch(items.into_iter().map(message).collect())),
        value => message(value).map(Posted::One),
    }
}

fn invalid(id: Option<MessageId>, message: impl Into<std::borrow::Cow<'static, str>>) -> Malformed {
    Malformed::from((id, RpcError::new(code::INVALID_REQUEST, message)))
}

/// One message.
fn message(value: Value) -> Result<Message, Malformed> {
    let Value::Object(mut fields) = value else {
        return Err(invalid(None, "a message is a JSON object"));
    };
    let id = id(&mut fields)?;
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid(id, "`jsonrpc` must be \"2.0\""));
    }
    let Some(method) = fields.remove("method") else {
        return answer(id, fields).map(Message::Answer);
    };
    let Value::String(method) = method else {
        return Err(invalid(id, "`method` must be a text"));
    };
    if method.is_empty() || method.len() > MAX_METHOD {
        return Err(invalid(id, format!("`method` must have 1 to {MAX_METHOD} bytes")));
    }
    let params = match fields.remove("params") {
        None => Params::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(invalid(id, "`params` must be an object")),
    };
    Ok(match id {
        Some(id) => Message::Request(Request { id, method, params }),
        None => Message::Notification(Notification { method, params }),
    })
}

/// The id; `None` where there is none.
fn id(fields: &mut Params) -> Result<Option<MessageId>, Malformed> {
    match fields.remove("id") {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_ID => Ok(Some(MessageId::Text(text))),
        Some(Value::String(_)) => Err(invalid(None, format!("`id` must have at most {MAX_ID} bytes"))),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(number) => Ok(Some(MessageId::Number(number))),
            None => Err(invalid(None, "`id` must be a text or a whole number of 64 bits")),
        },
        Some(_) => Err(invalid(None, "`id` must be a text or a whole number")),
    }
}

fn answer(id: Option<MessageId>, mut fields: Params) -> Result<Answer, Malformed> {
    match (id, fields.remove("result"), fields.remove("error")) {
        (Some(id), Some(result), None) => Ok(Answer { id, outcome: Ok(result) }),
        (Some(id), None, Some(error)) => match strict::read(error) {
            Ok(error) => Ok(Answer { id, outcome: Err(error) }),
            Err(error) => Err(invalid(Some(id), format!("`error`: {}", error.inner()))),
        },
        (id, ..) => {
            Err(invalid(id, "a message has a `method`, or an `id` and either a `result` or an `error`"))
        }
    }
}

/// What parameters say. What they say beside is let go: the protocol grows. Where an object is wanted, a list is none.
///
/// # Errors
/// [`RpcError`] that names the field.
pub fn read_params<T: DeserializeOwned>(params: Params) -> Result<T, RpcError> {
    strict::read(Value::Object(params)).map_err(|error| {
        let path = error.path().to_string();
        let param = if path == "." { "params".to_owned() } else { format!("params.{path}") };
        let message = format!("`{param}`: {}", error.inner());
        RpcError::invalid_params(&param, message)
    })
}

/// The message that answers a request.
///
/// A modern result says what kind it is; `resultType` is put beside what is there.
#[must_use]
pub fn result_message(version: Version, id: &MessageId, mut result: Params) -> Bytes {
    if version == Version::V2026_07_28 {
        result.entry("resultType").or_insert_with(|| "complete".into());
    }
    bytes(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// The message that refuses a request, or a body that was none.
#[must_use]
pub fn error_message(id: Option<&MessageId>, error: &RpcError) -> Bytes {
    let mut message = json!({ "jsonrpc": "2.0", "error": error });
    // Not null, as JSON-RPC has it: the protocol's ids never are, and its SDKs take no other.
    if let Some(id) = id {
        message["id"] = json!(id);
    }
    bytes(&message)
}

/// A message that is not to be answered.
#[must_use]
pub fn notification_message(method: &str, params: &Value) -> Bytes {
    bytes(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// A message for the client to answer.
#[must_use]
pub fn request_message(id: &MessageId, method: &str, params: &Value) -> Bytes {
    bytes(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

/// JSON values that were made here can be written.
fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Message, Malformed> {
        match parse(text.as_bytes())? {
            Posted::One(message) => Ok(message),
            Posted::Batch(_) => panic!("a batch"),
        }
    }

    #[test]
    fn messages_are_told_apart() {
        let request = one(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#).unwrap();
        let expected = Request { id: MessageId::Number(7), method: "ping".into(), params: Params::new() };
        assert_eq!(request, Message::Request(expected));
        assert!(matches!(
            one(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Ok(Message::Notification(_))
        ));
        let answer = one(r#"{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"no"}}"#).unwrap();
        let Message::Answer(Answer { outcome: Err(error), .. }) = answer else { panic!("{answer:?}") };
        assert_eq!((error.code, &*error.message), (-1, "no"));
    }

    #[test]
    fn what_is_no_message_is_refused_in_words() {
        let cases = [
            ("{", -32700, "no JSON"),
            ("1", -32600, "object"),
            ("[]", -32600, "at least one"),
            (r#"{"id":1,"method":"ping"}"#, -32600, "jsonrpc"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, "`id`"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, "whole number"),
            (r#"{"jsonrpc":"2.0","id":1,"method":3}"#, -32600, "`method`"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#, -32600, "`params`"),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600, "`result`"),
            (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, -32600, "either"),
            (r#"{"jsonrpc":"2.0","id":1,"error":[-1,"no"]}"#, -32600, "an object"),
        ];
        for (text, code, word) in cases {
            let error = one(text).unwrap_err().error;
            assert_eq!(error.code, code, "{text}");
            assert!(error.message.contains(word), "{text}: {}", error.message);
        }
        let many = format!("[{}]", vec!["1"; 33].join(","));
        assert!(parse(many.as_bytes()).unwrap_err().error.message.contains("at most 32"));
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        #[derive(Debug, Deserialize)]
        struct Wanted {
            #[expect(dead_code, reason = "read by nobody")]
            name: String,
        }
        let params = |text: &str| serde_json::from_str::<Params>(text).unwrap();
        let error = read_params::<Wanted>(params(r#"{"name":1}"#)).unwrap_err();
        assert_eq!((error.code, error.data), (-32602, Some(json!({ "param": "params.name" }))));
        assert!(read_params::<Wanted>(params(r#"{"name":"a","more":1}"#)).is_ok());
    }

    #[test]
    fn a_modern_result_says_what_kind_it_is() {
        let id = MessageId::Text("x".into());
        let of = |version| result_message(version, &id, Params::new());
        assert_eq!(of(Version::V2025_11_25), r#"{"jsonrpc":"2.0","id":"x","result":{}}"#);
        assert_eq!(
            of(Version::V2026_07_28),
            r#"{"jsonrpc":"2.0","id":"x","result":{"resultType":"complete"}}"#
        );
    }
}
