//! Where points come to stand, by rule and by the request's own wish.

use outcrop_chat::{Message, ToolChoice, ToolSpec, Tools};

use super::*;
use crate::fixtures::model_info;

const FIVE: CacheTtl = CacheTtl::FiveMinutes;
const HOUR: CacheTtl = CacheTtl::OneHour;

fn model(min_tokens: u32, one_hour: bool, tools: bool) -> ModelInfo {
    ModelInfo { cache: Some(CacheSupport { min_tokens, one_hour, tools }), ..model_info() }
}

fn rule(ttl: PromptCacheTtl) -> Option<PromptCacheRule> {
    Some(PromptCacheRule { ttl, ..PromptCacheRule::default() })
}

fn turn(role: Role, text: &str) -> Message {
    Message { role, content: vec![Block::Text(text.into())] }
}

/// Two tools, instructions, and the user's, the model's and the user's words.
fn request() -> Request {
    let spec = |name: &str| ToolSpec { name: name.into(), ..ToolSpec::default() };
    let tools = Tools {
        specs: vec![spec("b"), spec("a")],
        system: Vec::new(),
        choice: ToolChoice::Named("b".into()),
        parallel: None,
    };
    Request {
        tools: Some(tools),
        system: vec!["Be brief.".into()],
        messages: vec![turn(Role::User, "one"), turn(Role::Assistant, "two"), turn(Role::User, "three")],
        ..Request::default()
    }
}

fn points(request: &Request) -> Vec<(Spot, CacheTtl)> {
    own(request)
}

