//! Chats by Converse, whole and in pieces.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use outcrop_chat::{Block, Document, DocumentSource, Event, Request, Response, Source, ToolResultBlock};
use outcrop_ports::{EventStream, ModelError, ResolvedModel};
use outcrop_telemetry::current;
use outcrop_types::{CacheState, Classify as _, ErrorCode, PriceTier};

use super::flight::{Boarding, Flights, Follower, Leader, Refused, Shared, alone};
use super::{Asked, Found, Owner, followed, is_draft, kept, key, replay};
use crate::chat::{Answered, AskedModel, Caller, Facts, Streamed};
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation, Reused, price_tier};
use crate::prepare::{Prepared, Reshape};
use crate::{ChatError, InferenceService, guarding};

/// How often a call joins another one that fails for reasons of who asked first.
const BOARDINGS: usize = 4;

/// What becomes of a call whose answer is not kept.
pub(super) enum Aboard<P: Shared> {
    /// It is its client's alone.
    Alone,
    /// It is under way, and was answered like this.
    Follows(Follower<P>, Facts),
    /// It is to be made.
    Leads(Follower<P>, Leader<P>),
}

/// A whole answer.
pub(crate) async fn chat(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    prepared: Prepared,
) -> Result<Answered, ChatError> {
    let Some(asked) = asked(service, caller, model, &prepared).await? else {
        return Box::pin(guarding::chat(service, caller, model, prepared)).await;
    };
    if let Some((found, response)) = look(&asked).await {
        let (open, facts) = given(&asked, caller, &prepared, &found);
        return Ok(answered(response, open, facts));
    }
    match board(&asked, &service.inner().response_cache.whole).await? {
        Aboard::Alone => {
            let mut answered = Box::pin(guarding::chat(service, caller, model, prepared)).await?;
            missed(&mut answered.open, &mut answered.facts);
            Ok(answered)
        }
        Aboard::Follows(follower, told) => {
            let (open, facts, model) = joined(&asked, caller, &prepared.entry, &told)?;
            let response = the_one(follower).await?;
            let tier = price_tier(response.extra.service_tier);
            if let Some(saved) = asked.price(&model, tier, &response.usage) {
                open.saves()(saved);
            }
            Ok(answered(Arc::unwrap_or_clone(response), open, facts))
        }
        Aboard::Leads(mut follower, leader) => {
            let owner = Owner::of(service, caller);
            let task = tokio::spawn(current::carry(lead_whole(asked, owner, prepared, leader)));
            follower.flown_by(task.abort_handle());
            let facts = follower.begun().await?;
            let response = the_one(follower).await?;
            Ok(answered(Arc::unwrap_or_clone(response), service.open_aside(caller), facts))
        }
    }
}

/// An answer in pieces.
pub(crate) async fn stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    prepared: Prepared,
) -> Result<Streamed, ChatError> {
    let Some(asked) = asked(service, caller, model, &prepared).await? else {
        return Box::pin(guarding::stream(service, caller, model, prepared)).await;
    };
    if let Some((found, response)) = look(&asked).await {
        let (mut open, facts) = given(&asked, caller, &prepared, &found);
        open.set_streamed();
        let events = stream::iter(replay::events(response).into_iter().map(Ok));
        return Ok(Streamed { events: Box::pin(events), open, facts });
    }
    match board(&asked, &service.inner().response_cache.streamed).await? {
        Aboard::Alone => {
            let mut streamed = Box::pin(guarding::stream(service, caller, model, prepared)).await?;
            missed(&mut streamed.open, &mut streamed.facts);
            Ok(streamed)
        }
        Aboard::Follows(follower, told) => {
            let (mut open, facts, model) = joined(&asked, caller, &prepared.entry, &told)?;
            open.set_streamed();
            let events = saving(asked, follower, &open, model);
            Ok(Streamed { events, open, facts })
        }
        Aboard::Leads(mut follower, leader) => {
            let owner = Owner::of(service, caller);
            let task = tokio::spawn(current::carry(lead_stream(asked, owner, prepared, leader)));
            follower.flown_by(task.abort_handle());
            let facts = follower.begun().await?;
            Ok(Streamed { events: Box::pin(follower), open: service.open_aside(caller), facts })
        }
    }
}

