//! `POST /v1/completions`, the legacy form.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::Modality;
use outcrop_wire::openai::completions::{self, Choice, CompletionStream, Translated};
use outcrop_wire::openai::stream::StreamHead;

use super::headers::respond;
use crate::admission::{Need, Output};
use crate::answer::{Answer, Body, Manner};
use crate::chat::{AskedModel, Caller};
use crate::entry::Entry;
use crate::prepare::{Fields, Prepared};
use crate::resolve::Wants;
use crate::tags::Tags;
use crate::{InferenceService, fan_out};

/// Goes on from one prompt or several, whole or as a stream.
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
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let mut asked = completions::parse(body)?;
    let unknown = std::mem::take(&mut asked.unknown);
    manner.check_unknown(&unknown)?;
    let (stream, include_usage, model) = (asked.stream, asked.include_usage, asked.model.take());
    let says_output = asked.says_max_tokens;
    let Translated { mut requests, choices, echo, mut dropped } = asked.into_chat()?;
    requests.iter_mut().for_each(|it| manner.guard(it));
    let model = service
        .resolve(caller.principal, wants(service, caller, model, &requests, (&manner, stream)))
        .await?;
    let need = need(service, &requests, choices, &model, &manner.tags);
    let need = if says_output { need } else { or_usual_output(need) };
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let requests = prepared(service, &entry, &model, requests, choices, &mut dropped).await?;
    manner.check(stream, &dropped)?;
    let requests = requests.into_iter().map(|it| it.strictly(manner.strict)).collect();
    let id = format!("cmpl-{}", service.inner().ids.uuid().simple());
    let created = service.inner().clock.now().timestamp();
    let echo = |index: usize| echo.get(index / choices).map_or("", String::as_str);
    let (body, mut facts) = if stream {
        let head = StreamHead { id: &id, created, model: &model.asked, include_usage };
        let frames = |index| CompletionStream::new(head, index, echo(index).to_owned());
        let (pieces, facts) = fan_out::stream(service, caller, &model, requests, frames).await?;
        (Body::Events(pieces), facts)
    } else {
        let (answers, facts) = fan_out::whole(service, caller, &model, requests).await?;
        let head = completions::Answer { id: &id, created, model: &model.asked };
        let choices = answers.iter().enumerate();
        let choices = choices.map(|(index, response)| Choice { echo: echo(index), response });
        (Body::Whole(completions::response(&head, choices)), facts)
    };
    let dropped = facts.all_dropped(dropped, unknown);
    Ok(Answer { body, facts, dropped })
}

/// The longest of the prompts says what the model must take.
fn wants(
    service: &InferenceService,
    caller: Caller<'_>,
    model: Option<String>,
    requests: &[outcrop_chat::Request],
    (manner, stream): (&Manner, bool),
) -> Wants {
    let of = |request| service.wants(caller.principal.team, None, request, (&manner.tags, stream));
    let longest = requests.iter().map(of).max_by_key(|it| it.input_tokens);
    let unknown = || Wants::named(None, Modality::Text);
    Wants { asked: model, ..longest.unwrap_or_else(unknown) }
}

/// All prompts together: each call is taken for an average one.
fn need(
    service: &InferenceService,
    requests: &[outcrop_chat::Request],
    choices: usize,
    model: &AskedModel,
    tags: &Tags,
) -> Need {
    let calls = requests.len() * choices;
    let of = |request| service.chat_need(request, calls, Fields::COMPLETIONS.max_tokens, model, tags);
    let input: u64 = requests.iter().map(|request| of(request).input).sum();
    let input = input.div_ceil(requests.len().max(1) as u64);
    requests.first().map_or_else(Need::default, |first| Need { input, ..of(first) })
}

/// OpenAI's default gives way to that of a policy. Who names a number in the model's own words has said one.
fn or_usual_output(need: Need) -> Need {
    let usual = Some(completions::DEFAULT_MAX_TOKENS);
    match need.output {
        Output::Tokens { asked, field } if asked == usual => {
            Need { output: Output::Tokens { asked: None, field }, usual_output: usual, ..need }
        }
        _ => need,
    }
}

/// Each prompt as often as it is to be answered.
async fn prepared(
    service: &InferenceService,
    entry: &Entry,
    model: &AskedModel,
    requests: Vec<outcrop_chat::Request>,
    choices: usize,
    dropped: &mut Vec<&'static str>,
) -> Result<Vec<Prepared>, ApiError> {
    let mut all = Vec::with_capacity(requests.len() * choices);
    for request in requests {
        let mut fitted = Vec::new();
        let entry = entry.clone();
        let request = service.prepare(entry, model, request, Fields::COMPLETIONS, &mut fitted).await?;
        // The same for each prompt, and told once.
        fitted.retain(|field| !dropped.contains(field));
        dropped.append(&mut fitted);
        all.append(&mut fan_out::copies(request, choices));
    }
    Ok(all)
}
