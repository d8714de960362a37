//! The operations under `/model/{id}`.

use crate::answer::{self, Answer, Prompt};
use crate::body;
use crate::charges::{Call, ChargedOutcome, ChargedTokens};
use crate::converse::encode::{self, StreamEncoder};
use crate::converse::extra::Echo;
use crate::converse::{self, request::Request};
use crate::counters::Operation;
use crate::errors::Refusal;
use crate::events;
use crate::faults::{Fault, FaultKind, Pace};
use crate::guardrails::{self, Watch, Whole};
use crate::invoke::{self, Invoked, anthropic, anthropic_encode, cohere, images, nova_embed, rerank, titan};
use crate::models::{Model, ModelKind};
use crate::ollama::{self, Ollama, convert};
use crate::reply;
use crate::script::Script;
use crate::state::State;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// Faults and pace of one request.
#[derive(Debug)]
pub(crate) struct Conduct<'a> {
    pub(crate) started: Instant,
    pub(crate) pace: Pace,
    pub(crate) fault: Option<Fault>,
    /// What is charged for it.
    pub(crate) call: &'a Call,
}

impl Conduct<'_> {
    /// Lets directives of the prompt override what is set for all.
    pub(crate) fn follow(&mut self, script: &Script) {
        if let Some(ms) = script.latency_ms {
            self.pace.first_byte = Pace::new(ms, 0.0).first_byte;
        }
        if let Some(rate) = script.tokens_per_second {
            self.pace.per_token = Pace::new(0, rate).per_token;
        }
        self.fault = script.fault.or(self.fault);
        if let Some(id) = &script.id {
            self.call.named(id);
        }
    }

    /// Whether single events must be told apart.
    pub(crate) fn marked(&self) -> bool {
        self.fault.is_some() || !self.pace.per_token.is_zero()
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// How long a stream takes that starts now: its end says so before it is sent.
    fn total_ms(&self, answer: &Answer) -> u64 {
        let tokens = u32::try_from(answer.usage.output).unwrap_or(u32::MAX);
        self.elapsed_ms() + self.pace.per_token.saturating_mul(tokens).as_millis() as u64
    }

    /// Waits for the first byte, and for a whole answer also as long as its tokens take.
    pub(crate) async fn wait(&self, tokens: u64) {
        let slow =
            self.fault.filter(|it| it.kind == FaultKind::Slow).map_or(0, |it| it.latency_ms.min(600_000));
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let wait =
            self.pace.first_byte + Duration::from_millis(slow) + self.pace.per_token.saturating_mul(tokens);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// Answers an invocation, or does the fault that strikes it.
pub(crate) async fn run(
    state: &State,
    operation: Operation,
    region: &str,
    name: &str,
    body: Bytes,
    headers: &HeaderMap,
    call: &Call,
) -> Result<HttpResponse, Refusal> {
    let (pace, fault) = state.faults.decide(name, operation.streams());
    let mut conduct = Conduct { started: Instant::now(), pace, fault, call };
    if let Some(response) = strike(state, conduct.fault, call) {
        return Ok(response);
    }
    let model = state.catalog.invoked_from(region, name)?;
    match operation {
        Operation::Converse => converse_whole(state, model, &body, &mut conduct).await,
        Operation::ConverseStream => converse_stream(state, model, &body, &mut conduct).await,
        _ => invoke_model(state, operation, model, (&body, headers), &mut conduct).await,
    }
}

/// InvokeModel, in the dialect of the model's vendor.
async fn invoke_model(
    state: &State,
    operation: Operation,
    model: &Model,
    (body, headers): (&[u8], &HeaderMap),
    conduct: &mut Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    match (model.kind, model.family.as_str()) {
        (_, "claude") => {
            let watch = Watch::of_headers(&state.guardrails, headers)?;
            return if operation.streams() {
                anthropic_stream(state, model, (body, watch), conduct).await
            } else {
                anthropic_whole(state, model, (body, watch), conduct).await
            };
        }
        (ModelKind::Chat, family) => {
            return Err(Refusal::validation(format!(
                "Outcrop Bedrock emulator: InvokeModel is emulated for Anthropic, and for models of embeddings, ranking and \
                 images, not for {family}. Use Converse."
            )));
        }
        _ if operation.streams() => {
            return Err(Refusal::validation("The model is unsupported for streaming."));
        }
        _ => {}
    }
    // Directives may stand in any text of the body.
    let script = Script::parse(&String::from_utf8_lossy(body))?;
    conduct.follow(&script);
    if script.fault.is_some()
        && let Some(response) = strike(state, script.fault, conduct.call)
    {
        return Ok(response);
    }
    let invoked = match (model.kind, model.family.as_str()) {
        (ModelKind::Ranking, _) => rerank::invoke(model, body)?,
        (ModelKind::Image, "stability") => images::stability(body)?,
        (ModelKind::Image, _) => images::amazon(model, body)?,
        (_, "cohere") => cohere::invoke(model, body)?,
        (_, "nova") => nova_embed::invoke(model, body)?,
        _ => titan::invoke(model, body)?,
    };
    let Invoked { body, input_tokens, images, queries } = invoked;
    conduct.call.used(ChargedTokens { input: input_tokens, images, queries, ..ChargedTokens::default() });
    conduct.wait(0).await;
    state.counters.answered(input_tokens, 0);
    let headers = metrics(state, conduct, input_tokens, 0);
    Ok(reply::whole(headers, body, conduct.fault, conduct.call))
}

/// The head of an InvokeModel answer: its counts are in headers.
fn metrics(state: &State, conduct: &Conduct<'_>, input: u64, output: u64) -> HttpResponseBuilder {
    let mut builder = reply::builder(state, StatusCode::OK);
    builder.insert_header(("x-amzn-bedrock-invocation-latency", conduct.elapsed_ms()));
    builder.insert_header(("x-amzn-bedrock-input-token-count", input));
    builder.insert_header(("x-amzn-bedrock-output-token-count", output));
    builder
}

async fn anthropic_whole(
    state: &State,
    model: &Model,
    (body, mut watch): (&[u8], Option<Watch>),
    conduct: &mut Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    invoke::anthropic_fields::known(body)?;
    let request: anthropic::Request<'_> = invoke::parse(body)?;
    let mut prompt = anthropic::prompt(model, &request, &state.cache)?;
    let chat = || convert::anthropic(&request);
    let texts = || anthropic::texts(&request);
    let answer = match watched(&mut watch, texts, &mut prompt, conduct.call) {
        Some(instead) => instead,
        None => match answered(state, &prompt, chat, conduct).await? {
            Ok(answer) => looked_at(&mut watch, answer, Whole::Yes, conduct.call),
            Err(struck) => return Ok(struck),
        },
    };
    let members = watch.map(|it| it.members(answer.stop)).unwrap_or_default();
    conduct.call.made(answer.usage);
    conduct.wait(answer.usage.output).await;
    let whole = anthropic_encode::whole(model, &anthropic_encode::message_id(body), &answer, &members);
    let mut builder = metrics(state, conduct, answer.usage.input, answer.usage.output);
    builder.insert_header(("x-amzn-bedrock-cache-read-input-token-count", answer.usage.cache_read));
    builder.insert_header(("x-amzn-bedrock-cache-write-input-token-count", answer.usage.cache_write));
    Ok(reply::whole(builder, whole, conduct.fault, conduct.call))
}

async fn anthropic_stream(
    state: &State,
    model: &Model,
    (body, mut watch): (&[u8], Option<Watch>),
    conduct: &mut Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    invoke::anthropic_fields::known(body)?;
    let request: anthropic::Request<'_> = invoke::parse(body)?;
    let mut prompt = anthropic::prompt(model, &request, &state.cache)?;
    if let Some(ollama) = &state.ollama {
        let encoder = anthropic_encode::StreamEncoder::new(
            false,
            model,
            anthropic_encode::message_id(body),
            prompt.usage,
        );
        return relayed(state, ollama, &prompt, &convert::anthropic(&request), encoder, conduct).await;
    }
    let answer = match watched(&mut watch, || anthropic::texts(&request), &mut prompt, conduct.call) {
        Some(instead) => instead,
        None => match scripted(state, &prompt, conduct)? {
            Ok(answer) => looked_at(&mut watch, answer, Whole::No, conduct.call),
            Err(struck) => return Ok(struck),
        },
    };
    conduct.call.read(answer.usage);
    conduct.wait(0).await;
    let members = watch.map(|it| it.members(answer.stop)).unwrap_or_default();
    let id = anthropic_encode::message_id(body);
    let encoder = anthropic_encode::StreamEncoder::new(conduct.marked(), model, id, answer.usage);
    let mut encoder = encoder.with_members(members);
    events::encode(&answer, conduct.total_ms(&answer), &mut encoder);
    let events = std::mem::take(events::Encoder::events(&mut encoder));
    let mut builder = reply::builder(state, StatusCode::OK);
    builder.insert_header(("x-amzn-bedrock-content-type", "application/json"));
    Ok(reply::events(builder, events, conduct, answer.usage, &state.counters))
}

/// What a fault answers instead of an answer; faults in mid-stream come later.
pub(crate) fn strike(state: &State, fault: Option<Fault>, call: &Call) -> Option<HttpResponse> {
    let fault = fault?;
    state.counters.fault();
    if fault.kind == FaultKind::Disconnect {
        call.ends(ChargedOutcome::Failed);
        return Some(reply::disconnected(state));
    }
    let (exception, message) = fault.kind.refusal()?;
    call.refused();
    Some(reply::refused(state, &Refusal::new(exception, message)))
}

async fn converse_whole(
    state: &State,
    model: &Model,
    body: &[u8],
    conduct: &mut Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    let request: Request<'_> = body::parse(body)?;
    let mut prompt = converse::prompt(model, &request, &state.cache)?;
    let mut watch = Watch::of_converse(&state.guardrails, &request)?;
    let chat = || convert::converse(&request);
    let texts = || guardrails::texts(&request);
    let answer = match watched(&mut watch, texts, &mut prompt, conduct.call) {
        Some(instead) => instead,
        None => match answered(state, &prompt, chat, conduct).await? {
            Ok(answer) => looked_at(&mut watch, answer, Whole::Yes, conduct.call),
            Err(struck) => return Ok(struck),
        },
    };
    conduct.call.made(answer.usage);
    conduct.wait(answer.usage.output).await;
    let echo = Echo::new(model, &request).with_trace(watch.and_then(|it| it.trace(answer.stop)));
    let body = encode::whole(&answer, conduct.elapsed_ms(), &echo);
    Ok(reply::whole(reply::builder(state, StatusCode::OK), body, conduct.fault, conduct.call))
}

async fn converse_stream(
    state: &State,
    model: &Model,
    body: &[u8],
    conduct: &mut Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    let request: Request<'_> = body::parse(body)?;
    let mut prompt = converse::prompt(model, &request, &state.cache)?;
    let mut watch = Watch::of_converse(&state.guardrails, &request)?;
    if let Some(ollama) = &state.ollama {
        let encoder = StreamEncoder::new(false, Echo::new(model, &request));
        return relayed(state, ollama, &prompt, &convert::converse(&request), encoder, conduct).await;
    }
    let answer = match watched(&mut watch, || guardrails::texts(&request), &mut prompt, conduct.call) {
        Some(instead) => instead,
        None => match scripted(state, &prompt, conduct)? {
            Ok(answer) => looked_at(&mut watch, answer, Whole::No, conduct.call),
            Err(struck) => return Ok(struck),
        },
    };
    conduct.call.read(answer.usage);
    conduct.wait(0).await;
    let echo = Echo::new(model, &request).with_trace(watch.and_then(|it| it.trace(answer.stop)));
    let mut encoder = StreamEncoder::new(conduct.marked(), echo);
    events::encode(&answer, conduct.total_ms(&answer), &mut encoder);
    let events = std::mem::take(events::Encoder::events(&mut encoder));
    let builder = reply::builder(state, StatusCode::OK);
    Ok(reply::events(builder, events, conduct, answer.usage, &state.counters))
}

/// What a guardrail has to say of the question: the answer, if no model is to be asked.
fn watched<'a>(
    watch: &mut Option<Watch>,
    texts: impl FnOnce() -> Vec<&'a str>,
    prompt: &mut Prompt<'_>,
    call: &Call,
) -> Option<Answer> {
    watch.as_mut()?.input(texts(), prompt, call)
}

/// The answer as a guardrail lets it pass.
fn looked_at(watch: &mut Option<Watch>, mut answer: Answer, whole: Whole, call: &Call) -> Answer {
    if let Some(watch) = watch {
        watch.output(&mut answer, whole, call);
    }
    answer
}

/// A whole answer: Ollama's if there is one, else the scripted.
async fn answered(
    state: &State,
    prompt: &Prompt<'_>,
    chat: impl FnOnce() -> convert::Chat,
    conduct: &mut Conduct<'_>,
) -> Result<Result<Answer, HttpResponse>, Refusal> {
    let Some(ollama) = &state.ollama else { return scripted(state, prompt, conduct) };
    let answer = ollama.chat(prompt, &chat()).await?;
    state.counters.answered(answer.usage.input, answer.usage.output);
    Ok(Ok(answer))
}

/// A stream of Ollama's, event by event. Faults in mid-stream and pacing are for scripted answers only.
async fn relayed(
    state: &State,
    ollama: &Ollama,
    prompt: &Prompt<'_>,
    chat: &convert::Chat,
    encoder: impl events::Encoder + 'static,
    conduct: &Conduct<'_>,
) -> Result<HttpResponse, Refusal> {
    conduct.wait(0).await;
    let response = ollama.open(prompt, chat).await?;
    let told = ollama::Told { counters: state.counters.clone(), call: conduct.call.clone() };
    let stream = ollama::stream(response, encoder, prompt.id_prefix, prompt.turns, conduct.started, told);
    Ok(reply::live(reply::builder(state, StatusCode::OK), stream))
}

/// The scripted answer, or the response of a fault the prompt asks for.
pub(crate) fn scripted(
    state: &State,
    prompt: &Prompt<'_>,
    conduct: &mut Conduct<'_>,
) -> Result<Result<Answer, HttpResponse>, Refusal> {
    let script = answer::script(prompt)?;
    conduct.follow(&script);
    if script.fault.is_some()
        && let Some(response) = strike(state, script.fault, conduct.call)
    {
        return Ok(Err(response));
    }
    let answer = answer::answer(prompt, &script)?;
    state.counters.answered(answer.usage.total() - answer.usage.output, answer.usage.output);
    Ok(Ok(answer))
}
