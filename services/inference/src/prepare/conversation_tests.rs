//! What makes two requests one conversation.

use outcrop_chat::{CacheTtl, Message, Role, ToolChoice, ToolSpec, Tools};
use serde_json::json;
use uuid::Uuid;

use super::*;

const TEAM: TeamId = TeamId::new(Uuid::from_u128(1));

fn rule() -> Option<PromptCacheRule> {
    Some(PromptCacheRule::default())
}

fn turn(role: Role, text: &str) -> Message {
    Message { role, content: vec![Block::Text(text.into())] }
}

fn request() -> Request {
    let spec = |name: &str| ToolSpec { name: name.into(), ..ToolSpec::default() };
    Request {
        tools: Some(Tools {
            specs: vec![spec("a"), spec("b")],
            system: Vec::new(),
            choice: ToolChoice::Auto,
            parallel: None,
        }),
        system: vec!["Be brief.".into()],
        messages: vec![turn(Role::User, "one")],
        ..Request::default()
    }
}

#[test]
fn later_requests_of_a_conversation_have_its_number() {
    let first = conversation(TEAM, &request(), rule());
    let mut later = request();
    later.tools.as_mut().unwrap().specs.reverse();
    later.system.push(SystemBlock::CachePoint(CacheTtl::OneHour));
    later.messages.extend([turn(Role::Assistant, "two"), turn(Role::User, "three")]);
    assert_eq!(conversation(TEAM, &later, rule()), first);
    assert!(first.is_some());
}

#[test]
fn others_have_another() {
    let first = conversation(TEAM, &request(), rule());
    let mut other = request();
    other.messages[0] = turn(Role::User, "two");
    assert_ne!(conversation(TEAM, &other, rule()), first);
    let mut other = request();
    other.system = vec!["Be kind.".into()];
    assert_ne!(conversation(TEAM, &other, rule()), first);
    assert_ne!(conversation(TeamId::new(Uuid::from_u128(2)), &request(), rule()), first);
}

#[test]
fn nothing_kept_is_no_conversation() {
    assert_eq!(conversation(TEAM, &request(), None), None);
    let mut own = request();
    own.system.push(SystemBlock::CachePoint(CacheTtl::FiveMinutes));
    assert!(conversation(TEAM, &own, None).is_some());
    let mut asks = request();
    asks.caching.messages = Some(true);
    assert!(conversation(TEAM, &asks, None).is_some());
    asks.caching =
        Caching { tools: Some(false), system: Some(false), messages: Some(false), ..Caching::default() };
    assert_eq!(conversation(TEAM, &asks, rule()), None);
}

#[test]
fn a_key_is_enough_and_is_all_that_counts() {
    let with = |key: &str, text: &str| {
        let caching = Caching { key: Some(key.into()), ..Caching::default() };
        conversation(TEAM, &Request { caching, messages: vec![turn(Role::User, text)], ..request() }, None)
    };
    assert_eq!(with("k", "one"), with("k", "two"));
    assert_ne!(with("k", "one"), with("l", "one"));
    assert!(with("k", "one").is_some());
}

#[test]
fn bodies_of_claude_have_one_too() {
    let of = |body: &serde_json::Value, rule| conversation_in(TEAM, body.to_string().as_bytes(), rule);
    let one = json!({"system": "Be brief.", "messages": [{"role": "user", "content": "one"}]});
    let control = json!({"type": "ephemeral"});
    let later = json!({
        "system": [{"type": "text", "text": "Be brief.", "cache_control": control}],
        "messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
    });
    assert_eq!(of(&one, rule()), of(&later, rule()));
    assert_eq!(of(&later, None), of(&later, rule()));
    assert_eq!(of(&one, None), None);
    let other = json!({"system": "Be brief.", "messages": [{"role": "user", "content": "two"}]});
    assert_ne!(of(&one, rule()), of(&other, rule()));
}
