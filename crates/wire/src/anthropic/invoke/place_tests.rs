//! Where marks come to stand, and that nothing else changes.

use serde_json::{Value, json};

use super::*;

const ALL: Placing = Placing {
    tools: true,
    system: true,
    messages: true,
    head_one_hour: false,
    turns_one_hour: false,
    min_tokens: 0,
};

fn placed(body: &Value, placing: Placing) -> (Value, usize) {
    let (body, count) = place(Bytes::from(body.to_string()), placing);
    (serde_json::from_slice(&body).unwrap(), count)
}

fn turn(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

fn marked(text: &str, ttl: Option<&str>) -> Value {
    let control =
        ttl.map_or_else(|| json!({"type": "ephemeral"}), |ttl| json!({"type": "ephemeral", "ttl": ttl}));
    json!([{"type": "text", "text": text, "cache_control": control}])
}

fn body() -> Value {
    json!({
        "anthropic_version": "v", "max_tokens": 5,
        "tools": [{"name": "b", "input_schema": {}}, {"name": "a", "input_schema": {"x": 1}}],
        "system": "Be brief.",
        "messages": [turn("user", "one"), turn("assistant", "two"), turn("user", "three")],
    })
}

#[test]
fn tools_in_the_order_of_names_instructions_and_the_users_last_two_turns_are_marked() {
    let (found, count) = placed(&body(), Placing { head_one_hour: true, ..ALL });
    let control = json!({"type": "ephemeral", "ttl": "1h"});
    let expected = json!({
        "anthropic_version": "v", "max_tokens": 5,
        "tools": [
            {"name": "a", "input_schema": {"x": 1}},
            {"name": "b", "input_schema": {}, "cache_control": control},
        ],
        "system": marked("Be brief.", Some("1h")),
        "messages": [
            {"role": "user", "content": marked("one", None)}, turn("assistant", "two"),
            {"role": "user", "content": marked("three", None)},
        ],
    });
    assert_eq!((found, count), (expected, 4));
}

#[test]
fn what_the_next_turn_marks_first_this_one_marked_last() {
    let mut next = body();
    next["messages"].as_array_mut().unwrap().extend([turn("assistant", "four"), turn("user", "five")]);
    let (found, count) = placed(&next, ALL);
    assert_eq!(count, 4);
    assert_eq!(found["messages"][2]["content"], marked("three", None));
    assert_eq!(found["messages"][0], turn("user", "one"));
}

#[test]
fn only_long_beginnings_are_marked() {
    let mut long = body();
    long["system"] = json!("word ".repeat(400));
    let (found, count) = placed(&long, Placing { min_tokens: 400, ..ALL });
    assert_eq!(count, 3);
    assert!(found["tools"][1].get("cache_control").is_none(), "{found}");
    assert_eq!(placed(&body(), Placing { min_tokens: 400, ..ALL }), (body(), 0));
}

#[test]
fn a_clients_own_marks_stay_alone() {
    for at in ["/tools/0", "/messages/0"] {
        let mut own = body();
        own.pointer_mut(at).unwrap()["cache_control"] = json!({"type": "ephemeral"});
        assert_eq!(placed(&own, ALL), (own, 0));
    }
    let mut quoted = body();
    quoted["messages"][0]["content"] = json!("what is \"cache_control\"?");
    assert_eq!(placed(&quoted, ALL).1, 4);
    let hidden = body().to_string().replace("\"max_tokens\"", "\"\\u006dax_tokens\"");
    assert_eq!(place(Bytes::from(hidden.clone()), ALL), (Bytes::from(hidden), 0));
}

#[test]
fn what_cannot_be_marked_is_not() {
    let mut odd = body();
    odd["tools"] = json!([{"name": "z", "defer_loading": true}, {"name": "a"}]);
    odd["messages"] = json!([
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"}, {"type": "text", "text": ""},
        ]},
    ]);
    let (found, count) = placed(&odd, ALL);
    assert_eq!(count, 3);
    assert!(found["tools"][0]["cache_control"].is_object(), "{found}");
    assert!(found["messages"][0]["content"][0]["cache_control"].is_object(), "{found}");
    for no_body in
        [json!([1]), json!({}), json!({"messages": 1, "system": 2, "tools": 3}), json!({"system": ""})]
    {
        assert_eq!(placed(&no_body, ALL), (no_body, 0));
    }
}

#[test]
fn a_conversation_begins_alike_in_all_of_its_requests() {
    let beginning_of = |body: &Value| {
        let mut found = Vec::new();
        beginning(body.to_string().as_bytes(), |text| found.push(text.to_owned()));
        found
    };
    let first = beginning_of(&body());
    let mut later = body();
    later["tools"].as_array_mut().unwrap().reverse();
    later["system"] = marked("Be brief.", Some("1h"));
    later["messages"][0]["content"] = marked("one", None);
    later["messages"].as_array_mut().unwrap().push(turn("assistant", "four"));
    assert_eq!(beginning_of(&later), first);
    let mut other = body();
    other["messages"][0]["content"] = json!("two");
    assert_ne!(beginning_of(&other), first);
}
