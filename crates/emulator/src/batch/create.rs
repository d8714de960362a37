//! `POST /model-invocation-job`

use super::forms;
use super::jobs::{self, Job, Records, Status};
use super::work;
use crate::body;
use crate::counters::Operation;
use crate::errors::Refusal;
use crate::models::ModelKind;
use crate::reply;
use crate::state::State;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long a job may take if nothing is said.
const DEFAULT_HOURS: u64 = 24;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    client_request_token: Option<String>,
    input_data_config: Option<Input>,
    job_name: Option<String>,
    model_id: Option<String>,
    model_invocation_type: Option<String>,
    output_data_config: Option<Output>,
    role_arn: Option<String>,
    tags: Option<Vec<Value>>,
    timeout_duration_in_hours: Option<i64>,
    vpc_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    s3_input_data_config: Option<Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    s3_output_data_config: Option<Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    s3_uri: Option<String>,
    s3_input_format: Option<String>,
    s3_bucket_owner: Option<String>,
    s3_encryption_key_id: Option<String>,
}

impl Place {
    /// Bucket and key.
    fn checked(&self, member: &str) -> Result<(String, String), Refusal> {
        let uri = self.s3_uri.as_deref().ok_or_else(|| Refusal::missing(&format!("{member}.s3Uri")))?;
        let (bucket, key) = forms::s3_uri(&format!("{member}.s3Uri"), uri)?;
        if let Some(owner) = &self.s3_bucket_owner {
            let member = format!("{member}.s3BucketOwner");
            forms::of_form(&member, owner, 12, "[0-9]{12}", forms::is_account)?;
        }
        if let Some(format) = self.s3_input_format.as_deref().filter(|it| *it != "JSONL") {
            let member = format!("{member}.s3InputFormat");
            return Err(Refusal::constraint(
                &member,
                Some(format),
                "Member must satisfy enum value set: [JSONL]",
            ));
        }
        Ok((bucket.to_owned(), key.to_owned()))
    }

    fn told(&self) -> Value {
        let mut told = serde_json::Map::new();
        let members = [
            ("s3Uri", &self.s3_uri),
            ("s3InputFormat", &self.s3_input_format),
            ("s3BucketOwner", &self.s3_bucket_owner),
            ("s3EncryptionKeyId", &self.s3_encryption_key_id),
        ];
        told.extend(
            members.into_iter().filter_map(|(name, it)| Some((name.to_owned(), json!(it.as_ref()?)))),
        );
        Value::Object(told)
    }
}

/// Checks a job, keeps it, and begins it on the worker at hand.
pub(crate) fn create(state: &web::Data<State>, region: &str, bytes: &[u8]) -> Result<HttpResponse, Refusal> {
    let job = checked(state, region, body::parse(bytes)?)?;
    let (id, arn) = (job.id.clone(), job.arn(&state.account_id));
    if let Err(known) = state.batches.add(job) {
        // "If this token matches a previous request, Amazon Bedrock ignores the request, but does not return an error."
        let arn = arn.replace(&id, &known);
        return reply::value(state, &json!({ "jobArn": arn }));
    }
    actix_web::rt::spawn(work::run(state.clone(), region.to_owned(), id));
    reply::value(state, &json!({ "jobArn": arn }))
}

fn checked(state: &State, region: &str, request: Request) -> Result<Job, Refusal> {
    let name = request.job_name.ok_or_else(|| Refusal::missing("jobName"))?;
    forms::job_name(&name)?;
    let role = request.role_arn.ok_or_else(|| Refusal::missing("roleArn"))?;
    forms::role(&role)?;
    if let Some(token) = &request.client_request_token {
        forms::token(token)?;
    }
    let input = request.input_data_config.and_then(|it| it.s3_input_data_config);
    let input = input.ok_or_else(|| Refusal::missing("inputDataConfig.s3InputDataConfig"))?;
    let output = request.output_data_config.and_then(|it| it.s3_output_data_config);
    let output = output.ok_or_else(|| Refusal::missing("outputDataConfig.s3OutputDataConfig"))?;
    let from = input.checked("inputDataConfig.s3InputDataConfig")?;
    let to = output.checked("outputDataConfig.s3OutputDataConfig")?;
    let converse = invocation(request.model_invocation_type.as_deref())?;
    let timeout_hours = hours(request.timeout_duration_in_hours)?;
    if request.tags.is_some_and(|it| it.len() > 200) {
        return Err(Refusal::constraint("tags", None, "Member must have length less than or equal to 200"));
    }
    let model = request.model_id.ok_or_else(|| Refusal::missing("modelId"))?;
    serves(state, region, &model, converse)?;
    if !from.1.ends_with(".jsonl") {
        return Err(Refusal::validation(
            "Outcrop Bedrock emulator: the input of a job must be one .jsonl object.",
        ));
    }
    let mut told = json!({
        "roleArn": role,
        "inputDataConfig": {"s3InputDataConfig": input.told()},
        "outputDataConfig": {"s3OutputDataConfig": output.told()},
        "modelInvocationType": if converse { "Converse" } else { "InvokeModel" },
    });
    if let Some(token) = &request.client_request_token {
        told["clientRequestToken"] = json!(token);
    }
    if let Some(vpc) = request.vpc_config {
        told["vpcConfig"] = vpc;
    }
    let now = jobs::now();
    Ok(Job {
        id: state.request_id().simple().to_string()[..12].to_owned(),
        region: region.to_owned(),
        name,
        token: request.client_request_token,
        model,
        converse,
        input: from,
        output: to,
        timeout_hours,
        told,
        status: Status::Submitted,
        message: None,
        submitted: now,
        modified: now,
        ended: None,
        records: Records::default(),
    })
}

/// Whether records are those of Converse.
fn invocation(kind: Option<&str>) -> Result<bool, Refusal> {
    match kind {
        None | Some("InvokeModel") => Ok(false),
        Some("Converse") => Ok(true),
        Some(other) => Err(Refusal::constraint(
            "modelInvocationType",
            Some(other),
            "Member must satisfy enum value set: [InvokeModel, Converse]",
        )),
    }
}

fn hours(given: Option<i64>) -> Result<u64, Refusal> {
    let constraint = |value: i64, words: &str| {
        Err(Refusal::constraint("timeoutDurationInHours", Some(&value.to_string()), words))
    };
    match given {
        None => Ok(DEFAULT_HOURS),
        Some(few @ ..24) => constraint(few, "Member must have value greater than or equal to 24"),
        Some(many @ 169..) => constraint(many, "Member must have value less than or equal to 168"),
        Some(hours) => Ok(hours.unsigned_abs()),
    }
}

/// Whether the model is there, and answers calls of this kind.
fn serves(state: &State, region: &str, name: &str, converse: bool) -> Result<(), Refusal> {
    let model = state.catalog.invoked_from(region, name)?;
    if converse && model.kind != ModelKind::Chat {
        let operation = Operation::Converse.name();
        return Err(Refusal::validation(format!("The model {} does not support {operation}.", model.id)));
    }
    if state.objects.is_none() {
        return Err(Refusal::validation(
            "Outcrop Bedrock emulator: it was started without a store of objects, and so has no batch inference.",
        ));
    }
    Ok(())
}
