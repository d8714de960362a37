//! Lists of users.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Role, User, UserId};

use super::super::Stores;
use super::super::changed::done;
use super::super::pages::pages;
use super::super::samples::{at, draft, membership, team, team_id, user, user_id};
use super::insert;
use crate::UserFilter;

pub(super) async fn run<S, F, Fut>(make: &F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    users_are_listed_newest_first(&*make().await).await;
    pages_lose_nothing_of_one_moment(&*make().await).await;
    a_page_may_begin_behind_what_is_gone(&*make().await).await;
    a_teams_users_are_listed(&*make().await).await;
    a_beginning_of_a_name_is_taken_to_the_letter(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
}

async fn users_are_listed_newest_first(store: &impl Stores) {
    for number in [3, 1, 5, 2, 4] {
        insert(store, &user(number)).await;
    }
    assert_eq!(list(store, UserFilter::default(), 2).await, [5, 4, 3, 2, 1].map(user_id));
    assert_eq!(list(store, UserFilter::default(), 5).await.len(), 5, "a page filled to the brim");
}

async fn pages_lose_nothing_of_one_moment(store: &impl Stores) {
    for number in 1..=7 {
        insert(store, &User { created_at: at(0), ..user(number) }).await;
    }
    let mut listed = list(store, UserFilter::default(), 2).await;
    listed.sort();
    assert_eq!(listed, [1, 2, 3, 4, 5, 6, 7].map(user_id));
}

async fn a_page_may_begin_behind_what_is_gone(store: &impl Stores) {
    for number in 1..=3 {
        insert(store, &user(number)).await;
    }
    done(store.delete_user(&user(2), at(100), &draft("user.delete")).await);
    let page = store.list_users(&UserFilter::default(), Some(user_id(2)), 10).await.unwrap();
    assert_eq!(page.items, [user(1)]);
}

async fn a_teams_users_are_listed(store: &impl Stores) {
    for number in 1..=2 {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
    for (number, teams) in [(1, &[1][..]), (2, &[1, 2]), (3, &[2]), (4, &[]), (5, &[1])] {
        insert(store, &user(number)).await;
        for team in teams {
            done(store.set_membership(&membership(number, *team, Role::Viewer), &draft("member.set")).await);
        }
    }
    let of = |team| UserFilter { team: Some(team_id(team)), ..UserFilter::default() };
    assert_eq!(list(store, of(1), 1).await, [5, 2, 1].map(user_id));
    assert_eq!(list(store, of(2), 10).await, [3, 2].map(user_id));
    assert!(list(store, of(9), 10).await.is_empty());
}

async fn a_beginning_of_a_name_is_taken_to_the_letter(store: &impl Stores) {
    for (number, name) in ["100% sure", "100 per cent", "a_b", "axb", "\\%"].iter().enumerate() {
        insert(store, &User { name: (*name).to_owned(), ..user(number.try_into().unwrap()) }).await;
    }
    let found = async |prefix: &str| {
        let filter = UserFilter { name_prefix: Some(prefix.to_owned()), ..UserFilter::default() };
        list(store, filter, 10).await
    };
    assert_eq!(found("100%").await, [user_id(0)]);
    assert_eq!(found("a_").await, [user_id(2)]);
    assert_eq!(found("\\").await, [user_id(4)]);
    assert!(found("A").await.is_empty(), "capitals are other letters");
    assert!(found("%").await.is_empty());
}

async fn filters_narrow_each_other(store: &impl Stores) {
    done(store.insert_team(&team(1), &draft("team.create")).await);
    for number in 1..=4 {
        let name = if number == 3 { "other".to_owned() } else { format!("wanted {number}") };
        let disabled_at = (number % 2 == 0).then_some(at(9));
        insert(store, &User { name, disabled_at, ..user(number) }).await;
        if number < 4 {
            done(store.set_membership(&membership(number, 1, Role::Viewer), &draft("member.set")).await);
        }
    }
    let disabled = |disabled| UserFilter { disabled: Some(disabled), ..UserFilter::default() };
    assert_eq!(list(store, disabled(true), 10).await, [4, 2].map(user_id));
    assert_eq!(list(store, disabled(false), 10).await, [3, 1].map(user_id));
    let filter =
        UserFilter { team: Some(team_id(1)), name_prefix: Some("wanted".to_owned()), ..disabled(true) };
    assert_eq!(list(store, filter, 10).await, [user_id(2)]);
}

async fn list(store: &impl Stores, filter: UserFilter, limit: usize) -> Vec<UserId> {
    let page = async |after, limit| store.list_users(&filter, after, limit).await;
    pages(limit, |user: &User| user.id, page).await
}
