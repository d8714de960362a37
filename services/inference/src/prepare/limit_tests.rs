use outcrop_chat::{Effort, Inference};
use serde_json::{Map, json};

use super::super::{Fields, for_model};
use super::*;
use crate::fixtures::model_info;

/// What a model is asked for in the end, with what is told and named of it.
fn held(
    request: Request,
    most: Option<u32>,
    model: &ModelInfo,
) -> Result<(Request, Option<String>, Vec<&'static str>), InvalidRequest> {
    let mut dropped = Vec::new();
    let mut request = request;
    let told = hold(&mut request, most, &mut Taken::new(model, Fields::OPENAI, &mut dropped))?;
    let fitted = for_model(request, model, Fields::OPENAI, &mut dropped)?;
    Ok((fitted.request, told.map(|(_, value)| value), dropped))
}

fn asking(max_tokens: Option<u32>) -> Request {
    Request { inference: Inference { max_tokens, ..Inference::default() }, ..Request::default() }
}

fn thinker() -> ModelInfo {
    ModelInfo {
        reasoning: ReasoningStyle::ThinkingBudget,
        max_output_tokens: Some(64_000),
        family: outcrop_ports::Family::Claude,
        ..model_info()
    }
}

#[test]
fn the_model_is_asked_for_what_the_policy_says() {
    for (asked, most, sent, told) in [
        (Some(500), None, Some(500), None),
        (Some(500), Some(100), Some(100), Some("100")),
        (Some(100), Some(100), Some(100), None),
        (None, Some(100), Some(100), Some("100")),
        (None, Some(999_999), Some(64_000), Some("64000")),
    ] {
        let (request, header, dropped) = held(asking(asked), most, &thinker()).unwrap();
        assert_eq!((request.inference.max_tokens, header.as_deref()), (sent, told), "{asked:?} {most:?}");
        assert!(dropped.is_empty());
    }
}

#[test]
fn no_thought_makes_it_more() {
    for effort in [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max] {
        for most in [10, 1_024, 1_025, 2_000, 5_000, 30_000] {
            for mode in [
                ReasoningMode::Effort(effort),
                ReasoningMode::Budget(20_000),
                ReasoningMode::Adaptive(Some(effort)),
            ] {
                for model in [thinker(), ModelInfo { max_output_tokens: None, ..thinker() }] {
                    let request = Request { reasoning: Some(mode), ..asking(Some(32_000)) };
                    let (request, ..) = held(request, Some(most), &model).unwrap();
                    assert_eq!(request.inference.max_tokens, Some(most), "{mode:?}");
                    if let Some(ReasoningMode::Budget(budget)) = request.reasoning {
                        assert!(budget < most, "{mode:?}: {budget} of {most}");
                    }
                }
            }
        }
    }
}

#[test]
fn thought_that_does_not_fit_gives_way_and_is_named() {
    let thinking =
        |budget| Request { reasoning: Some(ReasoningMode::Budget(budget)), ..asking(Some(16_000)) };
    let (request, told, dropped) = held(thinking(8_000), Some(4_000), &thinker()).unwrap();
    assert_eq!(request.reasoning, Some(ReasoningMode::Budget(2_000)));
    assert_eq!((told.as_deref(), dropped), (Some("4000"), vec![Fields::OPENAI.reasoning]));
    let (request, _, dropped) = held(thinking(8_000), Some(1_000), &thinker()).unwrap();
    assert_eq!((request.reasoning, dropped), (None, vec![Fields::OPENAI.reasoning]));
    // What never fitted is the client's fault, as ever.
    assert!(held(thinking(16_000), Some(4_000), &thinker()).is_err());
}

#[test]
fn the_models_own_words_ask_for_no_more() {
    let fields = |value: Value| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let additional = fields(json!({
        "max_tokens": 9_000, "inferenceConfig": {"maxTokens": 9_000, "topK": 1},
        "thinking": {"type": "enabled", "budget_tokens": 8_000},
    }));
    let (request, _, dropped) =
        held(Request { additional: additional.clone(), ..asking(Some(16_000)) }, Some(4_000), &thinker())
            .unwrap();
    let expected = fields(json!({
        "inferenceConfig": {"topK": 1}, "thinking": {"type": "enabled", "budget_tokens": 2_000},
    }));
    assert_eq!(request.additional, expected);
    assert_eq!(dropped, [Fields::OPENAI.max_tokens, Fields::OPENAI.reasoning]);
    let (request, ..) =
        held(Request { additional: additional.clone(), ..asking(None) }, None, &thinker()).unwrap();
    assert_eq!(request.additional, additional, "nothing is limited");
}

#[test]
fn less_than_the_model_can_do_is_refused() {
    let model = ModelInfo { min_max_tokens: 16, ..model_info() };
    assert_eq!(
        held(asking(None), Some(15), &model).unwrap_err().param.as_deref(),
        Some(Fields::OPENAI.max_tokens)
    );
    assert!(held(asking(Some(1)), Some(16), &model).is_ok());
}
