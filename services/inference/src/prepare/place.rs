//! Cache points in requests whose clients put none.
//!
//! What models read first changes least: tools, then instructions, then the turns so far. A point behind each lets the
//! next request read what this one wrote, as far as both are the same; the turns have two, one behind the user's last
//! words and one where the request before this one had its last. A client's own points stay as they are, and where there
//! are some a rule puts no others; what the request itself asks for is added to them.

use bytes::Bytes;
use outcrop_chat::{Block, CacheTtl, Caching, Request, Role, SystemBlock};
use outcrop_ports::{CacheSupport, ModelInfo};
use outcrop_types::{PromptCacheRule, PromptCacheTtl, TeamId};
use outcrop_wire::anthropic::invoke::{self, Placing};

use super::cache::MOST;
use crate::InferenceService;
use crate::admission::Kept;
use crate::chat::AskedModel;
use crate::metering::Scale;

/// Tells how many points were put.
pub(crate) const HEADER: &str = "x-outcrop-prompt-cache";

/// The header, if there is something to tell.
type Told = Option<(&'static str, String)>;

/// Where points are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    tools: bool,
    system: bool,
    messages: bool,
    /// How long tools and instructions are kept.
    head: CacheTtl,
    /// How long turns are.
    turns: CacheTtl,
    /// Shortest beginning that is worth a point.
    min_tokens: u64,
}

/// A place for a point, in the order in which models read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    Tools,
    System,
    /// Behind this message.
    Turn(usize),
}

impl InferenceService {
    /// The rule for requests to this model that have no cache points.
    pub(crate) fn prompt_cache_rule(&self, model: &AskedModel) -> Option<PromptCacheRule> {
        model.plan.options.prompt_cache.or(self.inner().prompt_caching)
    }

    /// The same before the model is known, by the name that is asked for.
    pub(crate) fn prompt_cache_rule_of(&self, team: TeamId, asked: Option<&str>) -> Option<PromptCacheRule> {
        self.inner().router.prompt_cache(team, asked).or(self.inner().prompt_caching)
    }
}

/// What may be kept of a request beyond what its own points keep, if it is about so many tokens. Whether a point is put
/// depends on where those tokens stand; that it may be is enough here.
pub(crate) fn may_keep(
    caching: &Caching,
    own: bool,
    rule: Option<PromptCacheRule>,
    model: &ModelInfo,
    input_tokens: u64,
) -> Kept {
    let Some(support) = model.cache else { return Kept::Nothing };
    let wanted = Wanted::of(caching, own, rule, support);
    if !wanted.any() || input_tokens < wanted.min_tokens {
        return Kept::Nothing;
    }
    let head = wanted.tools || wanted.system;
    let hour =
        (head && wanted.head == CacheTtl::OneHour) || (wanted.messages && wanted.turns == CacheTtl::OneHour);
    if hour { Kept::Hour } else { Kept::FiveMinutes }
}

/// Puts the points that a rule or the request itself asks for, and tells of it. What the request says of a cache that
/// keeps nothing of it is named in `dropped`.
pub(super) fn add(
    request: &mut Request,
    rule: Option<PromptCacheRule>,
    model: &ModelInfo,
    dropped: &mut Vec<&'static str>,
) -> Told {
    if !keeps(request, rule, model) {
        unheard(&request.caching, dropped);
        return None;
    }
    told(place(request, rule, model))
}

/// Puts points, and says how many. Tools are put in the order of their
/// names before, as clients do not always send them in the same one, unless a point of the client's own is in the request.
fn place(request: &mut Request, rule: Option<PromptCacheRule>, model: &ModelInfo) -> usize {
    let Some(support) = model.cache else { return 0 };
    let own = own(request);
    let wanted = Wanted::of(&request.caching, !own.is_empty(), rule, support);
    let spots = spots(request, wanted, support, MOST.saturating_sub(own.len()));
    if spots.is_empty() {
        return 0;
    }
    if let Some(tools) = request.tools.as_mut().filter(|_| own.is_empty()) {
        tools.specs.sort_by(|one, other| one.name.cmp(&other.name));
    }
    for spot in &spots {
        put(request, *spot, ttl(*spot, wanted, &own));
    }
    spots.len()
}

/// The same as [`add`] for a body of Claude's own. Marks of its own stay alone there: what it asks for beside them is
/// named in `dropped`.
pub(crate) fn place_in(
    body: Bytes,
    caching: &Caching,
    rule: Option<PromptCacheRule>,
    model: &ModelInfo,
    dropped: &mut Vec<&'static str>,
) -> (Bytes, Told) {
    let own = invoke::is_marked(&body);
    let wanted = model.cache.map(|support| Wanted::of(caching, own, rule, support));
    let Some(wanted) = wanted.filter(|it| !own && it.any()) else {
        unheard(caching, dropped);
        return (body, None);
    };
    let placing = Placing {
        tools: wanted.tools,
        system: wanted.system,
        messages: wanted.messages,
        head_one_hour: wanted.head == CacheTtl::OneHour,
        turns_one_hour: wanted.turns == CacheTtl::OneHour,
        min_tokens: wanted.min_tokens,
    };
    let (body, count) = invoke::place(body, placing);
    (body, told(count))
}

/// Names what is said of a cache that keeps nothing.
fn unheard(caching: &Caching, dropped: &mut Vec<&'static str>) {
    for field in &caching.said {
        if !dropped.contains(field) {
            dropped.push(field);
        }
    }
}

