//! Claude in its own words: bodies and chunks are kept as they are, each kind for itself.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use outcrop_ports::{CacheKey, InvokeAnswer, InvokeCall, ModelError};
use outcrop_telemetry::current;
use outcrop_types::{PriceTier, TokenUsage};
use outcrop_wire::anthropic::invoke;
use serde_json::Value;

use super::chat::{Aboard, board, broken, joined, missed, the_one};
use super::flight::{Leader, Shared};
use super::{Asked, Owner, is_draft, key};
use crate::attempts::{RawAnswered, RawPrepared, RawStreamed};
use crate::chat::{AskedModel, Caller};
use crate::metering::{Operation, price_tier};
use crate::routes::messages::{failed, stop_reason};
use crate::stream::Piece as _;
use crate::{ChatError, InferenceService, guarding};
use outcrop_types::ErrorCode;

/// What a whole answer looks like, and one in pieces: they are kept apart.
const WHOLE: &[u8] = b"whole";
const PIECES: &[u8] = b"pieces";

/// Fields of a body that do not shape its answer.
const UNSHAPED: [&str; 3] = ["metadata", "stream", "service_tier"];

/// A whole answer of a model in its own words.
pub(crate) async fn invoke(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<RawAnswered, ChatError> {
    let Some(asked) = asked(service, caller, model, &raw, WHOLE).await? else {
        return Box::pin(guarding::invoke(service, caller, model, raw)).await;
    };
    if let Some(found) = asked.look().await {
        let (open, facts) = asked.given(caller, &raw.entry, &found);
        let answer = InvokeAnswer {
            body: anew(&asked, &found.entry.body, &["id"]),
            content_type: "application/json".to_owned(),
            usage: Some(found.entry.head.usage),
            service_tier: None,
        };
        return Ok(RawAnswered { answer, open, facts });
    }
    match board(&asked, &service.inner().response_cache.raw).await? {
        Aboard::Alone => {
            let mut answered = Box::pin(guarding::invoke(service, caller, model, raw)).await?;
            missed(&mut answered.open, &mut answered.facts);
            Ok(answered)
        }
        Aboard::Follows(follower, told) => {
            let (open, facts, model) = joined(&asked, caller, &raw.entry, &told)?;
            let mut answer = the_one(follower).await?;
            let saved = answer.usage.and_then(|it| asked.price(&model, price_tier(answer.service_tier), &it));
            saved.into_iter().for_each(open.saves());
            answer.body = anew(&asked, &answer.body, &["id"]);
            Ok(RawAnswered { answer, open, facts })
        }
        Aboard::Leads(mut follower, leader) => {
            let owner = Owner::of(service, caller);
            let task = tokio::spawn(current::carry(lead_whole(asked, owner, raw, leader)));
            follower.flown_by(task.abort_handle());
            let facts = follower.begun().await?;
            let answer = the_one(follower).await?;
            Ok(RawAnswered { answer, open: service.open_aside(caller), facts })
        }
    }
}

/// The same in pieces.
pub(crate) async fn invoke_stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<RawStreamed, ChatError> {
    let Some(asked) = asked(service, caller, model, &raw, PIECES).await? else {
        return Box::pin(guarding::invoke_stream(service, caller, model, raw)).await;
    };
    if let Some((found, chunks)) =
        asked.look().await.and_then(|it| split(&it.entry.body).map(|all| (it, all)))
    {
        let (mut open, facts) = asked.given(caller, &raw.entry, &found);
        open.set_streamed();
        let chunks = chunks.into_iter().enumerate().map(move |(at, it)| Ok(renamed(&asked, at, it)));
        return Ok(RawStreamed { chunks: Box::pin(stream::iter(chunks)), open, facts });
    }
    match board(&asked, &service.inner().response_cache.chunks).await? {
        Aboard::Alone => {
            let mut streamed = Box::pin(guarding::invoke_stream(service, caller, model, raw)).await?;
            missed(&mut streamed.open, &mut streamed.facts);
            Ok(streamed)
        }
        Aboard::Follows(follower, told) => {
            let (mut open, facts, model) = joined(&asked, caller, &raw.entry, &told)?;
            open.set_streamed();
            let saves = open.saves();
            let mut used = TokenUsage::default();
            let chunks = follower.enumerate().map(move |(at, chunk)| {
                let chunk: Result<Bytes, ModelError> = chunk;
                let chunk = renamed(&asked, at, chunk?);
                let usage = invoke::read(chunk.clone()).ok().and_then(|it| it.usage_over(used));
                if let Some(usage) = usage {
                    used = usage;
                    asked.price(&model, PriceTier::Standard, &usage).into_iter().for_each(&saves);
                }
                Ok(chunk)
            });
            Ok(RawStreamed { chunks: Box::pin(chunks), open, facts })
        }
        Aboard::Leads(mut follower, leader) => {
            let owner = Owner::of(service, caller);
            let task = tokio::spawn(current::carry(lead_stream(asked, owner, raw, leader)));
            follower.flown_by(task.abort_handle());
            let facts = follower.begun().await?;
            Ok(RawStreamed { chunks: Box::pin(follower), open: service.open_aside(caller), facts })
        }
    }
}

/// The call, if it takes part: a conversation does, of other bodies nobody knows what they ask for.
async fn asked(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: &RawPrepared,
    manner: &[u8],
) -> Result<Option<Asked>, ChatError> {
    let Some(terms) = raw.entry.cache_terms().filter(|_| raw.operation == Operation::Chat) else {
        return Ok(None);
    };
    let Ok(body) = serde_json::from_slice::<Value>(&raw.call.body) else { return Ok(None) };
    let draft = raw.call.guardrail.as_ref().is_some_and(|it| is_draft(&it.version));
    if draft || (!terms.tools && uses_tools(&body)) {
        return Ok(None);
    }
    let name = |scope: &key::Scope<'_>| digest(scope, body, &raw.call, manner);
    Asked::new(service, caller, model, (Operation::Chat, 0), terms.clone(), name).await
}

fn digest(scope: &key::Scope<'_>, mut body: Value, call: &InvokeCall, manner: &[u8]) -> CacheKey {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !UNSHAPED.contains(&name.as_str()));
    }
    unmark_body(&mut body);
    let guardrail = call.guardrail.as_ref();
    let guardrail =
        guardrail.map(|it| format!("{}\n{}\n{:?}\n{:?}", it.id, it.version, it.trace, it.stream_mode));
    key::of_json(scope, &body, &[manner, b"claude", guardrail.unwrap_or_default().as_bytes()])
}

