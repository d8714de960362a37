//! What every [`PromptStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{MAX_PROMPTS, Prompt, PromptId, PromptOutline, PromptVersion};

use super::changed::{done, one_done, stale, taken};
use super::pages::pages;
use super::samples::{
    at, draft, full_template, outlined, outlined_version, prompt, prompt_id, prompt_version, team, team_id,
};
use super::trail::trail;
use super::{Stores, at_once};
use crate::{Changed, PromptFilter, PromptStore};

/// Runs the suite. `make` gives an empty store each time.
pub async fn prompt_store<S, F, Fut>(make: F)
where
    S: Stores + PromptStore,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    a_prompt_is_found_as_it_was_inserted(&*make().await).await;
    a_name_is_one_prompts_in_its_team(&*make().await).await;
    a_prompt_of_no_team_is_refused(&*make().await).await;
    of_many_prompts_of_one_name_one_wins(make().await).await;
    a_team_has_no_more_prompts_than_fit_in_memory(&*make().await).await;
    prompts_are_listed_newest_first(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
    lists_have_outlines(&*make().await).await;
    versions_are_added_and_stay(&*make().await).await;
    a_draft_is_marked_when_it_is_served_first(&*make().await).await;
    of_many_versions_at_once_one_wins(make().await).await;
    which_version_is_served_can_change(&*make().await).await;
    a_change_from_an_old_reading_is_refused(&*make().await).await;
    a_removed_prompt_is_gone_with_its_versions(&*make().await).await;
    a_deleted_teams_prompts_go_with_it(&*make().await).await;
}

async fn a_prompt_is_found_as_it_was_inserted(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    let mut full = Prompt { updated_at: at(50), revision: 7, ..prompt(2) };
    full.version.template = full_template();
    for prompt in [prompt(1), full] {
        insert(store, &prompt).await;
        let version = store.lookup_prompt_version(prompt.id, 1).await.unwrap();
        assert_eq!(version, Some(prompt.version.clone()));
        assert_eq!(store.lookup_prompt(prompt.id).await.unwrap(), Some(prompt));
    }
    assert_eq!(store.lookup_prompt(prompt_id(9)).await.unwrap(), None);
    assert_eq!(store.lookup_prompt_version(prompt_id(1), 2).await.unwrap(), None);
    assert_eq!(trail(store).await[2..], ["prompt.create", "prompt.create"]);
}

async fn a_name_is_one_prompts_in_its_team(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    insert(store, &prompt(1)).await;
    let same_name = Prompt { id: prompt_id(2), ..prompt(1) };
    taken(store.insert_prompt(&same_name, &draft("prompt.create")).await);
    assert_eq!(store.lookup_prompt(prompt_id(2)).await.unwrap(), None);
    assert_eq!(store.lookup_prompt_version(prompt_id(2), 1).await.unwrap(), None);
    assert_eq!(trail(store).await[2..], ["prompt.create"]);
    insert(store, &Prompt { team: team_id(2), ..same_name }).await;
}

async fn a_prompt_of_no_team_is_refused(store: &(impl Stores + PromptStore)) {
    stale(store.insert_prompt(&prompt(1), &draft("prompt.create")).await);
    assert_eq!(store.lookup_prompt(prompt_id(1)).await.unwrap(), None);
    assert!(trail(store).await.is_empty());
}

async fn of_many_prompts_of_one_name_one_wins(store: Arc<impl Stores + PromptStore>) {
    teams(&*store, 1).await;
    let results = at_once(10, |number| {
        let store = Arc::clone(&store);
        async move {
            let named = Prompt { id: prompt_id(number + 1), ..prompt(1) };
            store.insert_prompt(&named, &draft("prompt.create")).await
        }
    })
    .await;
    one_done(results, Changed::Taken);
}

