//! Messages of the Model Context Protocol.

use outcrop_wire::mcp::{
    Malformed, Message, Params, Posted, Version, error_message, parse, request_message, result_message,
};
use serde_json::Value;

/// Longest message of a refusal: what is said back of what came is clipped.
const MOST_SAID: usize = 4096;

/// Whatever comes is read or refused in words; what is read can be said again, and means the same then.
pub fn mcp_messages(data: &[u8]) -> bool {
    match parse(data) {
        Ok(Posted::One(message)) => {
            check(&message);
            true
        }
        Ok(Posted::Batch(messages)) => {
            assert!(!messages.is_empty() && messages.len() <= 32);
            for message in messages {
                match message {
                    Ok(message) => check(&message),
                    Err(malformed) => refused(&malformed),
                }
            }
            true
        }
        Err(malformed) => {
            refused(&malformed);
            false
        }
    }
}

fn check(message: &Message) {
    let Message::Request(request) = message else { return };
    let params = Value::Object(request.params.clone());
    let said = request_message(&request.id, &request.method, &params);
    assert_eq!(parse(&said), Ok(Posted::One(message.clone())));
    let result = result_message(Version::V2026_07_28, &request.id, Params::new());
    assert!(matches!(parse(&result), Ok(Posted::One(Message::Answer(_)))));
}

fn refused(malformed: &Malformed) {
    let said = error_message(malformed.id.as_ref(), &malformed.error);
    assert!(said.len() < MOST_SAID, "{} bytes", said.len());
    assert!(serde_json::from_slice::<Value>(&said).is_ok());
}
