//! What shapes an answer is in its key, and nothing else.

use std::collections::BTreeMap;

use outcrop_chat::{CacheTtl, Effort, ImageFormat, ReasoningMode, Role, ServiceTier};
use outcrop_types::{GuardrailMode, GuardrailStream};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn scope() -> Scope<'static> {
    let team = TeamId::new(Uuid::from_u128(1));
    Scope { team, namespace: None, operation: "chat", model: "m", ways: &[], choice: 0, guardrails: &[] }
}

fn request() -> Request {
    let image = Image { format: ImageFormat::Png, source: Source::Bytes(bytes::Bytes::from_static(b"png")) };
    let spec = ToolSpec {
        name: "tool".into(),
        description: Some("does".into()),
        input_schema: json!({"type": "object", "properties": {"a": {}, "b": {}}}),
        ..ToolSpec::default()
    };
    Request {
        system: vec!["be brief".into()],
        messages: vec![Message {
            role: Role::User,
            content: vec![Block::Text("hello".into()), Block::Image(image)],
        }],
        inference: Inference { max_tokens: Some(9), temperature: Some(0.5), ..Inference::default() },
        tools: Some(Tools { specs: vec![spec], system: vec![], choice: ToolChoice::Auto, parallel: None }),
        additional: json!({"a": {"x": 1, "y": 2}, "b": 1}).as_object().unwrap().clone(),
        guardrail: Some(Guardrail { id: "g".into(), version: "1".into(), ..Guardrail::default() }),
        ..Request::default()
    }
}

fn digest(change: impl FnOnce(&mut Request)) -> CacheKey {
    let mut request = request();
    change(&mut request);
    of_chat(&scope(), &request, "Nothing")
}

fn text(request: &mut Request) -> &mut String {
    match &mut request.messages[0].content[0] {
        Block::Text(text) => text,
        _ => unreachable!(),
    }
}

#[test]
fn whatever_shapes_the_answer_makes_another_key() {
    type Change = fn(&mut Request);
    let changes: [Change; 28] = [
        |it| it.system[0] = "be long".into(),
        |it| it.system.push("and kind".into()),
        |it| it.system.clear(),
        |it| text(it).push('!'),
        |it| it.messages[0].role = Role::Assistant,
        |it| it.messages[0].content.reverse(),
        |it| it.messages[0].content.push(Block::Text(String::new())),
        |it| {
            let source = Source::Bytes(bytes::Bytes::from_static(b"another"));
            it.messages[0].content[1] = Block::Image(Image { format: ImageFormat::Png, source });
        },
        |it| {
            let source = Source::Bytes(bytes::Bytes::from_static(b"png"));
            it.messages[0].content[1] = Block::Image(Image { format: ImageFormat::Jpeg, source });
        },
        |it| it.inference.max_tokens = Some(10),
        |it| it.inference.max_tokens = None,
        |it| it.inference.temperature = Some(0.51),
        |it| it.inference.top_p = Some(0.5),
        |it| it.inference.top_k = Some(9),
        |it| it.inference.stop.push("x".into()),
        |it| it.tools = None,
        |it| it.tools.as_mut().unwrap().specs[0].name.push('x'),
        |it| it.tools.as_mut().unwrap().specs[0].description = None,
        |it| it.tools.as_mut().unwrap().specs[0].input_schema = json!({}),
        |it| it.tools.as_mut().unwrap().choice = ToolChoice::Named("tool".into()),
        |it| it.reasoning = Some(ReasoningMode::Effort(Effort::Low)),
        |it| it.output = Some(OutputFormat::JsonObject),
        |it| it.guardrail.as_mut().unwrap().version = "2".into(),
        |it| it.guardrail.as_mut().unwrap().stream_mode = Some("async".into()),
        |it| it.guardrail = None,
        |it| it.additional["a"]["x"] = json!(2),
        |it| it.additional["b"] = json!("1"),
        |it| it.response_paths.push("/a".into()),
    ];
    let mut seen = vec![digest(|_| {})];
    for (at, change) in changes.into_iter().enumerate() {
        let key = digest(change);
        assert!(!seen.contains(&key), "change {at}");
        seen.push(key);
    }
}