/// The call, if it takes part.
async fn asked(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    prepared: &Prepared,
) -> Result<Option<Asked>, ChatError> {
    let Some(terms) = prepared.entry.cache_terms() else { return Ok(None) };
    if !terms.tools && uses_tools(&prepared.request, &prepared.reshape) {
        return Ok(None);
    }
    // What lies elsewhere, or is still being written, may be another thing by the next time.
    let draft = prepared.request.guardrail.as_ref().is_some_and(|it| is_draft(&it.version));
    if draft || has_links(&prepared.request) {
        return Ok(None);
    }
    let reshape = format!("{:?}", prepared.reshape);
    let name = |scope: &key::Scope<'_>| key::of_chat(scope, &prepared.request, &reshape);
    let of = (Operation::Chat, prepared.choice);
    let asked = Asked::new(service, caller, model, of, terms.clone(), name).await?;
    Ok(asked.map(|asked| Asked { strict: prepared.strict, ..asked }))
}

/// Whether part of what is asked lies in S3, or anywhere else.
fn has_links(request: &Request) -> bool {
    let away = |source: &Source| matches!(source, Source::S3 { .. });
    let file = |it: &Document| matches!(&it.source, DocumentSource::File(source) if away(source));
    let result = |it: &ToolResultBlock| match it {
        ToolResultBlock::Image(it) => away(&it.source),
        ToolResultBlock::Document(it) => file(it),
        ToolResultBlock::Video(it) => away(&it.source),
        ToolResultBlock::Link(_) => true,
        ToolResultBlock::Text(_) | ToolResultBlock::Json(_) | ToolResultBlock::SearchResult(_) => false,
    };
    let mut blocks = request.messages.iter().flat_map(|message| &message.content);
    blocks.any(|block| match block {
        Block::Image(it) => away(&it.source),
        Block::Document(it) => file(it),
        Block::Video(it) => away(&it.source),
        Block::Audio(it) => away(&it.source),
        Block::Link(_) => true,
        Block::ToolResult(it) => it.content.iter().any(result),
        _ => false,
    })
}

/// Fields in a model's own words that put tools on offer.
const OWN_TOOLS: [&str; 3] = ["tools", "mcp_servers", "tool_choice"];

/// Whether tools are on offer, or were used before. One that stands for the shape of the answer is ours.
fn uses_tools(request: &Request, reshape: &Reshape) -> bool {
    let ours = if let Reshape::Tool { name, .. } = reshape { Some(name) } else { None };
    let offered = request.tools.as_ref().is_some_and(|tools| {
        !tools.system.is_empty() || tools.specs.iter().any(|spec| Some(&spec.name) != ours)
    });
    // Tools of a model's own have no other place than this.
    let own = OWN_TOOLS.iter().any(|name| request.additional.contains_key(*name));
    let mut blocks = request.messages.iter().flat_map(|message| &message.content);
    offered || own || blocks.any(|block| matches!(block, Block::ToolUse(_) | Block::ToolResult(_)))
}

async fn look(asked: &Asked) -> Option<(Found, Response)> {
    let found = asked.look().await?;
    let response = kept::read(&found.entry.body, found.entry.head.usage)?;
    Some((found, response))
}

/// A place with those who ask for the same. Where a call fails for reasons of who asked first, those who followed it ask
/// anew, and one of them is then the first; after some such failures each asks for itself.
pub(super) async fn board<P: Shared>(
    asked: &Asked,
    flights: &Arc<Flights<P>>,
) -> Result<Aboard<P>, ChatError> {
    let terms = &asked.terms;
    let name = key::of_flight(&asked.key, asked.strict);
    for _ in 0..BOARDINGS {
        let boarding = match (terms.look, terms.store) {
            (true, true) => Some(flights.board(name)),
            // What others are being given will do; what nobody is to keep nobody joins.
            (true, false) => flights.join(&name).map(Boarding::Follows),
            (false, _) => None,
        };
        match boarding {
            None => break,
            Some(Boarding::Leads(follower, leader)) => return Ok(Aboard::Leads(follower, leader)),
            Some(Boarding::Follows(mut follower)) => match follower.begun().await {
                Ok(told) => return Ok(Aboard::Follows(follower, told)),
                Err(Refused::All(error)) => return Err(error),
                Err(Refused::Another) => {}
            },
        }
    }
    if terms.store {
        let (follower, leader) = alone();
        return Ok(Aboard::Leads(follower, leader));
    }
    Ok(Aboard::Alone)
}

/// The record of a hit, and what is told of it.
fn given(asked: &Asked, caller: Caller<'_>, prepared: &Prepared, found: &Found) -> (OpenCall, Facts) {
    let (open, mut facts) = asked.given(caller, &prepared.entry, found);
    facts.told.splice(0..0, prepared.told.iter().cloned());
    (open, facts)
}

