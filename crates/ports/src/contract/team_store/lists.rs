//! Lists of teams.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Role, Team, TeamId};

use super::super::Stores;
use super::super::changed::done;
use super::super::pages::pages;
use super::super::samples::{at, draft, membership, team, team_id, user, user_id};
use super::insert;
use crate::TeamFilter;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    teams_are_listed_newest_first(&*make().await).await;
    pages_lose_nothing_of_one_moment(&*make().await).await;
    a_page_may_begin_behind_what_is_gone(&*make().await).await;
    the_teams_of_a_person_are_listed(&*make().await).await;
    a_beginning_of_a_name_is_taken_to_the_letter(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
}

async fn teams_are_listed_newest_first(store: &impl Stores) {
    for number in [3, 1, 5, 2, 4] {
        insert(store, &team(number)).await;
    }
    assert_eq!(list(store, TeamFilter::default(), 2).await, [5, 4, 3, 2, 1].map(team_id));
    assert_eq!(list(store, TeamFilter::default(), 5).await.len(), 5, "a page filled to the brim");
    let one = |number| TeamFilter { id: Some(team_id(number)), ..TeamFilter::default() };
    assert_eq!(list(store, one(3), 2).await, [team_id(3)]);
    assert!(list(store, one(9), 2).await.is_empty());
}

async fn pages_lose_nothing_of_one_moment(store: &impl Stores) {
    for number in 1..=7 {
        insert(store, &Team { created_at: at(0), ..team(number) }).await;
    }
    let mut listed = list(store, TeamFilter::default(), 2).await;
    listed.sort();
    assert_eq!(listed, [1, 2, 3, 4, 5, 6, 7].map(team_id));
}

async fn a_page_may_begin_behind_what_is_gone(store: &impl Stores) {
    for number in 1..=3 {
        insert(store, &team(number)).await;
    }
    done(store.delete_team(&team(2), at(100), &draft("team.delete")).await);
    let page = store.list_teams(&TeamFilter::default(), Some(team_id(2)), 10).await.unwrap();
    assert_eq!(page.items, [team(1)]);
}

async fn the_teams_of_a_person_are_listed(store: &impl Stores) {
    for number in 1..=4 {
        insert(store, &team(number)).await;
    }
    for number in 1..=2 {
        done(store.insert_user(&user(number), None, None, &draft("user.create")).await);
    }
    for (user, team) in [(1, 4), (1, 1), (1, 3), (2, 3), (2, 2)] {
        done(store.set_membership(&membership(user, team, Role::Viewer), &draft("member.set")).await);
    }
    let of = |user| TeamFilter { member: Some(user_id(user)), ..TeamFilter::default() };
    assert_eq!(list(store, of(1), 1).await, [4, 3, 1].map(team_id));
    assert_eq!(list(store, of(2), 10).await, [3, 2].map(team_id));
    assert!(list(store, of(9), 10).await.is_empty());
}

async fn a_beginning_of_a_name_is_taken_to_the_letter(store: &impl Stores) {
    for (number, name) in ["100% sure", "100 per cent", "a_b", "axb", "\\%"].iter().enumerate() {
        insert(store, &Team { name: (*name).to_owned(), ..team(number.try_into().unwrap()) }).await;
    }
    let found = async |prefix: &str| {
        let filter = TeamFilter { name_prefix: Some(prefix.to_owned()), ..TeamFilter::default() };
        list(store, filter, 10).await
    };
    assert_eq!(found("100%").await, [team_id(0)]);
    assert_eq!(found("a_").await, [team_id(2)]);
    assert_eq!(found("\\").await, [team_id(4)]);
    assert!(found("A").await.is_empty(), "capitals are other letters");
    assert!(found("%").await.is_empty());
}

async fn filters_narrow_each_other(store: &impl Stores) {
    done(store.insert_user(&user(1), None, None, &draft("user.create")).await);
    for number in 1..=6 {
        let name = if number == 4 { "other".to_owned() } else { format!("wanted {number}") };
        let disabled_at = (number % 2 == 0).then_some(at(9));
        insert(store, &Team { name, disabled_at, ..team(number) }).await;
        if number < 6 {
            done(store.set_membership(&membership(1, number, Role::Viewer), &draft("member.set")).await);
        }
    }
    let disabled = |disabled| TeamFilter { disabled: Some(disabled), ..TeamFilter::default() };
    assert_eq!(list(store, disabled(true), 10).await, [6, 4, 2].map(team_id));
    assert_eq!(list(store, disabled(false), 10).await, [5, 3, 1].map(team_id));
    let wanted =
        TeamFilter { member: Some(user_id(1)), name_prefix: Some("wanted".to_owned()), ..disabled(true) };
    assert_eq!(list(store, wanted.clone(), 10).await, [team_id(2)]);
    assert!(list(store, TeamFilter { id: Some(team_id(6)), ..wanted }, 10).await.is_empty());
}

async fn list(store: &impl Stores, filter: TeamFilter, limit: usize) -> Vec<TeamId> {
    let page = async |after, limit| store.list_teams(&filter, after, limit).await;
    pages(limit, |team: &Team| team.id, page).await
}