async fn a_team_has_no_more_prompts_than_fit_in_memory(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    let most = u32::try_from(MAX_PROMPTS).unwrap();
    for number in 1..=most {
        insert(store, &Prompt { team: team_id(1), ..prompt(number) }).await;
    }
    let one_more = Prompt { team: team_id(1), ..prompt(most + 1) };
    taken(store.insert_prompt(&one_more, &draft("prompt.create")).await);
    insert(store, &Prompt { team: team_id(2), ..one_more.clone() }).await;
    assert_eq!(store.served_prompts(team_id(1)).await.unwrap().len(), MAX_PROMPTS);
    let first = Prompt { team: team_id(1), ..prompt(1) };
    done(store.delete_prompt(&first, &draft("prompt.delete")).await);
    insert(store, &Prompt { id: prompt_id(most + 2), ..one_more }).await;
}

async fn prompts_are_listed_newest_first(store: &(impl Stores + PromptStore)) {
    teams(store, 7).await;
    assert!(list(store, PromptFilter::default(), 3).await.is_empty());
    // Not in the order of age.
    for number in [3, 1, 7, 5, 2, 6, 4] {
        insert(store, &prompt(number)).await;
    }
    for limit in 1..=8 {
        let ids = list(store, PromptFilter::default(), limit).await;
        assert_eq!(ids, [7, 6, 5, 4, 3, 2, 1].map(prompt_id), "{limit} a page");
    }
}

async fn filters_narrow_each_other(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    for (number, of, current) in [(1, 1, Some(1)), (2, 1, None), (3, 2, Some(1)), (4, 2, None)] {
        insert(store, &Prompt { team: team_id(of), current, ..prompt(number) }).await;
    }
    let all = PromptFilter::default();
    let one = Some(team_id(1));
    let name = Some("prompt-2".to_owned());
    for (filter, found) in [
        (PromptFilter { team: one, ..all.clone() }, vec![2, 1]),
        (PromptFilter { archived: Some(true), ..all.clone() }, vec![4, 2]),
        (PromptFilter { archived: Some(false), team: one, ..all.clone() }, vec![1]),
        (PromptFilter { name: name.clone(), ..all.clone() }, vec![2]),
        (PromptFilter { name, team: Some(team_id(2)), ..all.clone() }, vec![]),
        (PromptFilter { team: Some(team_id(9)), ..all.clone() }, vec![]),
    ] {
        let found: Vec<_> = found.into_iter().map(prompt_id).collect();
        assert_eq!(list(store, filter.clone(), 2).await, found, "{filter:?}");
    }
}

async fn lists_have_outlines(store: &(impl Stores + PromptStore)) {
    teams(store, 1).await;
    let mut full = prompt(1);
    full.version.template = full_template();
    insert(store, &full).await;
    let listed = store.list_prompts(&PromptFilter::default(), None, 10).await.unwrap();
    assert_eq!(listed.items, [outlined(full.clone())]);
    assert_eq!(store.served_prompts(team_id(1)).await.unwrap(), [outlined(full.clone())]);
    let versions = store.list_prompt_versions(full.id, None, 10).await.unwrap();
    assert_eq!(versions.items, [outlined_version(full.version)]);
}

async fn a_draft_is_marked_when_it_is_served_first(store: &(impl Stores + PromptStore)) {
    teams(store, 1).await;
    insert(store, &prompt(1)).await;
    let draft_of = |number| PromptVersion { served_after: None, ..prompt_version(1, number) };
    let drafted = Prompt { current: Some(1), last: 1, version: draft_of(2), ..next(&prompt(1), 2) };
    done(store.add_prompt_version(&drafted, &draft("prompt.add_version")).await);
    let version = async || store.lookup_prompt_version(prompt_id(1), 2).await.unwrap().unwrap();
    assert!(!version().await.was_served());
    let archived = Prompt { current: None, revision: 1, ..drafted.clone() };
    done(store.update_prompt(&archived, &draft("prompt.archive")).await);
    let there = store.lookup_prompt(prompt_id(1)).await.unwrap().unwrap();
    assert_eq!((there.last, there.version), (1, draft_of(2)), "being archived is not being served");

    for (number, served_after, revision) in [(2, 1, 2), (1, 0, 3), (2, 7, 4)] {
        let version = PromptVersion { served_after: Some(served_after), ..draft_of(number) };
        let served = Prompt { current: Some(number), last: number, version, revision, ..drafted.clone() };
        done(store.update_prompt(&served, &draft("prompt.set_current")).await);
        let there = store.lookup_prompt(prompt_id(1)).await.unwrap().unwrap();
        assert_eq!((there.last, there.current), (number, Some(number)));
    }
    assert_eq!(version().await.served_after, Some(1), "the first time counts");
}

