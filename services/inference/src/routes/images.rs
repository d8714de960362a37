//! `POST /v1/images/generations`.

use actix_web::{HttpResponse, web};
use outcrop_chat::InvalidRequest;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::{Family, ImageCall, InvokeApi, MadeImages, Modality, ModelInfo};
use outcrop_types::ErrorCode;
use outcrop_wire::openai::images::{self, ImagesRequest};

use super::headers::respond;
use crate::InferenceService;
use crate::admission::Need;
use crate::answer::{Answer, Body, Manner};
use crate::attempts::Shot;
use crate::chat::Caller;
use crate::guarding::Texts;
use crate::metering::Operation;
use crate::resolve::Wants;
use crate::tallied::Tallied;

/// The greatest seed of Nova Canvas (Amazon Nova user guide, image generation), and that of all others.
const MOST_CANVAS_SEED: u64 = 858_993_459;
const MOST_SEED: u64 = 4_294_967_295;

/// Seeds that every model takes are below this (Amazon Nova user guide, image generation: the smallest bound of all).
const SEEDS: u128 = 858_993_450;

/// Makes pictures, in the OpenAI shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = answer(&service, caller, manner, &body).await?;
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut asked = images::parse(body)?;
    let wants = Wants::named(asked.model.take(), Modality::Image).tagged(&manner.tags, &asked.metadata);
    let model = service.resolve(caller.principal, wants).await?;
    model.must_write(Modality::Image, "make images")?;
    fit(&mut asked, &model.model.info)?;
    manner.check_unknown(&asked.unknown)?;
    manner.check(false, &asked.dropped)?;
    let ImagesRequest { prompt, negative_prompt, count, size, premium, cfg_scale, metadata, .. } = asked;
    let calls = model.calls(count as usize);
    let texts =
        Texts::new(std::iter::once(prompt).chain(negative_prompt).collect(), manner.guardrail.clone());
    let need = Need {
        calls,
        texts: texts.clone(),
        images: u64::from(count).div_ceil(calls.max(1) as u64),
        tags: service.inner().metering.tags.of(&manner.tags, &metadata),
        ..Need::default()
    };
    // A model that is given no seed may begin with the same one each time.
    let seed = asked.seed.unwrap_or_else(|| (service.inner().ids.uuid().as_u128() % SEEDS + 1) as u64);
    let call = |Shot { models, model, deadline, tally }: Shot| {
        let (mut texts, metadata) = (texts.now().into_iter(), metadata.clone());
        let (prompt, negative_prompt) = (texts.next().unwrap_or_default(), texts.next());
        #[rustfmt::skip]
        let call = ImageCall {
            model, prompt, negative_prompt, count, size, premium, seed, cfg_scale, metadata, deadline, tally,
        };
        async move { models.make_images(call).await }
    };
    // What it costs is counted in pictures; no token is.
    let cost = (Operation::Images, 0);
    let Tallied { answer, mut open, mut facts, .. } =
        service.tallied(caller, &model, need, cost, call).await?;
    match answer {
        MadeImages::All(made) => {
            open.completed();
            let created = service.inner().clock.now().timestamp();
            Ok(Answer {
                body: Body::Whole(images::response(created, &made)),
                dropped: facts.all_dropped(asked.dropped, asked.unknown),
                facts,
            })
        }
        MadeImages::Filtered(reason) => {
            open.failed(ErrorCode::InvalidRequest);
            let refused = ApiError::new(ErrorCode::InvalidRequest, reason).with_param("prompt");
            Err(refused.with_reason("content_policy_violation"))
        }
    }
}

/// Takes what the model has no place for and the picture is right without; refuses a prompt that is too long.
fn fit(asked: &mut ImagesRequest, model: &ModelInfo) -> Result<(), InvalidRequest> {
    if model.invoke_api == Some(InvokeApi::StabilityImage) {
        if asked.premium.take().is_some() {
            asked.dropped.push("quality");
        }
        if asked.cfg_scale.take().is_some() {
            asked.dropped.push("cfg_scale");
        }
    }
    let greatest = if model.family == Family::Nova { MOST_CANVAS_SEED } else { MOST_SEED };
    if asked.seed.is_some_and(|seed| seed > greatest) {
        let message = format!("`seed` may be at most {greatest} for model {}.", model.id);
        return Err(InvalidRequest::new("seed", message));
    }
    let Some(most) = model.max_input_chars else { return Ok(()) };
    let texts = [("prompt", Some(&asked.prompt)), ("negative_prompt", asked.negative_prompt.as_ref())];
    let is_long = |text: &String| text.chars().count() > most as usize;
    match texts.into_iter().find(|(_, text)| text.is_some_and(is_long)) {
        None => Ok(()),
        Some((field, _)) => {
            let message = format!("`{field}` may have at most {most} characters for model {}.", model.id);
            Err(InvalidRequest::new(field, message))
        }
    }
}
