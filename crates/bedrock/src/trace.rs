//! What guardrails and prompt routers did, in Converse's shape.
//!
//! What automated reasoning found is left out, and so are ARNs, which are nobody's business but the operator's.

use std::collections::HashMap;

use aws_sdk_bedrockruntime::types as sdk;
use serde_json::{Map, Value, json};

/// The trace of an answer; `None` when it holds nothing.
pub(crate) fn trace(
    guardrail: Option<sdk::GuardrailTraceAssessment>,
    router: Option<sdk::PromptRouterTrace>,
) -> Option<Value> {
    let router = router.and_then(|it| it.invoked_model_id).map(|it| model_of(&it).to_owned());
    let fields = [
        ("guardrail", guardrail.map(self::guardrail)),
        ("promptRouter", router.map(|id| json!({ "invokedModelId": id }))),
    ];
    Some(said(fields)).filter(|it| it.as_object().is_some_and(|it| !it.is_empty()))
}

/// The id at the end of an ARN.
fn model_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, id)| id)
}

/// The fields that hold something.
fn said<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields: Map<_, _> =
        fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    Value::Object(fields)
}

fn guardrail(it: sdk::GuardrailTraceAssessment) -> Value {
    said([
        ("modelOutput", it.model_output.map(Value::from)),
        ("inputAssessment", it.input_assessment.map(|it| by_guardrail(it, assessment))),
        (
            "outputAssessments",
            it.output_assessments
                .map(|it| by_guardrail(it, |all| all.into_iter().map(assessment).collect::<Vec<_>>().into())),
        ),
        ("actionReason", it.action_reason.map(Value::from)),
    ])
}

/// By the guardrail's id, in the order of the ids.
fn by_guardrail<T>(all: HashMap<String, T>, show: impl Fn(T) -> Value) -> Value {
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(id, it)| (model_of(&id).to_owned(), show(it))).collect::<Map<_, _>>().into()
}

pub(crate) fn assessment(it: sdk::GuardrailAssessment) -> Value {
    said([
        ("topicPolicy", it.topic_policy.map(topics)),
        ("contentPolicy", it.content_policy.map(contents)),
        ("wordPolicy", it.word_policy.map(words)),
        ("sensitiveInformationPolicy", it.sensitive_information_policy.map(sensitive)),
        ("contextualGroundingPolicy", it.contextual_grounding_policy.map(grounding)),
        ("invocationMetrics", it.invocation_metrics.map(metrics)),
    ])
}

fn list<T>(items: Vec<T>, show: impl Fn(T) -> Value) -> Value {
    Value::Array(items.into_iter().map(show).collect())
}

fn topics(it: sdk::GuardrailTopicPolicyAssessment) -> Value {
    let topic = |it: sdk::GuardrailTopic| {
        said([
            ("name", Some(it.name.into())),
            ("type", Some(it.r#type.as_str().into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    json!({ "topics": list(it.topics, topic) })
}

fn contents(it: sdk::GuardrailContentPolicyAssessment) -> Value {
    let filter = |it: sdk::GuardrailContentFilter| {
        said([
            ("type", Some(it.r#type.as_str().into())),
            ("confidence", Some(it.confidence.as_str().into())),
            ("filterStrength", it.filter_strength.map(|it| it.as_str().into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    json!({ "filters": list(it.filters, filter) })
}

fn words(it: sdk::GuardrailWordPolicyAssessment) -> Value {
    let custom = |it: sdk::GuardrailCustomWord| {
        said([
            ("match", Some(it.r#match.into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    let managed = |it: sdk::GuardrailManagedWord| {
        said([
            ("match", Some(it.r#match.into())),
            ("type", Some(it.r#type.as_str().into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    json!({ "customWords": list(it.custom_words, custom), "managedWordLists": list(it.managed_word_lists, managed) })
}

fn sensitive(it: sdk::GuardrailSensitiveInformationPolicyAssessment) -> Value {
    let entity = |it: sdk::GuardrailPiiEntityFilter| {
        said([
            ("match", Some(it.r#match.into())),
            ("type", Some(it.r#type.as_str().into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    let regex = |it: sdk::GuardrailRegexFilter| {
        said([
            ("name", it.name.map(Value::from)),
            ("match", it.r#match.map(Value::from)),
            ("regex", it.regex.map(Value::from)),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    json!({ "piiEntities": list(it.pii_entities, entity), "regexes": list(it.regexes, regex) })
}

fn grounding(it: sdk::GuardrailContextualGroundingPolicyAssessment) -> Value {
    let filter = |it: sdk::GuardrailContextualGroundingFilter| {
        said([
            ("type", Some(it.r#type.as_str().into())),
            ("threshold", Some(it.threshold.into())),
            ("score", Some(it.score.into())),
            ("action", Some(it.action.as_str().into())),
            ("detected", it.detected.map(Value::from)),
        ])
    };
    json!({ "filters": list(it.filters.unwrap_or_default(), filter) })
}

fn metrics(it: sdk::GuardrailInvocationMetrics) -> Value {
    let usage = it.usage.map(|it| {
        json!({
            "topicPolicyUnits": it.topic_policy_units,
            "contentPolicyUnits": it.content_policy_units,
            "wordPolicyUnits": it.word_policy_units,
            "sensitiveInformationPolicyUnits": it.sensitive_information_policy_units,
            "sensitiveInformationPolicyFreeUnits": it.sensitive_information_policy_free_units,
            "contextualGroundingPolicyUnits": it.contextual_grounding_policy_units,
        })
    });
    said([("guardrailProcessingLatency", it.guardrail_processing_latency.map(Value::from)), ("usage", usage)])
}