#[test]
fn what_does_not_shape_it_does_not() {
    let key = digest(|_| {});
    let point = || Block::CachePoint(CacheTtl::OneHour);
    assert_eq!(digest(|it| it.messages[0].content.insert(1, point())), key);
    assert_eq!(digest(|it| it.system.push(SystemBlock::CachePoint(CacheTtl::FiveMinutes))), key);
    let mark = |it: &mut Request| it.tools.as_mut().unwrap().specs[0].cache = Some(CacheTtl::FiveMinutes);
    assert_eq!(digest(mark), key);
    assert_eq!(digest(|it| it.service_tier = Some(ServiceTier::Flex)), key);
    assert_eq!(digest(|it| it.optimized_latency = true), key);
    assert_eq!(digest(|it| it.metadata = BTreeMap::from([("a".into(), "b".into())])), key);
    let other_order = json!({"b": 1, "a": {"y": 2, "x": 1}}).as_object().unwrap().clone();
    assert_eq!(digest(|it| it.additional = other_order), key);
    let schema = json!({"properties": {"b": {}, "a": {}}, "type": "object"});
    assert_eq!(digest(|it| it.tools.as_mut().unwrap().specs[0].input_schema = schema), key);
}

#[test]
fn whoever_asks_and_whom_makes_another_key() {
    let rule = |version: &str, mode| GuardrailRule {
        id: "g".into(),
        version: version.into(),
        input: true,
        output: true,
        mode,
        stream: GuardrailStream::Sync,
    };
    let (one, two) = ([rule("1", GuardrailMode::Enforce)], [rule("2", GuardrailMode::Enforce)]);
    let monitors = [rule("1", GuardrailMode::Monitor)];
    let beside = [GuardrailRule { stream: GuardrailStream::Async, ..rule("1", GuardrailMode::Enforce) }];
    let scopes = [
        scope(),
        Scope { team: TeamId::new(Uuid::from_u128(2)), ..scope() },
        Scope { namespace: Some(""), ..scope() },
        Scope { namespace: Some("a"), ..scope() },
        Scope { operation: "invoke", ..scope() },
        Scope { model: "n", ..scope() },
        Scope { choice: 1, ..scope() },
        Scope { guardrails: &one, ..scope() },
        Scope { guardrails: &two, ..scope() },
        Scope { guardrails: &monitors, ..scope() },
        Scope { guardrails: &beside, ..scope() },
        Scope { ways: &[("us-east-1", "m")], ..scope() },
        Scope { ways: &[("eu-central-1", "m")], ..scope() },
        Scope { ways: &[("eu-central-1", "m"), ("us-east-1", "m")], ..scope() },
    ];
    let mut seen: Vec<CacheKey> = scopes.iter().map(|it| of_chat(it, &request(), "Nothing")).collect();
    seen.push(of_chat(&scope(), &request(), "Unfence"));
    for (at, key) in seen.iter().enumerate() {
        assert!(!seen[..at].contains(key), "{at}");
    }
}

#[test]
fn texts_do_not_run_into_each_other() {
    let two = |one: &str, two: &str| digest(|it| it.system = vec![one.into(), two.into()]);
    assert_ne!(two("ab", "c"), two("a", "bc"));
    let json = |value: Value| of_json(&scope(), &value, &[]);
    assert_ne!(json(json!(["ab", "c"])), json(json!(["a", "bc"])));
    assert_ne!(json(json!({"a": []})), json(json!({"a": {}})));
    assert_ne!(json(json!(1)), json(json!("1")));
    assert_ne!(of_json(&scope(), &json!(1), &[b"a"]), of_json(&scope(), &json!(1), &[b"b"]));
}
