//! OpenAI image requests, refusals, answers, and the table of fields.

use bytes::Bytes;
use outcrop_wire::openai::images::{parity, parse, response};
use serde_json::{Value, json};

use crate::show;

fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"prompt": "a cat"});
    body[field] = value;
    body
}

#[test]
fn each_fixture_is_understood() {
    for (name, body) in show::fixtures("openai/images") {
        show::check(&format!("openai_images__{name}"), &format!("{:#?}", parse(&body).unwrap()));
    }
}

#[test]
fn refusals_name_the_field() {
    let cases = [
        (json!({"model": "m"}), "prompt"),
        (with("prompt", json!("  ")), "prompt"),
        (with("n", json!(0)), "n"),
        (with("n", json!(11)), "n"),
        (with("size", json!("big")), "size"),
        (with("size", json!("1024x")), "size"),
        (with("size", json!("0x10")), "size"),
        (with("size", json!("+5x10")), "size"),
        (with("size", json!("99999999999x1")), "size"),
        (with("quality", json!("best")), "quality"),
        (with("response_format", json!("url")), "response_format"),
        (with("output_format", json!("webp")), "output_format"),
        (with("background", json!("transparent")), "background"),
        (with("stream", json!(true)), "stream"),
        (with("partial_images", json!(2)), "partial_images"),
        (with("seed", json!(-1)), "seed"),
        (with("cfg_scale", json!("high")), "cfg_scale"),
    ];
    for (body, param) in cases {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {}", error.message);
    }
}

#[test]
fn pictures_are_written_as_they_are() {
    let images = [Bytes::from_static(b"iVBO"), Bytes::from_static(b"aa+/")];
    let text = String::from_utf8(response(1_760_000_000, &images).to_vec()).unwrap();
    let whole = concat!(
        r#"{"created":1760000000,"data":[{"b64_json":"iVBO"},{"b64_json":"aa+/"}],"#,
        r#""output_format":"png"}"#
    );
    assert_eq!(text, whole);
}

#[test]
fn each_field_has_the_fate_of_the_table() {
    let read = |body: &Value| parse(body.to_string().as_bytes());
    let plain = read(&json!({"prompt": "a cat"})).unwrap();
    for (field, fate, _) in parity::FIELDS {
        let value = match *field {
            "prompt" | "model" | "user" | "safety_identifier" | "negative_prompt" | "style"
            | "complexity" => {
                json!("other")
            }
            "n" | "seed" | "frame_count" | "frame_duration_ms" | "partial_images" => json!(2),
            "output_compression" => json!(50),
            "cfg_scale" => json!(5.5),
            "size" => json!("512x512"),
            "quality" => json!("hd"),
            "moderation" => json!("low"),
            // What is mapped of it is the default; the rest is refused.
            "response_format" => {
                assert_eq!(read(&with(field, json!("b64_json"))).unwrap(), plain);
                continue;
            }
            "output_format" => json!("jpeg"),
            "background" => json!("transparent"),
            "stream" => json!(true),
            "svg" => json!({"model": "m"}),
            other => panic!("no sample of {other}"),
        };
        show::check_fate(field, fate, read(&with(field, value)), &plain, |it| &it.dropped);
    }
}