#[test]
fn a_rule_marks_tools_instructions_and_the_users_last_two_turns() {
    let mut found = request();
    let mut dropped = Vec::new();
    let told = add(&mut found, rule(PromptCacheTtl::Auto), &model(0, true, true), &mut dropped);
    assert_eq!(told, Some((HEADER, "placed=4".to_owned())));
    let expected = [(Spot::Tools, HOUR), (Spot::System, HOUR), (Spot::Turn(0), FIVE), (Spot::Turn(2), FIVE)];
    assert_eq!(points(&found), expected);
    let tools = found.tools.unwrap();
    assert_eq!(tools.specs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(tools.specs[1].cache.is_some() && tools.choice == ToolChoice::Named("b".into()));
    assert!(dropped.is_empty());
}

#[test]
fn lifetimes_are_as_the_rule_says_and_the_model_can() {
    let ttls = |ttl, one_hour| {
        let mut found = request();
        place(&mut found, rule(ttl), &model(0, one_hour, true));
        found.cache_points().collect::<Vec<_>>()
    };
    assert_eq!(ttls(PromptCacheTtl::FiveMinutes, true), [FIVE; 4]);
    assert_eq!(ttls(PromptCacheTtl::OneHour, true), [HOUR; 4]);
    assert_eq!(ttls(PromptCacheTtl::OneHour, false), [FIVE; 4]);
    assert_eq!(ttls(PromptCacheTtl::Auto, false), [FIVE; 4]);
}

#[test]
fn short_beginnings_and_models_without_a_cache_are_left_alone() {
    let ruled = rule(PromptCacheTtl::Auto);
    for model in [model(1024, true, true), ModelInfo { cache: None, ..model_info() }] {
        let mut found = request();
        assert_eq!(place(&mut found, ruled, &model), 0);
        assert_eq!(found, request());
    }
    let mut long = request();
    long.system = vec!["word ".repeat(1000).into()];
    let strict = ruled.map(|it| PromptCacheRule { min_tokens: 1200, ..it });
    assert_eq!(place(&mut long.clone(), ruled, &model(1024, true, true)), 3);
    assert_eq!(
        points(&{
            place(&mut long, ruled, &model(1024, true, true));
            long.clone()
        })[0]
            .0,
        Spot::System
    );
    assert_eq!(place(&mut request(), strict, &model(0, true, true)), 0);
}

#[test]
fn where_tools_cannot_be_followed_by_a_point_the_rest_is_marked() {
    let mut found = request();
    assert_eq!(place(&mut found, rule(PromptCacheTtl::Auto), &model(0, false, false)), 3);
    assert_eq!(points(&found)[0], (Spot::System, FIVE));
}

#[test]
fn a_rule_leaves_requests_alone_that_have_points_of_their_own() {
    let mut own = request();
    own.system.push(SystemBlock::CachePoint(FIVE));
    let mut found = own.clone();
    assert_eq!(place(&mut found, rule(PromptCacheTtl::Auto), &model(0, true, true)), 0);
    assert_eq!(found, own);
}

#[test]
fn what_a_request_asks_for_is_added_to_its_own_points_and_no_hour_comes_behind_five_minutes() {
    let asked = |own: &[(usize, CacheTtl)], ttl| {
        let mut found = request();
        for (at, ttl) in own {
            found.messages[*at].content.push(Block::CachePoint(*ttl));
        }
        found.caching =
            Caching { system: Some(true), messages: Some(true), ttl: Some(ttl), ..Caching::default() };
        place(&mut found, None, &model(0, true, true));
        points(&found)
    };
    let (system, first, last) = (Spot::System, Spot::Turn(0), Spot::Turn(2));
    assert_eq!(asked(&[], FIVE), [(system, FIVE), (first, FIVE), (last, FIVE)]);
    assert_eq!(asked(&[(0, FIVE)], HOUR), [(system, HOUR), (first, FIVE), (last, FIVE)]);
    assert_eq!(asked(&[(0, HOUR)], FIVE), [(system, HOUR), (first, HOUR), (last, FIVE)]);
    assert_eq!(asked(&[(1, HOUR); 3], FIVE).len(), 4);
    assert_eq!(asked(&[(1, HOUR); 3], FIVE)[3], (last, FIVE), "the last turn is the most useful");
}

#[test]
fn a_request_that_wants_nothing_kept_has_nothing_kept() {
    let mut found = request();
    found.caching =
        Caching { tools: Some(false), system: Some(false), messages: Some(false), ..Caching::default() };
    assert_eq!(place(&mut found, rule(PromptCacheTtl::Auto), &model(0, true, true)), 0);
}

#[test]
fn wishes_are_named_where_nothing_is_kept() {
    let mut asked = request();
    asked.caching = Caching { ttl: Some(HOUR), said: vec!["prompt_cache_retention"], ..Caching::default() };
    let named = |mut request: Request, rule, model: &ModelInfo| {
        let mut dropped = vec!["seed"];
        add(&mut request, rule, model, &mut dropped);
        dropped
    };
    let able = model(0, true, true);
    assert_eq!(named(asked.clone(), None, &able), ["seed", "prompt_cache_retention"]);
    assert_eq!(named(asked.clone(), rule(PromptCacheTtl::Auto), &able), ["seed"]);
    let unable = ModelInfo { cache: None, ..model_info() };
    assert_eq!(named(asked, rule(PromptCacheTtl::Auto), &unable), ["seed", "prompt_cache_retention"]);
}

#[test]
fn no_more_is_kept_than_was_reserved_for() {
    let able = model(1024, true, true);
    for ttl in [PromptCacheTtl::Auto, PromptCacheTtl::FiveMinutes, PromptCacheTtl::OneHour] {
        for words in [10, 2000] {
            let mut found = request();
            found.system = vec!["word ".repeat(words).into()];
            let input = crate::metering::reserve_input(&found, &able);
            let assumed = may_keep(&found.caching, false, rule(ttl), &able, input);
            place(&mut found, rule(ttl), &able);
            let kept =
                found.cache_points().map(|ttl| if ttl == HOUR { Kept::Hour } else { Kept::FiveMinutes });
            assert_eq!(kept.max().unwrap_or_default(), assumed, "{ttl:?} {words}");
        }
    }
}
