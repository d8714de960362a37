//! The models: whether regions list them, and whether this account may call them.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{
    EmbedCall, EmbedPurpose, Modality, ModelCall, ModelError, ModelFailure, Place, ResolvedModel, Tally,
};
use outcrop_wiring::{Looked, Models};
use tokio_util::sync::CancellationToken;

use super::Patient;
use super::finding::{Finding, is_denied, lacks_credentials};

const UNREACHED: &str = "let this machine through to Bedrock (NAT, or VPC endpoints for bedrock and bedrock-runtime), and see \
                         whether the region has it";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    // Halves: a look that takes its whole time leaves some to say so, and calls do not take what was found along.
    let look = Box::pin(outcrop_wiring::models_looked_at(&patient.config, stop));
    let (models, looked) = match tokio::time::timeout(patient.limit / 2, look).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            return vec![Finding::fail("models", error.to_string(), "correct the section `models`")];
        }
        Err(_) => {
            let seen = format!("regions did not list them within {} s", patient.limit.as_secs_f32() / 2.0);
            return vec![Finding::fail("models", seen, UNREACHED)];
        }
    };
    let listed = looked.iter().any(|(_, it)| it.is_ok());
    let mut findings: Vec<_> = looked.into_iter().map(region).collect();
    let wanted = [
        (&patient.config.models.default, Modality::Text),
        (&patient.config.models.default_embedding, Modality::Embedding),
    ];
    let asked = wanted.map(|(name, output)| model(patient, &models, name, output, listed));
    let accounts = async { if patient.call { accounts(patient, &models).await } else { Vec::new() } };
    let (asked, accounts) = futures::future::join(futures::future::join_all(asked), accounts).await;
    findings.extend(asked.into_iter().flatten());
    findings.extend(accounts);
    findings
}

/// Whether a region's lists can be had.
fn region((region, looked): Looked) -> Finding {
    let name = format!("models, {region}");
    match looked {
        Ok(count) => Finding::ok(name, format!("{count} models can be called")),
        Err(error) => {
            let said = error.to_string();
            let remedy = if is_denied(&said) {
                "allow bedrock:ListFoundationModels, bedrock:ListInferenceProfiles and bedrock:GetInferenceProfile"
            } else if lacks_credentials(&said) {
                "mend `aws identity` first, or set AWS_BEARER_TOKEN_BEDROCK to a key that is good"
            } else {
                UNREACHED
            };
            Finding::fail(name, said, remedy)
        }
    }
}

async fn model(
    patient: &Patient,
    models: &Models,
    wanted: &str,
    output: Modality,
    listed: bool,
) -> Vec<Finding> {
    let name = format!("model {wanted}");
    let Some(model) = models.catalog.resolve_for(Some(wanted), output) else {
        return vec![Finding::fail(
            name,
            "the catalogue has no such model",
            "correct `models.default…`; `/v1/models` lists names",
        )];
    };
    // While no region said what it has, the catalogue is what the files say.
    if listed && !models.catalog.list().iter().any(|it| it.id == model.info.id) {
        let remedy = "add a region that has it to `models.url`, or name another model in `models.default…`";
        return vec![Finding::fail(name, "no configured region lists it", remedy)];
    }
    if model.info.legacy {
        let remedy = "name a newer model in `models.default…` before its end of life";
        return vec![Finding::warn(name, "Bedrock calls it legacy", remedy)];
    }
    if !patient.call {
        let seen = "is listed; whether this account may call it, `--call` finds out";
        return vec![if listed {
            Finding::ok(name, seen)
        } else {
            Finding::skipped(name, "not asked: no region listed its models")
        }];
    }
    let called = if output == Modality::Embedding {
        embed(models, model, longest_call(patient)).await
    } else {
        chat(models.model.clone(), model, longest_call(patient)).await
    };
    vec![told(name, called)]
}

/// Ends before the check does, so that what a call said is told.
fn longest_call(patient: &Patient) -> Duration {
    patient.limit * 2 / 5
}

/// The other accounts, each in the region that is called first.
async fn accounts(patient: &Patient, models: &Models) -> Vec<Finding> {
    let accounts = patient.config.models.other_accounts().unwrap_or_default();
    let Some(home) = models.places.regions().first() else { return Vec::new() };
    let calls = accounts.into_iter().map(|account| async move {
        let name = format!("account {}", account.name);
        let place = Place { account: Some(account.name), region: home.clone() };
        let model = models.catalog.resolve(Some(&patient.config.models.default));
        match (models.places.at(&place), model) {
            (Ok(there), Some(model)) => told(name, chat(there, model, longest_call(patient)).await),
            _ => Finding::fail(name, "cannot be called", "correct `models.accounts`"),
        }
    });
    futures::future::join_all(calls).await
}

async fn chat(
    models: Arc<dyn outcrop_ports::Models>,
    model: ResolvedModel,
    limit: Duration,
) -> Result<(), ModelError> {
    let message = outcrop_chat::Message {
        role: outcrop_chat::Role::User,
        content: vec![outcrop_chat::Block::Text("Hi".to_owned())],
    };
    let inference = outcrop_chat::Inference {
        max_tokens: Some(model.info.min_max_tokens.max(1)),
        ..outcrop_chat::Inference::default()
    };
    let request =
        outcrop_chat::Request { messages: vec![message], inference, ..outcrop_chat::Request::default() };
    models.chat(ModelCall { model, request: Arc::new(request), deadline: limit }).await.map(drop)
}

async fn embed(models: &Models, model: ResolvedModel, limit: Duration) -> Result<(), ModelError> {
    let call = EmbedCall {
        model,
        inputs: vec!["Hi".to_owned()],
        dimensions: None,
        purpose: EmbedPurpose::default(),
        metadata: std::collections::BTreeMap::new(),
        deadline: limit,
        tally: Tally::default(),
    };
    models.model.embed(call).await.map(drop)
}

/// What became of a call, and what to do.
fn told(name: String, called: Result<(), ModelError>) -> Finding {
    let Err(error) = called else { return Finding::ok(name, "answered") };
    let said = error.message.clone();
    match error.failure {
        ModelFailure::Denied => Finding::fail(
            name,
            format!("access is not granted: {said}"),
            "allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on the model and its inference profile, \
             and have the account's model access enabled (Bedrock console, Model access; Anthropic asks for use-case details once)",
        ),
        ModelFailure::Throttled | ModelFailure::QuotaExceeded => Finding::warn(
            name,
            format!("access is granted, and Bedrock throttles: {said}"),
            "compare `quotas` with what you need, and ask for more in Service Quotas, or add a region to `models.url`",
        ),
        ModelFailure::NotFound => Finding::fail(
            name,
            format!("Bedrock does not know it there: {said}"),
            "call it through an inference profile (`models.cross_region`), or add a region that has it to `models.url`",
        ),
        ModelFailure::Unavailable | ModelFailure::TimedOut | ModelFailure::Broken => Finding::fail(
            name,
            said,
            "let this machine through to Bedrock (NAT, or a VPC endpoint for bedrock-runtime), and see AWS Health",
        ),
        _ => Finding::fail(name, said, "see the words of Bedrock; its request id is in CloudTrail"),
    }
}