fn told(count: usize) -> Told {
    (count > 0).then(|| (HEADER, format!("placed={count}")))
}

/// Whether anything is to be kept of this request, by its own points or by others.
fn keeps(request: &Request, rule: Option<PromptCacheRule>, model: &ModelInfo) -> bool {
    let own = request.cache_points().next().is_some();
    model.cache.is_some_and(|support| own || Wanted::of(&request.caching, own, rule, support).any())
}

impl Wanted {
    /// What the request says, and where it says nothing and has no points of its own, what the rule says.
    fn of(caching: &Caching, own: bool, rule: Option<PromptCacheRule>, support: CacheSupport) -> Self {
        let rule = rule.filter(|_| !own);
        let by_rule = |of: fn(PromptCacheRule) -> bool| rule.is_some_and(of);
        let ruled = match rule.map(|it| it.ttl) {
            None | Some(PromptCacheTtl::FiveMinutes) => (CacheTtl::FiveMinutes, CacheTtl::FiveMinutes),
            Some(PromptCacheTtl::Auto) => (CacheTtl::OneHour, CacheTtl::FiveMinutes),
            Some(PromptCacheTtl::OneHour) => (CacheTtl::OneHour, CacheTtl::OneHour),
        };
        let (head, turns) = caching.ttl.map_or(ruled, |ttl| (ttl, ttl));
        let able = |ttl| if support.one_hour { ttl } else { CacheTtl::FiveMinutes };
        Self {
            tools: support.tools && caching.tools.unwrap_or_else(|| by_rule(|it| it.tools)),
            system: caching.system.unwrap_or_else(|| by_rule(|it| it.system)),
            messages: caching.messages.unwrap_or_else(|| by_rule(|it| it.messages)),
            head: able(head),
            turns: able(turns),
            min_tokens: rule.map_or(0, |it| it.min_tokens).max(support.min_tokens).into(),
        }
    }

    const fn any(self) -> bool {
        self.tools || self.system || self.messages
    }
}

/// The spots that are free and far enough from the beginning: the most useful, if there is not room for all.
fn spots(request: &Request, wanted: Wanted, support: CacheSupport, room: usize) -> Vec<Spot> {
    let mut scale = Scale::default();
    let (mut tools, mut system, mut turns) = (None, None, Vec::new());
    // What cannot be followed by a point is not kept with what comes behind it.
    if support.tools {
        scale.tools(request);
        let last = request.tools.iter().flat_map(|it| &it.specs).next_back();
        let free = last.is_some_and(|it| it.cache.is_none());
        tools = (wanted.tools && free && scale.tokens() >= wanted.min_tokens).then_some(Spot::Tools);
    }
    scale.system(request);
    let free = request.system.last().is_some_and(|it| !matches!(it, SystemBlock::CachePoint(_)));
    if wanted.system && free && scale.tokens() >= wanted.min_tokens {
        system = Some(Spot::System);
    }
    for (at, message) in request.messages.iter().enumerate().filter(|_| wanted.messages) {
        scale.turn(message);
        let free = message.content.last().is_some_and(|it| !matches!(it, Block::CachePoint(_)));
        if message.role == Role::User {
            turns.push((free && scale.tokens() >= wanted.min_tokens).then_some(Spot::Turn(at)));
        }
    }
    let mut latest = turns.into_iter().rev();
    let (last, previous) = (latest.next().flatten(), latest.next().flatten());
    [last, system, tools, previous].into_iter().flatten().take(room).collect()
}

/// The client's own points.
fn own(request: &Request) -> Vec<(Spot, CacheTtl)> {
    let tools = request.tools.iter().flat_map(|it| &it.specs).filter_map(|it| it.cache);
    let system = request.system.iter().filter_map(|it| match it {
        SystemBlock::CachePoint(ttl) => Some(*ttl),
        _ => None,
    });
    let turns = request.messages.iter().enumerate().flat_map(|(at, message)| {
        message.content.iter().filter_map(move |it| match it {
            Block::CachePoint(ttl) => Some((Spot::Turn(at), *ttl)),
            _ => None,
        })
    });
    let system = system.map(|ttl| (Spot::System, ttl));
    tools.map(|ttl| (Spot::Tools, ttl)).chain(system).chain(turns).collect()
}

/// Bedrock refuses an hour behind five minutes: the client's points decide, where there are some.
fn ttl(spot: Spot, wanted: Wanted, own: &[(Spot, CacheTtl)]) -> CacheTtl {
    let before = |it: &&(Spot, CacheTtl)| it.0 <= spot;
    if own.iter().filter(before).any(|it| it.1 == CacheTtl::FiveMinutes) {
        CacheTtl::FiveMinutes
    } else if own.iter().any(|it| it.0 > spot && it.1 == CacheTtl::OneHour) {
        CacheTtl::OneHour
    } else if matches!(spot, Spot::Turn(_)) {
        wanted.turns
    } else {
        wanted.head
    }
}

fn put(request: &mut Request, spot: Spot, ttl: CacheTtl) {
    match spot {
        Spot::Tools => {
            if let Some(last) = request.tools.as_mut().and_then(|it| it.specs.last_mut()) {
                last.cache = Some(ttl);
            }
        }
        Spot::System => request.system.push(SystemBlock::CachePoint(ttl)),
        Spot::Turn(at) => request.messages[at].content.push(Block::CachePoint(ttl)),
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
