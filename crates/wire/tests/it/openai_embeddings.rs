//! OpenAI embeddings: requests, refusals, answers, and the table of fields.

use base64::Engine as _;
use outcrop_wire::openai::embeddings::{EmbeddingsRequest, Encoding, Input, parity, parse, response};
use serde_json::{Value, json};

use crate::show;

fn read(body: &Value) -> EmbeddingsRequest {
    parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn each_fixture_is_understood() {
    for (name, body) in show::fixtures("openai/embeddings") {
        show::check(&format!("openai_embeddings__{name}"), &format!("{:#?}", parse(&body).unwrap()));
    }
}

#[test]
fn refusals_name_the_field() {
    let with = |field: &str, value: Value| json!({"model": "m", "input": "x", field: value});
    let cases = [
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": null}), "input"),
        (json!({"model": "m", "input": ""}), "input"),
        (json!({"model": "m", "input": " \n"}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"model": "m", "input": {"text": "x"}}), "input"),
        (json!({"model": "m", "input": ["a", "b", "c", "  "]}), "input[3]"),
        (json!({"model": "m", "input": ["a", null]}), "input[1]"),
        (json!({"model": "m", "input": ["a", 1]}), "input"),
        (json!({"model": "m", "input": [1, "a"]}), "input"),
        (json!({"model": "m", "input": [1, -1]}), "input[1]"),
        (json!({"model": "m", "input": [1, 5_000_000_000_u64]}), "input[1]"),
        (json!({"model": "m", "input": [[1], []]}), "input[1]"),
        (json!({"model": "m", "input": [[1], ["a"]]}), "input[1][0]"),
        (json!({"model": "m", "input": vec!["x"; 2049]}), "input"),
        (json!({"model": "m", "input": vec![1; 300_001]}), "input"),
        (json!({"model": "m", "input": vec![vec![1; 150_001]; 2]}), "input"),
        (with("dimensions", json!(0)), "dimensions"),
        (with("dimensions", json!("256")), "dimensions"),
        (with("encoding_format", json!("hex")), "encoding_format"),
        (with("input_type", json!("image")), "input_type"),
        (with("user", json!(7)), "user"),
        (with("model", json!(7)), "model"),
    ];
    for (body, param) in cases {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        let body: String = body.to_string().chars().take(80).collect();
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {}", error.message);
    }
    assert_eq!(parse(b"[1]").unwrap_err().param, None);
}

#[test]
fn as_many_inputs_as_openai_takes() {
    let Input::Texts(texts) = read(&json!({"input": vec!["x"; 2048]})).input else { panic!() };
    assert_eq!(texts.len(), 2048);
    let Input::Tokens(tokens) = read(&json!({"input": vec![7; 300_000]})).input else { panic!() };
    assert_eq!((tokens.len(), tokens[0].len()), (1, 300_000));
}

#[test]
fn both_encodings_hold_the_same_vectors() {
    let vectors = vec![vec![0.1_f32, -2.5e-8, 3.0], vec![f32::MIN_POSITIVE, 1.0 / 3.0, -0.0]];
    let written =
        |encoding| serde_json::from_slice::<Value>(&response("a \"name\"", &vectors, encoding, 7)).unwrap();
    let (floats, base64) = (written(Encoding::Float), written(Encoding::Base64));
    for (at, vector) in vectors.iter().enumerate() {
        let read: Vec<f32> = serde_json::from_value(floats["data"][at]["embedding"].clone()).unwrap();
        assert_eq!(&read, vector);
        let text = base64["data"][at]["embedding"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let read: Vec<f32> =
            bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
        assert_eq!(&read, vector);
    }
    let text = String::from_utf8(response("m", &[vec![0.5, -1.0]], Encoding::Float, 3).to_vec()).unwrap();
    let whole = concat!(
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]}],"#,
        r#""model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#
    );
    assert_eq!(text, whole);
}

#[test]
fn each_field_has_the_fate_of_the_table() {
    let plain = json!({"input": "x"});
    for (field, fate, _) in parity::FIELDS {
        let body = match *field {
            "input" => json!({"input": "y"}),
            "input (tokens)" => json!({"input": [1]}),
            "model" => json!({"input": "x", "model": "m"}),
            "dimensions" => json!({"input": "x", "dimensions": 256}),
            "encoding_format" => json!({"input": "x", "encoding_format": "base64"}),
            "user" => json!({"input": "x", "user": "u"}),
            "input_type" => json!({"input": "x", "input_type": "clustering"}),
            other => panic!("no sample of {other}"),
        };
        show::check_fate(field, fate, parse(body.to_string().as_bytes()), &read(&plain), |it| &it.dropped);
    }
}