async fn versions_are_added_and_stay(store: &(impl Stores + PromptStore)) {
    teams(store, 1).await;
    insert(store, &prompt(1)).await;
    // The third is written and not served yet.
    let mut there = prompt(1);
    for (number, current) in [(2, Some(2)), (3, Some(2))] {
        let asked = Prompt { current, ..next(&there, number) };
        done(store.add_prompt_version(&asked, &draft("prompt.add_version")).await);
        there = Prompt { revision: there.revision + 1, ..asked };
    }
    let expected = Prompt { version: prompt_version(1, 2), ..there };
    assert_eq!((expected.latest, expected.revision), (3, 2));
    assert_eq!(store.lookup_prompt(prompt_id(1)).await.unwrap(), Some(expected));
    for limit in 1..=4 {
        let page = async |after, limit| store.list_prompt_versions(prompt_id(1), after, limit).await;
        let numbers = pages(limit, |version: &PromptVersion<PromptOutline>| version.number, page).await;
        assert_eq!(numbers, [3, 2, 1], "{limit} a page");
    }
    for number in 1..=3 {
        let found = store.lookup_prompt_version(prompt_id(1), number).await.unwrap();
        assert_eq!(found, Some(prompt_version(1, number)));
    }
    assert_eq!(trail(store).await[2..], ["prompt.add_version"; 2]);
}

async fn of_many_versions_at_once_one_wins(store: Arc<impl Stores + PromptStore>) {
    teams(&*store, 1).await;
    insert(&*store, &prompt(1)).await;
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.add_prompt_version(&next(&prompt(1), 2), &draft("prompt.add_version")).await }
    })
    .await;
    one_done(results, Changed::Stale);
    assert_eq!(trail(&*store).await[1..], ["prompt.create", "prompt.add_version"]);
}

async fn which_version_is_served_can_change(store: &(impl Stores + PromptStore)) {
    teams(store, 1).await;
    for number in 1..=3 {
        let name = ["b", "c", "a"][number as usize - 1].to_owned();
        insert(store, &Prompt { team: team_id(1), name, ..prompt(number) }).await;
    }
    let first = Prompt { name: "b".to_owned(), ..prompt(1) };
    done(store.add_prompt_version(&next(&first, 2), &draft("prompt.add_version")).await);
    let second = Prompt { revision: 1, ..next(&first, 2) };
    let back = Prompt { current: Some(1), updated_at: at(90), version: prompt_version(1, 1), ..second };
    done(store.update_prompt(&back, &draft("prompt.set_current")).await);
    let back = Prompt { revision: 2, ..back };
    assert_eq!(store.lookup_prompt(back.id).await.unwrap(), Some(back.clone()));
    assert_eq!(served(store).await, [("a", 1), ("b", 1), ("c", 1)].map(named));

    let archived = Prompt { current: None, ..back };
    done(store.update_prompt(&archived, &draft("prompt.archive")).await);
    let archived = Prompt { version: prompt_version(1, 2), revision: 3, ..archived };
    assert_eq!(store.lookup_prompt(archived.id).await.unwrap(), Some(archived.clone()), "with its newest");
    assert_eq!(served(store).await, [("a", 1), ("c", 1)].map(named));

    let again = Prompt { current: Some(2), ..archived };
    done(store.update_prompt(&again, &draft("prompt.set_current")).await);
    assert_eq!(served(store).await, [("a", 1), ("b", 2), ("c", 1)].map(named));
    assert!(store.served_prompts(team_id(2)).await.unwrap().is_empty());
}

