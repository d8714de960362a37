//! One test per rule of `normalise`.

use serde_json::json;

use super::*;
use crate::Reasoning;

fn says(role: Role, text: &str) -> Message {
    Message { role, content: vec![Block::Text(text.into())] }
}

fn call(id: &str) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: "tool".into(), input: json!({}) })
}

fn result(id: &str, text: &str) -> Block {
    let content = vec![ToolResultBlock::Text(text.into())];
    Block::ToolResult(ToolResult { id: id.into(), content, is_error: false })
}

fn text(text: &str) -> Block {
    Block::Text(text.into())
}

/// `u` and `a` messages, blocks by letter: text itself, `>id` a call, `<id` a result, `~` a thought.
fn shape(messages: Vec<Message>) -> Vec<String> {
    let request = normalise(Request { messages, ..Request::default() });
    let show = |block: &Block| match block {
        Block::Text(text) => text.clone(),
        Block::ToolUse(call) => format!(">{}", call.id),
        Block::ToolResult(result) => match &result.content[0] {
            ToolResultBlock::Text(text) => format!("<{}={text}", result.id),
            other => format!("<{}={other:?}", result.id),
        },
        Block::Reasoning(_) => "~".into(),
        Block::CachePoint(_) => "|".into(),
        Block::Document(_) => "document".into(),
        other => format!("{other:?}"),
    };
    let line = |message: &Message| {
        let role = match message.role {
            Role::User => "u",
            Role::Assistant => "a",
            Role::System => "s",
        };
        format!("{role}: {}", message.content.iter().map(show).collect::<Vec<_>>().join(", "))
    };
    request.messages.iter().map(line).collect()
}

#[test]
fn blank_system_texts_go() {
    let request = Request { system: vec!["a".into(), " \n".into(), "b".into()], ..Request::default() };
    assert_eq!(normalise(request).system, ["a".into(), SystemBlock::from("b")]);
}

#[test]
fn blank_text_goes_and_then_the_message() {
    let blank = Message { role: Role::User, content: vec![text(" \n\t"), text("hi"), text("")] };
    assert_eq!(shape(vec![blank, says(Role::Assistant, ""), says(Role::User, "you")]), ["u: hi, you"]);
}

#[test]
fn a_last_blank_user_turn_stays_for_the_model_not_to_continue_itself() {
    let messages = vec![says(Role::User, "a"), says(Role::Assistant, "b"), says(Role::User, " ")];
    assert_eq!(shape(messages), ["u: a", "a: b", "u: ."]);
}

#[test]
fn nothing_said_stays_nothing() {
    assert!(shape(vec![]).is_empty());
    assert!(shape(vec![says(Role::User, ""), says(Role::Assistant, " ")]).is_empty());
}

#[test]
fn neighbours_of_one_role_become_one() {
    let messages = vec![
        says(Role::User, "a"),
        says(Role::User, "b"),
        says(Role::Assistant, "c"),
        says(Role::Assistant, "d"),
        says(Role::User, "e"),
    ];
    assert_eq!(shape(messages), ["u: a, b", "a: c, d", "u: e"]);
}

#[test]
fn the_user_begins() {
    assert_eq!(
        shape(vec![says(Role::Assistant, "hello"), says(Role::User, "hi")]),
        ["u: .", "a: hello", "u: hi"]
    );
}

#[test]
fn results_of_a_turn_stand_together_and_first() {
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), call("2")] },
        Message { role: Role::User, content: vec![text("and"), result("1", "x")] },
        Message { role: Role::User, content: vec![result("2", "y")] },
        says(Role::User, "then?"),
    ];
    assert_eq!(shape(messages), ["u: go", "a: >1, >2", "u: <1=x, <2=y, and, then?"]);
}

#[test]
fn a_result_without_output_says_so() {
    let empty = Block::ToolResult(ToolResult { id: "2".into(), content: Vec::new(), is_error: false });
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), call("2")] },
        Message { role: Role::User, content: vec![result("1", " "), empty] },
    ];
    assert_eq!(shape(messages)[2], "u: <1=(no output), <2=(no output)");
}

#[test]
fn an_assistant_thinks_then_speaks_then_calls() {
    let thought = Block::Reasoning(Reasoning::Text { text: "t".into(), signature: None });
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), text("a"), thought, text("b"), call("2")] },
        Message { role: Role::User, content: vec![result("1", "x"), result("2", "y")] },
    ];
    assert_eq!(shape(messages)[1], "a: ~, a, b, >1, >2");
}

