//! `POST /v1/embeddings`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::{EmbedCall, EmbedPurpose, InvokeApi, Modality, ModelInfo};
use outcrop_wire::openai::embeddings::{self, EmbeddingsRequest, Encoding, InputType};

use super::headers::respond;
use crate::admission::Need;
use crate::answer::{Answer, Body, Manner};
use crate::aside::aside;
use crate::attempts::Shot;
use crate::chat::{AskedModel, Caller};
use crate::guarding::Texts;
use crate::metering::{Operation, estimate_text, reserve_text};
use crate::resolve::Wants;
use crate::response_cache::Keeping;
use crate::tallied::Tallied;
use crate::{InferenceService, tokens};

/// Most floats that are written where other calls wait: a millisecond or two.
const FEW: usize = 32_768;

/// Turns texts into vectors, in the OpenAI shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = Box::pin(answer(&service, caller, manner, &body)).await?;
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut asked = embeddings::parse(body)?;
    let wants = Wants::named(asked.model.take(), Modality::Embedding).tagged(&manner.tags, &asked.metadata);
    let model = service.resolve(caller.principal, wants.reading(estimate_text(body.len()))).await?;
    model.must_write(Modality::Embedding, "make embeddings")?;
    check_dimensions(asked.dimensions, &model.model.info)?;
    if !has_purposes(&model.model.info) && asked.input_type.take().is_some() {
        asked.dropped.push("input_type");
    }
    manner.check_unknown(&asked.unknown)?;
    manner.check(false, &asked.dropped)?;
    let inputs = tokens::texts(&mut asked).await?;
    check_lengths(&asked, &inputs, &model.model.info)?;
    let texts = Texts::new(inputs.clone(), manner.guardrail.clone());
    let need = Need { texts: texts.clone(), ..need(service, &model, &inputs, &asked.metadata, &manner) };
    let cost = (Operation::Embeddings, estimate_text(inputs.iter().map(String::len).sum()));
    let EmbeddingsRequest { dimensions, encoding, input_type, metadata, dropped, unknown, .. } = asked;
    let purpose = input_type.map_or(EmbedPurpose::default(), purpose);
    let call = |Shot { models, model, deadline, tally }: Shot| {
        let (inputs, metadata) = (texts.now(), metadata.clone());
        let call = EmbedCall { model, inputs, dimensions, purpose, metadata, deadline, tally };
        async move { models.embed(call).await }
    };
    let terms = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let guardrail = manner.guardrail.as_ref().map(|it| [&it.id, &it.version]);
    let shape = serde_json::json!([inputs, dimensions, format!("{purpose:?}"), guardrail]);
    let keeping = (need, Keeping { terms, shape: &shape });
    let Tallied { answer, mut open, used, mut facts } =
        service.tallied_once(caller, &model, keeping, cost, call).await?;
    open.completed();
    let body = write(model.asked.clone(), answer, encoding, used.total_input()).await?;
    let dropped = facts.all_dropped(dropped, unknown);
    Ok(Answer { body: Body::Whole(body), facts, dropped })
}

/// All texts together: each call is taken for an average one.
fn need(
    service: &InferenceService,
    model: &AskedModel,
    inputs: &[String],
    metadata: &BTreeMap<String, String>,
    manner: &Manner,
) -> Need {
    let calls = model.calls(inputs.len());
    let input: u64 = inputs.iter().map(|text| reserve_text(text)).sum();
    let tags = service.inner().metering.tags.of(&manner.tags, metadata);
    Need { calls, input: input.div_ceil(calls.max(1) as u64), tags, ..Need::default() }
}

/// Whether the model makes other vectors of a question than of a document.
const fn has_purposes(model: &ModelInfo) -> bool {
    matches!(model.invoke_api, Some(InvokeApi::CohereEmbed | InvokeApi::CohereEmbedV4 | InvokeApi::NovaEmbed))
}

/// Refuses lengths that the model does not make, before it is called.
fn check_dimensions(asked: Option<u32>, model: &ModelInfo) -> Result<(), InvalidRequest> {
    let Some(asked) = asked else { return Ok(()) };
    if model.dimensions.contains(&asked) {
        return Ok(());
    }
    let made: Vec<String> = model.dimensions.iter().map(u32::to_string).collect();
    let message =
        format!("`dimensions` must be one of {} for model {}, not {asked}.", made.join(", "), model.id);
    Err(InvalidRequest::new("dimensions", message))
}

/// Refuses texts of more characters than the model takes: it counts them by batch, and its own refusal would name the
/// wrong input.
fn check_lengths(
    asked: &EmbeddingsRequest,
    inputs: &[String],
    model: &ModelInfo,
) -> Result<(), InvalidRequest> {
    let Some(most) = model.max_input_chars else { return Ok(()) };
    let is_long = |text: &String| text.len() > most as usize && text.chars().count() > most as usize;
    match inputs.iter().position(is_long) {
        None => Ok(()),
        Some(at) => {
            let place = asked.place(at);
            let message = format!("`{place}` may have at most {most} characters for model {}.", model.id);
            Err(InvalidRequest::new(place, message))
        }
    }
}

const fn purpose(input_type: InputType) -> EmbedPurpose {
    match input_type {
        InputType::SearchDocument => EmbedPurpose::Document,
        InputType::SearchQuery => EmbedPurpose::Query,
        InputType::Classification => EmbedPurpose::Classification,
        InputType::Clustering => EmbedPurpose::Clustering,
    }
}

/// Thousands of vectors are millions of floats.
async fn write(
    model: String,
    vectors: Vec<Vec<f32>>,
    encoding: Encoding,
    tokens: u64,
) -> Result<Bytes, ApiError> {
    if vectors.iter().map(Vec::len).sum::<usize>() <= FEW {
        return Ok(embeddings::response(&model, &vectors, encoding, tokens));
    }
    aside(move || embeddings::response(&model, &vectors, encoding, tokens)).await
}
