//! What a request may hold at most, and where the first too much of it is named.

use bytes::Bytes;
use outcrop_types::StoredResponse;
use outcrop_wire::anthropic::{self, Betas, Purpose, Version};
use outcrop_wire::openai::chat;
use outcrop_wire::openai::responses::{self, Earlier, kept};
use serde_json::{Value, json};

const PDF: &str = "JVBERi0=";
const PNG: &str = "iVBORw0KGgo=";

fn param(read: Result<(), outcrop_chat::InvalidRequest>) -> Option<String> {
    read.err().map(|error| error.param.unwrap_or_default())
}

fn in_chat(messages: &Value) -> Option<String> {
    let body = Bytes::from(json!({ "messages": messages }).to_string());
    param(chat::parse(&body).and_then(|it| it.into_chat()).map(|_| ()))
}

fn in_responses(input: &Value) -> Option<String> {
    let body = Bytes::from(json!({ "input": input }).to_string());
    param(responses::parse(&body).and_then(|it| it.into_chat("m", &Earlier::default())).map(|_| ()))
}

fn in_messages(messages: &Value) -> Option<String> {
    let body = Bytes::from(json!({ "max_tokens": 5, "messages": messages }).to_string());
    param(anthropic::parse(&body, Version::V20230601, &Betas::default(), Purpose::Answer).map(|_| ()))
}

/// What reads turns, a document and a picture there, each in place and behind a URL.
type Dialect = (fn(&Value) -> Option<String>, &'static str, [Value; 2], [Value; 2]);

fn dialects() -> [Dialect; 3] {
    let data = |kind: &str, data: &str| format!("data:{kind};base64,{data}");
    let url = "https://e.com/a";
    let source = |kind: &str, media_type: &str, data: &str| json!({ "type": kind, "source": { "type": "base64", "media_type": media_type, "data": data } });
    let linked = |kind: &str| json!({ "type": kind, "source": { "type": "url", "url": url } });
    let file = |data: &str| json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": data } });
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let input = |field: &str, data: &str| json!({ "type": "input_file", "filename": "a.pdf", field: data });
    let picture = |url: &str| json!({ "type": "input_image", "image_url": url });
    [
        (
            in_chat,
            "messages",
            [file(&data("application/pdf", PDF)), file(url)],
            [image(&data("image/png", PNG)), image(url)],
        ),
        (
            in_responses,
            "input",
            [input("file_data", &data("application/pdf", PDF)), input("file_url", url)],
            [picture(&data("image/png", PNG)), picture(url)],
        ),
        (
            in_messages,
            "messages",
            [source("document", "application/pdf", PDF), linked("document")],
            [source("image", "image/png", PNG), linked("image")],
        ),
    ]
}

#[test]
fn the_first_medium_too_many_is_named_in_every_dialect() {
    for (read, field, documents, pictures) in dialects() {
        for (media, most) in [(documents, 5), (pictures, 20)] {
            let said = |count: usize| {
                let said = |at: usize| json!({ "role": "user", "content": [media[at % 2]] });
                Value::Array((0..count).map(said).collect())
            };
            assert_eq!(read(&said(most)), None, "{field}: {most}");
            let first = format!("{field}[{most}].content[0]");
            assert_eq!(read(&said(most + 3)), Some(first), "{field}: what is behind is not looked at");
        }
    }
}

#[test]
fn media_in_results_of_tools_are_not_counted() {
    let document = &dialects()[2].2[0];
    let call = json!({ "type": "tool_use", "id": "1", "name": "f", "input": {} });
    let result = json!({ "type": "tool_result", "tool_use_id": "1", "content": vec![document; 6] });
    let messages =
        json!([{ "role": "assistant", "content": [call] }, { "role": "user", "content": [result] }]);
    assert_eq!(in_messages(&messages), None);
}

fn response(id: u8, output: &Value) -> StoredResponse {
    StoredResponse {
        id: format!("resp_{id:032x}").parse().unwrap(),
        team: "team_00000000000000000000000000000001".parse().unwrap(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        response: json!({ "output": output }),
        input: json!([]),
    }
}

fn said(id: &str, text: &str) -> Value {
    json!({ "type": "message", "id": id, "role": "user", "content": [{ "type": "input_text", "text": text }] })
}

#[test]
fn an_item_that_is_named_often_counts_each_time() {
    let id = format!("msg_{:032x}0000", 7);
    let earlier = Earlier { previous: None, items: [(id.clone(), said(&id, &"x".repeat(1 << 20)))].into() };
    let named = |count: usize| {
        let body = json!({ "input": vec![json!({ "type": "item_reference", "id": id }); count] });
        let body = Bytes::from(body.to_string());
        param(responses::parse(&body).and_then(|it| it.into_chat("m", &earlier)).map(|_| ()))
    };
    assert_eq!(named(15), None);
    assert_eq!(named(40).as_deref(), Some("input[15].id"), "sixteen megabytes, with what is around the text");
}

#[test]
fn the_items_a_request_takes_are_gathered_by_their_responses() {
    let id = |response: usize, item: usize| format!("msg_{response:032x}{item:04x}");
    let refer = |id: String| json!({ "type": "item_reference", "id": id });
    let mut input: Vec<Value> = (0..20_000).map(|it| refer(id(it % 4_000, it / 4_000))).collect();
    input[1] = json!({ "type": "reasoning", "id": id(1, 0), "summary": [] });
    input.truncate(19_999);
    let body = Bytes::from(json!({ "input": input }).to_string());
    let needs = responses::parse(&body).unwrap().needs();
    assert_eq!((needs.taken.len(), &needs.unknown), (4_000, &None));
    assert_eq!(needs.taken[1].items.len(), 5);
    assert_eq!((needs.taken[1].at, needs.taken[1].required), (1, true), "one of them is referred to");
    assert_eq!(needs.taken[3_999].items.len(), 4);
}

#[test]
fn of_a_response_only_what_is_missing_is_taken() {
    let ids = [0, 1, 2].map(|it| format!("msg_{:032x}{it:04x}", 7));
    let output: Vec<Value> = ids.iter().map(|id| said(id, "x")).collect();
    let response = response(7, &json!(output));
    let mut missing = [ids[1].clone(), "msg_other".to_owned()].into();
    let taken = kept::take(response.clone(), &mut missing);
    assert_eq!(taken, [(ids[1].clone(), output[1].clone())]);
    assert_eq!(missing, ["msg_other".to_owned()].into());
    let mut missing = ids.into();
    kept::strike(&response, &mut missing);
    assert!(missing.is_empty());
}
