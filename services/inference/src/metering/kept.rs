//! What a request asks the model's prompt cache to keep.

use outcrop_chat::{CacheTtl, Request};

use crate::admission::Kept;

/// What a conversation has kept. Points that the model does not take are counted, too.
pub(crate) fn kept(request: &Request) -> Kept {
    let asked = request.cache_points().map(|ttl| match ttl {
        CacheTtl::FiveMinutes => Kept::FiveMinutes,
        CacheTtl::OneHour => Kept::Hour,
    });
    let more = if request.additional.is_empty() {
        Kept::Nothing
    } else {
        serde_json::to_vec(&request.additional).map_or(Kept::Hour, |body| kept_in(&body))
    };
    asked.fold(more, Kept::max)
}

/// The same for a body in a model's own words: by the names of members, wherever they stand.
pub(crate) fn kept_in(body: &[u8]) -> Kept {
    let Ok(text) = std::str::from_utf8(body) else { return Kept::Hour };
    // Nobody but who wants to hide something writes letters as `\u0063`.
    let hidden = || text.match_indices("\\u00").any(|(at, _)| matches!(body.get(at + 4), Some(b'4'..=b'7')));
    if !says(text, "\"cache_control\"") && !says(text, "\"cachePoint\"") && !hidden() {
        return Kept::Nothing;
    }
    if says(text, "\"1h\"") || text.contains("\\u0031") || hidden() { Kept::Hour } else { Kept::FiveMinutes }
}

/// Whether these words stand there by themselves, and not within a text that quotes them.
fn says(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| !text[..at].ends_with('\\'))
}

#[cfg(test)]
mod tests {
    use outcrop_chat::{Block, Message, Role, SystemBlock, ToolChoice, ToolSpec, Tools};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_of_a_cache_point_counts() {
        let point = Block::CachePoint(CacheTtl::FiveMinutes);
        let turn = Message { role: Role::User, content: vec![Block::Text("a".into())] };
        let plain = Request { messages: vec![turn], ..Request::default() };
        assert_eq!(kept(&plain), Kept::Nothing);
        let mut turns = plain.clone();
        turns.messages[0].content.push(point);
        assert_eq!(kept(&turns), Kept::FiveMinutes);
        let mut system = turns.clone();
        system.system.push(SystemBlock::CachePoint(CacheTtl::OneHour));
        assert_eq!(kept(&system), Kept::Hour);
        let spec = ToolSpec { cache: Some(CacheTtl::OneHour), ..ToolSpec::default() };
        let tools = Request {
            tools: Some(Tools {
                specs: vec![spec],
                system: Vec::new(),
                choice: ToolChoice::Auto,
                parallel: None,
            }),
            ..plain
        };
        assert_eq!(kept(&tools), Kept::Hour);
    }

    #[test]
    fn bodies_say_it_by_the_names_of_members() {
        let quoted = json!({"messages": [{"role": "user", "content": "what is \"cache_control\"?"}]});
        let five =
            json!({"system": [{"type": "text", "cache_control": {"type": "ephemeral"}}], "a": "\"1h\""});
        let hour = json!({"system": [{"type": "text", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]});
        let cases = [
            (quoted.to_string(), Kept::Nothing),
            (r#"{"a": "\u003cb\u00e9"}"#.to_owned(), Kept::Nothing),
            (five.to_string(), Kept::FiveMinutes),
            (json!({"system": [{"cachePoint": {"type": "default"}}]}).to_string(), Kept::FiveMinutes),
            (hour.to_string(), Kept::Hour),
            (r#"{"\u0063ache_control": {}}"#.to_owned(), Kept::Hour),
        ];
        for (body, expected) in cases {
            assert_eq!(kept_in(body.as_bytes()), expected, "{body}");
        }
    }
}
