//! From a name to targets.

use outcrop_types::{Capability, Classify as _, Condition, ErrorCode, RouteOptions};

use super::*;

const TWO: [&str; 2] = ["us-east-1", "eu-central-1"];

#[test]
fn a_model_without_a_route_is_called_in_every_region_in_their_order() {
    let world = World::new(&TWO);
    let expected = ["us-east-1 vendor.small-v1:0", "eu-central-1 vendor.small-v1:0"];
    for _ in 0..5 {
        assert_eq!(world.names(&asks("small")), expected);
    }
    assert_eq!(world.names(&Asks { asked: None, ..asks("") }), expected, "the default model");
    assert!(matches!(world.plan(&asks("none")), Err(ChatError::UnknownModel { .. })));
}

#[test]
fn groups_are_tried_in_order_and_every_target_once() {
    let groups = vec![
        group(Strategy::Ordered, &["small@eu-west-1", "small@prod/eu-west-1"]),
        group(Strategy::Ordered, &["large", "small@eu-west-1"]),
    ];
    let world = World::new(&TWO).routed(table(vec![route("chat", groups)]));
    let expected = [
        "eu-west-1 vendor.small-v1:0",
        "prod/eu-west-1 vendor.small-v1:0",
        "us-east-1 vendor.large-v1:0",
        "eu-central-1 vendor.large-v1:0",
    ];
    assert_eq!(world.names(&asks("chat")), expected);
}

#[test]
fn a_teams_route_is_for_the_team_only() {
    let own =
        Route { team: Some(asks("").team), ..route("chat", vec![group(Strategy::Ordered, &["large"])]) };
    let all = route("chat", vec![group(Strategy::Ordered, &["small"])]);
    let world = World::new(&["us-east-1"]).routed(table(vec![all, own]));
    assert_eq!(world.names(&asks("chat")), ["us-east-1 vendor.large-v1:0"]);
    let other = Asks { team: TeamId::new(Uuid::from_u128(2)), ..asks("chat") };
    assert_eq!(world.names(&other), ["us-east-1 vendor.small-v1:0"]);
}

#[test]
fn every_name_of_a_model_that_has_a_route_leads_there() {
    let groups = vec![group(Strategy::Ordered, &["large@us-west-2"])];
    let world = World::new(&TWO).routed(table(vec![route("small", groups)]));
    for name in ["small", "vendor.small-v1:0", "us.vendor.small-v1:0"] {
        let plan = world.plan(&asks(name)).unwrap();
        assert_eq!(names(&plan), ["us-west-2 vendor.large-v1:0"], "{name}");
        assert_eq!(plan.route.as_deref(), Some("small"));
    }
    // But an ARN is one resource of one account.
    let arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/small.us";
    assert_eq!(world.names(&asks(arn)), [format!("us-west-2 {arn}")]);
}

#[test]
fn what_a_route_says_holds_for_arns_of_its_model_too() {
    let bound = RouteOptions { residency: residency(&["eu"]), ..RouteOptions::default() };
    let groups = vec![group(Strategy::Ordered, &["small"])];
    let world = World::new(&TWO).routed(table(vec![Route { options: bound, ..route("small", groups) }]));
    // Of a profile the id is the model's, and so is the route.
    let arn = "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.vendor.small-v1:0";
    assert!(matches!(world.plan(&asks(arn)), Err(ChatError::OutOfBounds { .. })));
    assert_eq!(world.names(&asks("small")), ["eu-central-1 vendor.small-v1:0"]);
}

#[test]
fn conditions_choose_groups() {
    let when = |when: Condition, model: &str| Group { when, ..group(Strategy::Ordered, &[model]) };
    let tags = [("tier".to_owned(), "gold".to_owned())].into();
    let groups = vec![
        when(Condition { tags, ..Condition::default() }, "a"),
        when(Condition { uses: vec![Capability::Images, Capability::Tools], ..Condition::default() }, "b"),
        when(Condition { min_prompt_tokens: Some(50_000), ..Condition::default() }, "c"),
        when(
            Condition {
                max_prompt_tokens: Some(200),
                without: vec![Capability::Tools],
                ..Condition::default()
            },
            "d",
        ),
    ];
    let all = ["a", "b", "c", "d"].map(offer).into_iter().collect();
    let world = World::with(&["us-east-1"], Offers { all, is_careless: false });
    let world = world.routed(table(vec![route("chat", groups)]));
    let gold = [("tier".to_owned(), "gold".to_owned()), ("more".to_owned(), String::new())].into();
    let chosen = |asks: Asks<'_>| {
        let names = world.names(&asks);
        names
            .into_iter()
            .map(|it| it.replace("us-east-1 vendor.", "").replace("-v1:0", ""))
            .collect::<String>()
    };
    assert_eq!(chosen(asks("chat")), "d");
    assert_eq!(chosen(Asks { tags: &gold, ..asks("chat") }), "ad");
    assert_eq!(chosen(Asks { uses: &[Capability::Tools], ..asks("chat") }), "b");
    assert_eq!(chosen(Asks { input_tokens: 50_000, ..asks("chat") }), "c");
    let nobody = world.plan(&Asks { input_tokens: 1_000, ..asks("chat") }).unwrap_err();
    assert!(matches!(nobody, ChatError::NoTarget { .. }), "{nobody}");
}

