use bytes::Bytes;
use outcrop_chat::{Image, ImageFormat, ToolUse};
use serde_json::from_str;

use super::*;

fn user(content: Vec<Block>) -> Message {
    Message { role: Role::User, content }
}

fn text(text: &str) -> Block {
    Block::Text(text.to_owned())
}

#[test]
fn messages_are_of_the_conventions_and_tell_of_nobody() {
    let image = Image { format: ImageFormat::Png, source: Source::Bytes(Bytes::from(vec![0; 70])) };
    let call = ToolUse { id: "t1".into(), name: "mail".into(), input: json!({"to": "a@b.example"}) };
    let request = Request {
        system: vec![SystemBlock::Text("Be kind to a@b.example".into())],
        messages: vec![
            user(vec![text("I am a@b.example"), Block::Image(image)]),
            Message { role: Role::Assistant, content: vec![Block::ToolUse(call)] },
        ],
        ..Request::default()
    };
    let Asked { system, messages } = Asked::of(&request, 4_096);
    let system: Value = from_str(&system.unwrap()).unwrap();
    assert_eq!(system, json!([{"type": "text", "content": "Be kind to [email]"}]));
    let messages: Value = from_str(&messages).unwrap();
    assert_eq!(
        messages,
        json!([
            {"role": "user", "parts": [
                {"type": "text", "content": "I am [email]"},
                {"type": "image", "bytes": 70},
            ]},
            {"role": "assistant", "parts": [
                {"type": "tool_call", "id": "t1", "name": "mail", "arguments": {"to": "[email]"}},
            ]},
        ])
    );
}

#[test]
fn the_end_of_a_long_conversation_is_kept_within_the_bound() {
    let turns = (0..200).map(|it| user(vec![text(&format!("turn {it} \"{}\"", "ü\n".repeat(20)))]));
    let request = Request { messages: turns.collect(), ..Request::default() };
    for most in [300, 1_000, 4_000] {
        let asked = Asked::of(&request, most).messages;
        assert!(asked.len() <= most, "{} of {most}", asked.len());
        let asked: Vec<Value> = from_str(&asked).unwrap();
        assert_eq!(asked[0]["role"], "cut");
        assert!(asked.last().unwrap().to_string().contains("turn 199"), "{asked:?}");
    }
}

#[test]
fn an_answer_is_gathered_from_its_pieces() {
    let mut said = Said::nothing(2_000);
    let delta = |index, delta| Event::Delta { index, delta };
    said.push(&delta(0, Delta::Reasoning("Hm".into())));
    for piece in ["Write to a", "@b.exa", "mple."] {
        said.push(&delta(1, Delta::Text(piece.into())));
    }
    said.push(&Event::BlockStart {
        index: 2,
        start: BlockStart::ToolUse { id: "t".into(), name: "mail".into() },
    });
    said.push(&delta(2, Delta::ToolInput("{\"a\":".into())));
    said.push(&delta(2, Delta::ToolInput("1}".into())));
    let messages: Value = from_str(&said.messages(Some("tool_use"))).unwrap();
    assert_eq!(
        messages,
        json!([{"role": "assistant", "finish_reason": "tool_use", "parts": [
            {"type": "reasoning", "content": "Hm"},
            {"type": "text", "content": "Write to [email]."},
            {"type": "tool_call", "id": "t", "name": "mail", "arguments": "{\"a\":1}"},
        ]}])
    );
}

#[test]
fn arguments_that_come_in_pieces_are_masked_like_whole_ones() {
    let input = json!({"note": "a\nAKIAIOSFODNN7EXAMPLE\n4111111111111111", "password": "cör\"rect", "n": 1});
    let start = BlockStart::ToolUse { id: "t".into(), name: "f".into() };
    let mut said = Said::nothing(2_000);
    said.push(&Event::BlockStart { index: 0, start });
    for piece in input.to_string().chars() {
        said.push(&Event::Delta { index: 0, delta: Delta::ToolInput(piece.into()) });
    }
    let call = ToolUse { id: "t".into(), name: "f".into(), input };
    let streamed = said.messages(None);
    assert_eq!(streamed, Said::whole(&[Block::ToolUse(call)], 2_000).messages(None));
    let streamed: Value = from_str(&streamed).unwrap();
    let arguments = streamed[0]["parts"][0]["arguments"].as_str().unwrap();
    let masked = json!({"note": "a\n[aws key]\n[card]", "password": "[secret]", "n": 1});
    assert_eq!(from_str::<Value>(arguments).unwrap(), masked);
    // Nobody knows why it stopped.
    assert!(streamed[0].get("finish_reason").is_none());
}

#[test]
fn no_more_is_gathered_than_may_be_shown_and_what_is_cut_says_so() {
    let mut said = Said::nothing(400);
    for _ in 0..10_000 {
        said.push(&Event::Delta { index: 0, delta: Delta::Text("ä \n".into()) });
    }
    let gathered: usize =
        said.parts.iter().map(|it| if let Part::Text(_, it) = it { it.len() } else { 0 }).sum();
    assert!(gathered <= 400 + MARGIN, "{gathered}");
    let messages = said.messages(None);
    assert!(messages.len() <= 400 && messages.contains("…[cut]"), "{} {messages}", messages.len());
    // A number that the bound would cut in two is masked all the same.
    let text = format!("{}4111 1111 1111 1111 and more {}", "x ".repeat(140), "y ".repeat(400));
    let cut = Said::whole(&[Block::Text(text)], 400).messages(None);
    assert!(!cut.contains("4111"), "{cut}");
}