/// Takes the marks of the prompt cache away from where they can be: the body, its tools, and blocks of content. What has
/// their name anywhere else, as in the input of a tool, is what is said.
fn unmark_body(body: &mut Value) {
    unmark(body);
    for list in ["system", "tools"] {
        each_in(body, list, &mut unmark);
    }
    each_in(body, "messages", &mut |turn| {
        each_in(turn, "content", &mut |block| {
            unmark(block);
            // The parts of a tool's result, or of a document.
            each_in(block, "content", &mut unmark);
        });
    });
}

fn unmark(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, it| name != "cache_control" || it["type"] != "ephemeral");
    }
}

fn each_in(value: &mut Value, list: &str, visit: &mut dyn FnMut(&mut Value)) {
    let list = value.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().for_each(visit);
}

fn uses_tools(body: &Value) -> bool {
    let has = |field: &str| body[field].as_array().is_some_and(|list| !list.is_empty());
    let blocks = |message: &Value| message["content"].as_array().cloned().unwrap_or_default();
    let of_tool = |block: &Value| block["type"].as_str().is_some_and(|it| it.starts_with("tool_"));
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    has("tools") || has("mcp_servers") || messages.iter().any(|it| blocks(it).iter().any(of_tool))
}

/// The body with an id of this request's; the same where it has none.
fn anew(asked: &Asked, body: &Bytes, path: &[&str]) -> Bytes {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    let place = path.iter().try_fold(&mut value, |at, name| at.get_mut(*name));
    let Some(id) = place.filter(|it| it.is_string()) else { return body.clone() };
    *id = format!("msg_{}", asked.service.inner().ids.uuid().simple()).into();
    serde_json::to_vec(&value).map_or_else(|_| body.clone(), Bytes::from)
}

/// The first chunk has the id.
fn renamed(asked: &Asked, at: usize, chunk: Bytes) -> Bytes {
    if at == 0 { anew(asked, &chunk, &["message", "id"]) } else { chunk }
}

async fn lead_whole(asked: Asked, owner: Owner, raw: RawPrepared, leader: Leader<InvokeAnswer>) {
    let answered = Box::pin(guarding::invoke(&asked.service, owner.caller(), &asked.model, raw)).await;
    let RawAnswered { mut answer, mut open, mut facts } = match answered {
        Ok(answered) => answered,
        Err(error) => return leader.refused(error, owner.is_late()),
    };
    missed(&mut open, &mut facts);
    let Some(whole) = invoke::answer(&answer.body, &asked.model.asked) else {
        open.failed(ErrorCode::Upstream);
        return leader.refused(ChatError::Malformed, false);
    };
    answer.usage = whole.usage.or(answer.usage);
    if let Some(usage) = answer.usage {
        open.reported(usage);
    }
    if let Some(reason) = &whole.stop_reason {
        open.saw_stop(stop_reason(reason));
    }
    open.completed();
    let reason = whole.stop_reason.as_deref();
    if let Some(usage) = answer.usage.filter(|_| is_kept(reason, &answer.body, asked.terms.tools)) {
        let tier = price_tier(answer.service_tier);
        asked.keep((&open, &facts), usage, tier, || Some(answer.body.clone())).await;
    }
    leader.begun(facts);
    leader.push(answer).await;
    leader.end(None);
}