#[test]
fn what_cannot_do_it_does_not_qualify_where_another_can() {
    let mut all = vec![offer("blind"), offer("short"), offer("able")];
    all[1].info.context_window = Some(1_000);
    all[1].info.input = vec![Modality::Text, Modality::Image];
    all[2].info.input = vec![Modality::Text, Modality::Image];
    let world = World::with(&["us-east-1"], Offers { all, is_careless: false });
    let groups = vec![group(Strategy::Ordered, &["blind", "short", "able"])];
    let world = world.routed(table(vec![
        route("chat", groups),
        route("text", vec![group(Strategy::Ordered, &["blind"])]),
    ]));
    let count = |asks: &Asks<'_>| world.names(asks).len();
    assert_eq!(count(&asks("chat")), 3);
    let images = Asks { uses: &[Capability::Images], ..asks("chat") };
    assert_eq!(count(&images), 2);
    let long = Asks { input_tokens: 900, output_tokens: Some(200), ..images };
    assert_eq!(world.names(&long), ["us-east-1 vendor.able-v1:0"]);
    // Where no other can, the model is asked, and the client told what it cannot do.
    assert_eq!(count(&Asks { asked: Some("text"), ..long }), 1);
}

#[test]
fn a_profile_is_called_in_its_geography_where_there_is_a_region_of_it() {
    let world = World::new(&TWO);
    assert_eq!(world.names(&asks("eu.vendor.small-v1:0")), ["eu-central-1 eu.vendor.small-v1:0"]);
    assert_eq!(world.names(&asks("jp.vendor.small-v1:0")).len(), 2);
}

#[test]
fn what_may_not_be_called_is_left_out_and_told_if_nothing_is_left() {
    let groups = vec![group(Strategy::Ordered, &["small", "large"])];
    let world = World::new(&["us-east-1"]).routed(table(vec![route("chat", groups)]));
    let not = |name: &'static str| {
        move |model: &ResolvedModel| match model.info.id == name || name.is_empty() {
            true => Err(ChatError::OutOfScope { model: name.to_owned() }),
            false => Ok(Bounds::default()),
        }
    };
    let plan = world.router.plan(&asks("chat"), &not("small")).unwrap();
    assert_eq!(names(&plan), ["us-east-1 vendor.large-v1:0"]);
    let refused = world.router.plan(&asks("chat"), &not("")).unwrap_err();
    assert!(matches!(refused, ChatError::OutOfScope { .. }), "{refused}");
}

#[test]
fn bounds_of_every_level_hold_at_once() {
    let bound = |areas: &[&str]| RouteOptions { residency: residency(areas), ..RouteOptions::default() };
    let regions = ["us-east-1", "eu-central-1", "eu-west-1", "eu-west-3"];
    let route = Route {
        options: bound(&["eu-central-1", "eu-west-1", "us"]),
        ..route("chat", vec![group(Strategy::Ordered, &["small"])])
    };
    let table = RouteTable { defaults: bound(&["eu"]), routes: vec![route] };
    let world = World::new(&regions).routed(table);
    assert_eq!(world.names(&asks("chat")).len(), 2);
    let own = |_: &ResolvedModel| Ok(Bounds::default().and(&residency(&["eu-west-1", "eu-west-3"])));
    let plan = world.router.plan(&asks("chat"), &own).unwrap();
    assert_eq!(names(&plan), ["eu-west-1 vendor.small-v1:0"]);
    let refused = world.plan(&asks("us.vendor.large-v1:0")).unwrap_err();
    assert!(matches!(&refused, ChatError::OutOfBounds { bounds, .. } if bounds == "eu"), "{refused}");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
}

#[test]
fn a_friendly_name_gets_the_way_that_stays_within_bounds() {
    let mut all = vec![offer("far")];
    all[0].on_demand = Some(vec!["us-east-1"]);
    all[0].info.profiles = vec!["eu".to_owned(), "global".to_owned()];
    let world = World::with(&["us-east-1", "eu-west-1", "ap-south-1"], Offers { all, is_careless: false });
    let expected =
        ["us-east-1 vendor.far-v1:0", "eu-west-1 eu.vendor.far-v1:0", "ap-south-1 global.vendor.far-v1:0"];
    assert_eq!(world.names(&asks("far")), expected);
    let eu = |_: &ResolvedModel| Ok(Bounds::default().and(&residency(&["eu"])));
    assert_eq!(names(&world.router.plan(&asks("far"), &eu).unwrap()), expected[1..2]);
    let asia = |_: &ResolvedModel| Ok(Bounds::default().and(&residency(&["apac"])));
    assert!(matches!(world.router.plan(&asks("far"), &asia), Err(ChatError::OutOfBounds { .. })));
}

#[test]
fn a_route_adds_to_what_holds_for_all() {
    let defaults = RouteOptions { attempts: Some(5), affinity: Some(false), ..RouteOptions::default() };
    let options = RouteOptions { attempts: Some(2), ..RouteOptions::default() };
    let chat = Route { options, ..route("chat", vec![group(Strategy::Cheapest, &["small"])]) };
    let world = World::new(&TWO).routed(RouteTable { defaults, routes: vec![chat] });
    let plan = world.plan(&asks("chat")).unwrap();
    assert_eq!((plan.options.attempts, plan.options.affinity), (Some(2), Some(false)));
    assert_eq!(plan.strategy, Strategy::Cheapest);
    let implicit = world.plan(&asks("large")).unwrap();
    assert_eq!((implicit.options.attempts, implicit.route), (Some(5), None));
}