async fn a_change_from_an_old_reading_is_refused(store: &(impl Stores + PromptStore)) {
    teams(store, 1).await;
    insert(store, &prompt(1)).await;
    done(store.add_prompt_version(&next(&prompt(1), 2), &draft("prompt.add_version")).await);
    stale(store.add_prompt_version(&next(&prompt(1), 3), &draft("prompt.add_version")).await);
    stale(store.update_prompt(&prompt(1), &draft("prompt.set_current")).await);
    stale(store.update_prompt(&prompt(2), &draft("prompt.set_current")).await);
    stale(store.delete_prompt(&prompt(1), &draft("prompt.delete")).await);
    stale(store.delete_prompt(&prompt(2), &draft("prompt.delete")).await);
    let there = store.lookup_prompt(prompt_id(1)).await.unwrap();
    assert_eq!(there, Some(Prompt { revision: 1, ..next(&prompt(1), 2) }));
    assert_eq!(store.lookup_prompt_version(prompt_id(1), 3).await.unwrap(), None);
    assert_eq!(trail(store).await[1..], ["prompt.create", "prompt.add_version"]);
}

async fn a_removed_prompt_is_gone_with_its_versions(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    insert(store, &prompt(1)).await;
    insert(store, &prompt(2)).await;
    done(store.delete_prompt(&prompt(1), &draft("prompt.delete")).await);
    assert_eq!(store.lookup_prompt(prompt_id(1)).await.unwrap(), None);
    assert_eq!(store.lookup_prompt_version(prompt_id(1), 1).await.unwrap(), None);
    assert_eq!(store.lookup_prompt(prompt_id(2)).await.unwrap(), Some(prompt(2)));
    assert_eq!(trail(store).await.last().unwrap(), "prompt.delete");
    insert(store, &Prompt { id: prompt_id(3), ..prompt(1) }).await;
}

async fn a_deleted_teams_prompts_go_with_it(store: &(impl Stores + PromptStore)) {
    teams(store, 2).await;
    insert(store, &prompt(1)).await;
    insert(store, &prompt(2)).await;
    done(store.delete_team(&team(1), at(100), &draft("team.delete")).await);
    assert_eq!(list(store, PromptFilter::default(), 10).await, [prompt_id(2)]);
    assert_eq!(store.lookup_prompt_version(prompt_id(1), 1).await.unwrap(), None);
}

async fn teams(store: &impl Stores, count: u32) {
    for number in 1..=count {
        done(store.insert_team(&team(number), &draft("team.create")).await);
    }
}

async fn insert(store: &impl PromptStore, prompt: &Prompt) {
    done(store.insert_prompt(prompt, &draft("prompt.create")).await);
}

/// The first prompt with a version of this number, which is served.
fn next(prompt: &Prompt, number: u32) -> Prompt {
    let version = prompt_version(1, number);
    let updated_at = at(80);
    Prompt { current: Some(number), last: number, latest: number, updated_at, version, ..prompt.clone() }
}

/// What is served of the first team, by name and number.
async fn served(store: &impl PromptStore) -> Vec<(String, u32)> {
    let served = store.served_prompts(team_id(1)).await.unwrap();
    served.into_iter().map(|prompt| (prompt.name, prompt.version.number)).collect()
}

fn named((name, number): (&str, u32)) -> (String, u32) {
    (name.to_owned(), number)
}

async fn list(store: &impl PromptStore, filter: PromptFilter, limit: usize) -> Vec<PromptId> {
    let page = async |after, limit| store.list_prompts(&filter, after, limit).await;
    pages(limit, |prompt: &Prompt<PromptOutline>| prompt.id, page).await
}