async fn lead_stream(asked: Asked, owner: Owner, raw: RawPrepared, leader: Leader<Bytes>) {
    let streamed = Box::pin(guarding::invoke_stream(&asked.service, owner.caller(), &asked.model, raw)).await;
    let RawStreamed { mut chunks, mut open, mut facts } = match streamed {
        Ok(streamed) => streamed,
        Err(error) => return leader.refused(error, owner.is_late()),
    };
    missed(&mut open, &mut facts);
    leader.begun(facts.clone());
    let mut gathered = Gathered { all: BytesMut::new(), most: asked.settings().max_entry_bytes, keeps: true };
    let (mut reason, mut stopped) = (None, false);
    while let Some(json) = chunks.next().await {
        let read = json.and_then(|json| Ok((invoke::read(json.clone()).map_err(failed)?, json)));
        let (chunk, json) = match read {
            Ok(read) => read,
            Err(error) => return broken(open, leader, error),
        };
        stopped |= chunk.meter(&mut open) == Some(true);
        reason = chunk.stop_reason.clone().or(reason);
        gathered.push(&json);
        leader.push(json).await;
    }
    drop(chunks);
    let usage = open.told();
    if stopped {
        open.completed();
        if gathered.keeps && is_kept(reason.as_deref(), &gathered.all, asked.terms.tools) {
            asked.keep((&open, &facts), usage, PriceTier::Standard, || Some(gathered.all.freeze())).await;
        }
    } else {
        open.failed(ErrorCode::Upstream);
    }
    leader.end(None);
}

/// Whether an answer that ended like this may be given again. What a guardrail did stands in the body
/// (Amazon Bedrock user guide, "Use your guardrail with inference operations": `amazon-bedrock-guardrailAction`).
fn is_kept(reason: Option<&str>, body: &[u8], tools: bool) -> bool {
    let kept = match reason {
        Some("end_turn" | "max_tokens" | "stop_sequence") => true,
        Some("tool_use") => tools,
        _ => false,
    };
    kept && !body.windows(INTERVENED.len()).any(|it| it == INTERVENED)
}

const INTERVENED: &[u8] = b"\"INTERVENED\"";

/// The chunks so far, each behind its length.
struct Gathered {
    all: BytesMut,
    most: usize,
    keeps: bool,
}

impl Gathered {
    fn push(&mut self, chunk: &Bytes) {
        let fits = self.keeps && self.all.len() + 4 + chunk.len() <= self.most;
        match u32::try_from(chunk.len()) {
            Ok(length) if fits => {
                self.all.put_u32(length);
                self.all.put_slice(chunk);
            }
            _ => (self.keeps, self.all) = (false, BytesMut::new()),
        }
    }
}

/// The chunks that were gathered.
fn split(body: &Bytes) -> Option<Vec<Bytes>> {
    let (mut chunks, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let (length, _) = body.get(at..)?.split_first_chunk::<4>()?;
        let end = (at + 4).checked_add(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        body.get(at + 4..end)?;
        chunks.push(body.slice(at + 4..end));
        at = end;
    }
    Some(chunks)
}

impl Shared for Bytes {
    fn weight(&self) -> usize {
        self.len() + 8
    }
}

impl Shared for InvokeAnswer {
    /// It is the only one.
    fn weight(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_taken_from_where_marks_can_be() {
        let mark = json!({"type": "ephemeral"});
        let block = |text: &str| json!({"type": "text", "text": text, "cache_control": mark});
        let input = json!({"cache_control": {"type": "ephemeral"}, "a": 1});
        let mut body = json!({
            "cache_control": mark,
            "system": [block("s")],
            "tools": [{"name": "t", "cache_control": mark, "input_schema": {"properties": {"cache_control": mark}}}],
            "messages": [
                {"role": "user", "content": [block("u"), {"type": "tool_result", "cache_control": mark,
                    "content": [block("r")]}]},
                {"role": "user", "content": "plain"},
                {"role": "assistant", "content": [{"type": "tool_use", "input": input}]},
            ],
        });
        unmark_body(&mut body);
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(
            body,
            json!({
                "system": [text("s")],
                "tools": [{"name": "t", "input_schema": {"properties": {"cache_control": mark}}}],
                "messages": [
                    {"role": "user", "content": [text("u"), {"type": "tool_result", "content": [text("r")]}]},
                    {"role": "user", "content": "plain"},
                    {"role": "assistant", "content": [{"type": "tool_use", "input": input}]},
                ],
            })
        );
    }
}