#[test]
fn calls_that_share_an_id_are_told_apart_with_their_results() {
    let long = "x".repeat(64);
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), call("1"), call(&long), call(&long)] },
        Message {
            role: Role::User,
            content: vec![result("1", "p"), result("1", "q"), result(&long, "r"), result(&long, "s")],
        },
        Message { role: Role::Assistant, content: vec![call("1")] },
        Message { role: Role::User, content: vec![result("1", "z")] },
    ];
    let cut = format!("{}:2", "x".repeat(62));
    assert_eq!(
        shape(messages)[1..],
        [
            format!("a: >1, >1:2, >{long}, >{cut}"),
            format!("u: <1=p, <1:2=q, <{long}=r, <{cut}=s"),
            "a: >1".into(),
            "u: <1=z".into(),
        ]
    );
}

#[test]
fn a_new_id_never_meets_one_that_is_there() {
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), call("1"), call("1:2"), call("1")] },
        Message {
            role: Role::User,
            content: vec![result("1", "p"), result("1:2", "q"), result("1", "r"), result("1", "s")],
        },
    ];
    assert_eq!(shape(messages)[1..], ["a: >1, >1:3, >1:2, >1:4", "u: <1=p, <1:2=q, <1:3=r, <1:4=s"]);
}

#[test]
fn text_to_be_continued_does_not_end_in_space() {
    assert_eq!(shape(vec![says(Role::User, "a "), says(Role::Assistant, "b \n")]), ["u: a ", "a: b"]);
}

#[test]
fn a_second_pass_changes_nothing() {
    let messages = vec![
        says(Role::Assistant, "hello"),
        says(Role::User, ""),
        Message { role: Role::Assistant, content: vec![call("1"), call("1"), text("b ")] },
        Message { role: Role::User, content: vec![text("c"), result("1", ""), result("1", "y")] },
    ];
    let once = normalise(Request { messages, ..Request::default() });
    assert_eq!(normalise(once.clone()), once);
}

#[test]
fn cache_points_stay_behind_what_they_follow() {
    let point = || Block::CachePoint(crate::CacheTtl::FiveMinutes);
    let messages = vec![
        Message { role: Role::User, content: vec![text("go"), point()] },
        Message { role: Role::Assistant, content: vec![call("1"), point(), text("a")] },
        Message { role: Role::User, content: vec![text("b"), point(), result("1", "x")] },
        Message { role: Role::User, content: vec![point()] },
    ];
    assert_eq!(shape(messages), ["u: go, |", "a: a, >1, |", "u: <1=x, b, |"]);
}

#[test]
fn a_document_is_never_without_words() {
    let document = Block::Document(crate::Document {
        format: Some(crate::DocumentFormat::Pdf),
        name: "a".into(),
        source: crate::DocumentSource::Text("x".into()),
        context: None,
        citations: false,
    });
    let messages = vec![Message { role: Role::User, content: vec![document.clone()] }];
    assert_eq!(shape(messages), ["u: document, ."]);
    let messages = vec![Message { role: Role::User, content: vec![document, text("sum up")] }];
    assert_eq!(shape(messages), ["u: document, sum up"]);
}

#[test]
fn instructions_in_the_middle_stand_alone_and_behind_results() {
    let messages = vec![
        says(Role::User, "go"),
        Message { role: Role::Assistant, content: vec![call("1"), call("2")] },
        says(Role::System, "be brief"),
        says(Role::System, "be kind"),
        Message { role: Role::User, content: vec![result("1", "x")] },
        Message { role: Role::User, content: vec![result("2", "y")] },
        says(Role::User, "then?"),
    ];
    assert_eq!(shape(messages), ["u: go", "a: >1, >2", "u: <1=x, <2=y", "s: be brief, be kind", "u: then?"]);
}

#[test]
fn documents_of_one_name_are_told_apart() {
    let document = |name: &str| crate::Document {
        format: None,
        name: name.into(),
        source: crate::DocumentSource::Text("x".into()),
        context: None,
        citations: false,
    };
    let (long, content) = ("x".repeat(200), ["a", "a", "a 2"].map(document));
    let nested = vec![ToolResultBlock::Document(document("a")), ToolResultBlock::Document(document(&long))];
    let nested = Block::ToolResult(ToolResult { id: "1".into(), content: nested, is_error: false });
    let mut blocks: Vec<Block> = content.into_iter().map(Block::Document).collect();
    blocks.extend([nested, Block::Document(document(&long)), text("sum up")]);
    let messages = vec![Message { role: Role::User, content: blocks }];
    let request = normalise(Request { messages, ..Request::default() });
    let names = request.messages[0].content.iter().flat_map(|block| match block {
        Block::Document(it) => vec![it.name.clone()],
        Block::ToolResult(it) => it
            .content
            .iter()
            .map(|it| if let ToolResultBlock::Document(it) = it { it.name.clone() } else { panic!("{it:?}") })
            .collect(),
        _ => vec![],
    });
    let numbered = format!("{} (2)", "x".repeat(190));
    assert_eq!(names.collect::<Vec<_>>(), ["a", &long, "a (2)", "a (3)", "a 2", &numbered]);
}