/// The record of a call that is another one's, too, and who is answering.
pub(super) fn joined(
    asked: &Asked,
    caller: Caller<'_>,
    entry: &Entry,
    told: &Facts,
) -> Result<(OpenCall, Facts, ResolvedModel), ChatError> {
    let reused = Reused { state: CacheState::Coalesced, saved: None, age: std::time::Duration::ZERO };
    // All who follow a call may be answered by each of its targets: their names are in its key.
    let place = told.place.as_ref().ok_or(ChatError::NoModel)?;
    let model = asked.target(place, &told.model).ok_or(ChatError::NoModel)?;
    let of = (asked.operation, (place, model));
    let (open, own) = asked.service.open_reused(caller, &asked.model, entry, of, reused);
    Ok((open, followed(told, own), model.clone()))
}

pub(super) fn missed(open: &mut OpenCall, facts: &mut Facts) {
    open.set_cache(CacheState::Miss);
    facts.cache = CacheState::Miss;
}

fn answered(response: Response, mut open: OpenCall, facts: Facts) -> Answered {
    open.saw_answer(&response);
    Answered { response, open, facts }
}

/// The only piece of an answer that comes whole.
pub(super) async fn the_one<P: Shared>(mut follower: Follower<P>) -> Result<P, ChatError> {
    match follower.next().await {
        Some(piece) => Ok(piece?),
        None => Err(ChatError::Malformed),
    }
}

/// Notes what was saved before the end is heard.
fn saving(asked: Asked, follower: Follower<Event>, open: &OpenCall, model: ResolvedModel) -> EventStream {
    let saves = open.saves();
    let mut tier = PriceTier::Standard;
    Box::pin(follower.inspect(move |event| match event {
        Ok(Event::Extra(extra)) => tier = price_tier(extra.service_tier),
        Ok(Event::Usage(usage)) => {
            if let Some(saved) = asked.price(&model, tier, usage) {
                saves(saved);
            }
        }
        _ => {}
    }))
}

async fn lead_whole(asked: Asked, owner: Owner, prepared: Prepared, leader: Leader<Arc<Response>>) {
    let answer = Box::pin(guarding::chat(&asked.service, owner.caller(), &asked.model, prepared)).await;
    match answer {
        Err(error) => leader.refused(error, owner.is_late()),
        Ok(Answered { response, mut open, mut facts }) => {
            missed(&mut open, &mut facts);
            // The record is safe before anybody hears of the answer.
            open.completed();
            keep(&asked, (&open, &facts), &response).await;
            leader.begun(facts);
            leader.push(Arc::new(response)).await;
            leader.end(None);
        }
    }
}

async fn lead_stream(asked: Asked, owner: Owner, prepared: Prepared, leader: Leader<Event>) {
    let streamed = Box::pin(guarding::stream(&asked.service, owner.caller(), &asked.model, prepared)).await;
    let Streamed { mut events, mut open, mut facts } = match streamed {
        Ok(streamed) => streamed,
        Err(error) => return leader.refused(error, owner.is_late()),
    };
    missed(&mut open, &mut facts);
    leader.begun(facts.clone());
    let mut gathered = replay::Gathered::new(asked.settings().max_entry_bytes);
    let mut stopped = false;
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => return broken(open, leader, error),
        };
        open.saw(&event);
        gathered.push(&event);
        if let Event::Stop(reason) = &event {
            stopped = !reason.is_malformed();
        }
        leader.push(event).await;
    }
    drop(events);
    if stopped {
        open.completed();
        if let Some(response) = gathered.whole() {
            keep(&asked, (&open, &facts), &response).await;
        }
    } else {
        open.failed(ErrorCode::Upstream);
    }
    leader.end(None);
}

/// The call failed in the middle of its answer: that is recorded before anybody hears of it.
pub(super) fn broken<P: Shared>(mut open: OpenCall, leader: Leader<P>, error: ModelError) {
    open.failed(error.code());
    leader.end(Some(error));
}

async fn keep(asked: &Asked, of: (&OpenCall, &Facts), response: &Response) {
    let tier = price_tier(response.extra.service_tier);
    let body =
        || kept::is_kept(response.stop_reason, asked.terms.tools).then(|| kept::write(response)).flatten();
    asked.keep(of, response.usage, tier, body).await;
}

impl Shared for Event {
    fn weight(&self) -> usize {
        replay::weight(self)
    }
}

impl Shared for Arc<Response> {
    /// It is the only one.
    fn weight(&self) -> usize {
        1
    }
}
