//! The rules of where calls stay, who looks on and what is kept: from flags, and in words.

use outcrop_types::{CacheRule, GuardrailMode, GuardrailRule, GuardrailStream, Residency, Rules, Way};

use crate::cli::RulesArgs;
use crate::failure::Failure;

/// The areas that were named, if any were.
pub(super) fn residency(args: &RulesArgs) -> Result<Option<Residency>, Failure> {
    if args.residency.is_empty() {
        return Ok(None);
    }
    let taken = Residency::try_from(args.residency.clone());
    taken.map(Some).map_err(|error| Failure::Usage(format!("--residency takes {error}")))
}

/// The guardrails that were named, if any were.
pub(super) fn guardrails(args: &RulesArgs) -> Option<Vec<GuardrailRule>> {
    let named = || args.guardrails.iter().map(|it| it.0.clone()).collect();
    (!args.guardrails.is_empty()).then(named)
}

/// The rule as it shall be, if anything of it was named; what was not stays as it is.
pub(super) fn cache(args: &RulesArgs, before: &Rules) -> Option<CacheRule> {
    let RulesArgs { cache, cache_ttl, cache_tools, cache_request_control, .. } = args;
    let flags = [cache, cache_tools, cache_request_control];
    if cache_ttl.is_none() && flags.into_iter().all(Option::is_none) {
        return None;
    }
    let old = before.cache.clone().unwrap_or_default();
    Some(CacheRule {
        enabled: cache.unwrap_or(old.enabled),
        ttl_s: cache_ttl.or(old.ttl_s),
        tools: cache_tools.unwrap_or(old.tools),
        request_control: cache_request_control.unwrap_or(old.request_control),
    })
}

/// The ways that were named, if any were.
pub(super) fn ways(args: &RulesArgs) -> Option<Vec<Way>> {
    (!args.ways.is_empty()).then(|| args.ways.clone())
}

pub(super) fn ways_in_words(ways: &[Way]) -> String {
    let names: Vec<_> = ways.iter().map(|it| it.name()).collect();
    format!("work that can wait done {}", names.join(" or "))
}

pub(super) fn guardrail_in_words(rule: &GuardrailRule) -> String {
    let GuardrailRule { id, version, input, output, mode, stream } = rule;
    let side = match (input, output) {
        (true, false) => " over input",
        (false, true) => " over output",
        _ => "",
    };
    let mode = if *mode == GuardrailMode::Monitor { ", only told of" } else { "" };
    let stream = if *stream == GuardrailStream::Async { ", streams do not wait" } else { "" };
    format!("guardrail {id} version {version}{side}{mode}{stream}")
}

pub(super) fn cache_in_words(rule: &CacheRule) -> String {
    let CacheRule { enabled, ttl_s, tools, request_control } = rule;
    let kept = match (enabled, ttl_s) {
        (true, Some(ttl_s)) => format!("answers kept {ttl_s} seconds"),
        (true, None) => "answers kept".to_owned(),
        (false, _) => "answers not kept".to_owned(),
    };
    let tools = if *tools { ", with tools too" } else { "" };
    let control = if *request_control { "" } else { ", whatever requests say" };
    format!("{kept}{tools}{control}")
}
