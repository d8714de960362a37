//! [`Guardrails`] by ApplyGuardrail. Source: Amazon Bedrock API reference, ApplyGuardrail.

use async_trait::async_trait;
use aws_sdk_bedrockruntime::operation::apply_guardrail::ApplyGuardrailOutput;
use aws_sdk_bedrockruntime::types as sdk;
use outcrop_ports::{GuardedSide, GuardrailCall, GuardrailVerdict, Guardrails, ModelError};
use serde_json::Value;
use tokio::time::timeout;

use crate::errors::{self, invalid};
use crate::tracing_header::{Operation, traced};
use crate::{BedrockModel, trace};

/// What an assessment says of something that must not be said at all.
const BLOCKED: &str = "BLOCKED";
/// What it says of something that was masked.
const ANONYMIZED: &str = "ANONYMIZED";

const APPLY: Operation = Operation {
    service: "Bedrock Runtime",
    method: "ApplyGuardrail",
    span: "Bedrock Runtime.ApplyGuardrail",
};

#[async_trait]
impl Guardrails for BedrockModel {
    async fn apply(&self, call: GuardrailCall) -> Result<GuardrailVerdict, ModelError> {
        let GuardrailCall { id, version, side, texts, deadline } = call;
        let content = texts.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let call = self
            .client
            .apply_guardrail()
            .guardrail_identifier(id)
            .guardrail_version(version)
            .source(source(side))
            .set_content(Some(content));
        let answer = async {
            match timeout(deadline, call.send()).await {
                Ok(answer) => answer.map(verdict).map_err(errors::from_call),
                Err(_) => Err(errors::timed_out(deadline, "no verdict of a guardrail")),
            }
        };
        // On the heap: the SDK's call is large, and its caller is asked for every answer.
        Box::pin(traced(APPLY, &self.region, answer)).await
    }
}

const fn source(side: GuardedSide) -> sdk::GuardrailContentSource {
    match side {
        GuardedSide::Input => sdk::GuardrailContentSource::Input,
        GuardedSide::Output => sdk::GuardrailContentSource::Output,
    }
}

fn text(text: String) -> Result<sdk::GuardrailContentBlock, ModelError> {
    let block = sdk::GuardrailTextBlock::builder().text(text).build();
    block.map(sdk::GuardrailContentBlock::Text).map_err(|error| invalid(error.to_string()))
}

fn verdict(answer: ApplyGuardrailOutput) -> GuardrailVerdict {
    let intervened = answer.action == sdk::GuardrailAction::GuardrailIntervened;
    let assessments = Value::Array(answer.assessments.into_iter().map(trace::assessment).collect());
    GuardrailVerdict {
        intervened,
        texts: answer.outputs.into_iter().filter_map(|it| it.text).collect(),
        masked: intervened && does(&assessments, ANONYMIZED) && !does(&assessments, BLOCKED),
        assessments,
        units: answer.usage.as_ref().map(units).unwrap_or_default(),
    }
}

/// Whether anything found has this for its `action`.
fn does(found: &Value, action: &str) -> bool {
    match found {
        Value::Array(items) => items.iter().any(|it| does(it, action)),
        Value::Object(fields) => {
            fields.get("action").is_some_and(|it| it == action) || fields.values().any(|it| does(it, action))
        }
        _ => false,
    }
}

/// The units of all kinds of policies. Those that Bedrock calls free are none; pictures are not looked at.
fn units(usage: &sdk::GuardrailUsage) -> u64 {
    let counts = [
        usage.topic_policy_units,
        usage.content_policy_units,
        usage.word_policy_units,
        usage.sensitive_information_policy_units,
        usage.contextual_grounding_policy_units,
        usage.automated_reasoning_policy_units.unwrap_or_default(),
    ];
    counts.into_iter().map(|it| u64::try_from(it).unwrap_or_default()).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entity(action: sdk::GuardrailSensitiveInformationPolicyAction) -> sdk::GuardrailAssessment {
        let entity = sdk::GuardrailPiiEntityFilter::builder()
            .r#match("a@b.example")
            .r#type(sdk::GuardrailPiiEntityType::Email)
            .action(action)
            .build()
            .unwrap();
        let policy = sdk::GuardrailSensitiveInformationPolicyAssessment::builder()
            .pii_entities(entity)
            .set_regexes(Some(Vec::new()))
            .build()
            .unwrap();
        sdk::GuardrailAssessment::builder().sensitive_information_policy(policy).build()
    }

    fn answer(assessments: Vec<sdk::GuardrailAssessment>) -> ApplyGuardrailOutput {
        let usage = sdk::GuardrailUsage::builder()
            .topic_policy_units(1)
            .content_policy_units(2)
            .word_policy_units(0)
            .sensitive_information_policy_units(4)
            .sensitive_information_policy_free_units(8)
            .contextual_grounding_policy_units(-1)
            .build()
            .unwrap();
        ApplyGuardrailOutput::builder()
            .usage(usage)
            .action(sdk::GuardrailAction::GuardrailIntervened)
            .outputs(sdk::GuardrailOutputContent::builder().text("{EMAIL}").build())
            .set_assessments(Some(assessments))
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_masked_is_told_from_what_is_blocked() {
        use sdk::GuardrailSensitiveInformationPolicyAction::{Anonymized, Blocked};
        let masked = verdict(answer(vec![entity(Anonymized)]));
        assert!(masked.intervened && masked.masked, "{masked:?}");
        assert_eq!((masked.texts.as_slice(), masked.units), (&["{EMAIL}".to_owned()][..], 7));
        let found = &masked.assessments[0]["sensitiveInformationPolicy"]["piiEntities"][0];
        assert_eq!((&found["type"], &found["action"]), (&json!("EMAIL"), &json!("ANONYMIZED")));
        let both = verdict(answer(vec![entity(Anonymized), entity(Blocked)]));
        assert!(both.intervened && !both.masked, "one that blocks is enough");
        assert!(!verdict(answer(Vec::new())).masked, "whoever does not say why blocks");
    }
}
