//! Why a model stopped, in its own words: for records and traces, as Bedrock's headers do not tell it.

use outcrop_chat::StopReason;
use serde_json::Value;

/// What all names of it have in common; most chunks of a stream have none of them.
const IN_ALL: &[u8] = b"eason\"";
/// What it is called: by Anthropic, Meta, Mistral and DeepSeek; by OpenAI and Cohere; by Amazon's Nova and Titan.
const NAMES: [&str; 4] = ["stop_reason", "finish_reason", "stopReason", "completionReason"];
/// Where it stands, unless at the top.
const PLACES: [&str; 6] = ["delta", "messageStop", "choices", "outputs", "results", "generations"];

/// Why the model stopped, if this body, or this piece of one, says so. Of several answers the first one's reason.
pub(super) fn stop_reason(body: &[u8]) -> Option<StopReason> {
    if !body.windows(IN_ALL.len()).any(|it| it == IN_ALL) {
        return None;
    }
    find(&serde_json::from_slice(body).ok()?)
}

fn find(value: &Value) -> Option<StopReason> {
    match value {
        Value::Array(items) => items.iter().find_map(find),
        Value::Object(fields) => {
            let word = NAMES.iter().find_map(|name| fields.get(*name)?.as_str());
            word.map(read).or_else(|| PLACES.iter().find_map(|name| find(fields.get(*name)?)))
        }
        _ => None,
    }
}

fn read(word: &str) -> StopReason {
    match word.to_ascii_lowercase().as_str() {
        "stop" | "finish" | "complete" => StopReason::EndTurn,
        "tool_calls" | "tool_call" => StopReason::ToolUse,
        "length" => StopReason::MaxTokens,
        "stop_criteria_met" => StopReason::StopSequence,
        "refusal" | "content_filter" | "error_toxic" => StopReason::ContentFiltered,
        word => StopReason::parse(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_the_words_of_each_maker() {
        for (body, reason) in [
            (r#"{"content":[],"stop_reason":"tool_use"}"#, Some(StopReason::ToolUse)),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
                Some(StopReason::ContentFiltered),
            ),
            (r#"{"output":{},"stopReason":"max_tokens"}"#, Some(StopReason::MaxTokens)),
            (r#"{"messageStop":{"stopReason":"end_turn"}}"#, Some(StopReason::EndTurn)),
            (r#"{"results":[{"outputText":"a","completionReason":"LENGTH"}]}"#, Some(StopReason::MaxTokens)),
            (r#"{"generation":"a","stop_reason":"stop"}"#, Some(StopReason::EndTurn)),
            (r#"{"generations":[{"finish_reason":"COMPLETE"}]}"#, Some(StopReason::EndTurn)),
            (r#"{"choices":[{"stop_reason":null,"finish_reason":"tool_calls"}]}"#, Some(StopReason::ToolUse)),
            (r#"{"outputs":[{"text":"a","stop_reason":"something new"}]}"#, Some(StopReason::Other)),
            (r#"{"generation":"the \"stop_reason\": \"stop\"","stop_reason":null}"#, None),
            (r#"{"generation":"a"}"#, None),
            (r#"{"stop_reason":"#, None),
        ] {
            assert_eq!(stop_reason(body.as_bytes()), reason, "{body}");
        }
    }
}
