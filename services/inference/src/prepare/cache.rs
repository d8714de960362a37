//! Where a prompt cache may keep up to.

use outcrop_chat::{Block, CacheTtl, Message, Request, SystemBlock};
use outcrop_ports::CacheSupport;

use super::taken::Taken;

/// Most cache points that Bedrock takes in one request.
pub(super) const MOST: usize = 4;

/// Takes the cache points that the model would refuse, and names the field.
///
/// Of more than four the last four stay: each keeps everything before it, so that the longest beginnings are kept.
/// One hour becomes five minutes where the model knows no other, and behind a point of five minutes, where Bedrock
/// refuses a longer one.
pub(super) fn fit(request: &mut Request, taken: &mut Taken<'_>) {
    let Some(support) = taken.model.cache else {
        let before = count(request);
        keep(request, |_| false);
        if before > 0 {
            taken.name(taken.fields.cache);
        }
        return;
    };
    if !support.tools {
        for spec in request.tools.iter_mut().flat_map(|it| &mut it.specs) {
            taken.take(&mut spec.cache, taken.fields.cache);
        }
    }
    let surplus = count(request).saturating_sub(MOST);
    if surplus > 0 {
        keep(request, |at| at >= surplus);
        taken.name(taken.fields.cache);
    }
    if shorten(request, support) {
        taken.name(taken.fields.cache_ttl);
    }
}

/// The lifetimes, in the order in which models read: tools, instructions, turns.
fn points(request: &mut Request) -> impl Iterator<Item = &mut CacheTtl> {
    let tools = request.tools.iter_mut().flat_map(|it| &mut it.specs).filter_map(|it| it.cache.as_mut());
    let system = request.system.iter_mut().filter_map(|it| match it {
        SystemBlock::CachePoint(ttl) => Some(ttl),
        _ => None,
    });
    let messages = request.messages.iter_mut().flat_map(|it| &mut it.content).filter_map(|it| match it {
        Block::CachePoint(ttl) => Some(ttl),
        _ => None,
    });
    tools.chain(system).chain(messages)
}

fn count(request: &Request) -> usize {
    request.cache_points().count()
}

/// Keeps the points whose number is wanted.
fn keep(request: &mut Request, wanted: impl Fn(usize) -> bool) {
    let mut at = 0;
    let mut stays = || {
        at += 1;
        wanted(at - 1)
    };
    for spec in request.tools.iter_mut().flat_map(|it| &mut it.specs) {
        if spec.cache.is_some() && !stays() {
            spec.cache = None;
        }
    }
    request.system.retain(|it| !matches!(it, SystemBlock::CachePoint(_)) || stays());
    for Message { content, .. } in &mut request.messages {
        content.retain(|it| !matches!(it, Block::CachePoint(_)) || stays());
    }
}

/// Whether a lifetime was shortened.
fn shorten(request: &mut Request, support: CacheSupport) -> bool {
    let (mut five_minutes_came, mut shortened) = (!support.one_hour, false);
    for ttl in points(request) {
        five_minutes_came |= *ttl == CacheTtl::FiveMinutes;
        if five_minutes_came && *ttl == CacheTtl::OneHour {
            *ttl = CacheTtl::FiveMinutes;
            shortened = true;
        }
    }
    shortened
}

#[cfg(test)]
mod tests {
    use outcrop_chat::{Role, ToolChoice, ToolSpec, Tools};
    use outcrop_ports::ModelInfo;

    use super::super::Fields;
    use super::*;

    const FIVE: CacheTtl = CacheTtl::FiveMinutes;
    const HOUR: CacheTtl = CacheTtl::OneHour;

    /// The lifetimes left for tools, instructions and turns, and what was named.
    fn fitted(
        cache: Option<(bool, bool)>,
        tools: &[CacheTtl],
        system: &[CacheTtl],
        turns: &[CacheTtl],
    ) -> (Vec<CacheTtl>, Vec<&'static str>) {
        let specs = tools.iter().map(|ttl| ToolSpec { cache: Some(*ttl), ..ToolSpec::default() }).collect();
        let content =
            turns.iter().flat_map(|ttl| [Block::Text("a".into()), Block::CachePoint(*ttl)]).collect();
        let mut request = Request {
            tools: Some(Tools { specs, system: vec![], choice: ToolChoice::Auto, parallel: None }),
            system: system.iter().map(|ttl| SystemBlock::CachePoint(*ttl)).collect(),
            messages: vec![Message { role: Role::User, content }],
            ..Request::default()
        };
        let cache = cache.map(|(one_hour, tools)| CacheSupport { min_tokens: 1, one_hour, tools });
        let model = ModelInfo { cache, ..ModelInfo::default() };
        let mut dropped = Vec::new();
        fit(&mut request, &mut Taken::new(&model, Fields::OPENAI, &mut dropped));
        (points(&mut request).map(|it| *it).collect(), dropped)
    }

    #[test]
    fn what_the_model_can_keep_stays() {
        assert_eq!(fitted(Some((true, true)), &[HOUR], &[HOUR], &[FIVE]), (vec![HOUR, HOUR, FIVE], vec![]));
        assert_eq!(fitted(None, &[], &[], &[]), (vec![], vec![]));
    }

    #[test]
    fn what_it_cannot_is_taken_and_named() {
        assert_eq!(fitted(None, &[FIVE], &[FIVE], &[FIVE]), (vec![], vec!["cache_control"]));
        assert_eq!(fitted(Some((true, false)), &[FIVE], &[FIVE], &[]), (vec![FIVE], vec!["cache_control"]));
        let (left, named) = fitted(Some((true, true)), &[FIVE], &[FIVE; 2], &[FIVE; 3]);
        assert_eq!((left.len(), named), (4, vec!["cache_control"]));
    }

    #[test]
    fn the_last_four_points_stay() {
        let (left, _) = fitted(Some((true, true)), &[HOUR, HOUR], &[HOUR], &[FIVE; 2]);
        assert_eq!(left, [HOUR, HOUR, FIVE, FIVE]);
    }

    #[test]
    fn an_hour_becomes_five_minutes_where_it_cannot_be() {
        assert_eq!(fitted(Some((false, true)), &[], &[HOUR], &[]), (vec![FIVE], vec!["cache_control.ttl"]));
        let (left, named) = fitted(Some((true, true)), &[], &[FIVE], &[HOUR]);
        assert_eq!((left, named), (vec![FIVE, FIVE], vec!["cache_control.ttl"]));
    }
}
