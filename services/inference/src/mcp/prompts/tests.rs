//! What is remembered of prompts, and for how long.

use std::sync::Arc;

use outcrop_ports::contract::samples::{draft, outlined, prompt, prompt_version, team, team_id};
use outcrop_ports::{Changed, PromptStore as _, TeamStore as _};
use outcrop_sqlite::SqliteStore;
use outcrop_types::Prompt;

use super::shown::{FRESH, Shown};

#[tokio::test]
async fn a_change_is_seen_after_a_moment_and_changes_the_tag() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::connect(&folder.path().join("prompts.db")).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.insert_team(&team(1), &draft("team.create")).await.unwrap(), Changed::Done);
    let shown = Shown::new(Arc::new(store.clone()));
    let nothing = shown.of(team_id(1)).await.unwrap();
    assert!(nothing.prompts.is_empty());

    assert_eq!(store.insert_prompt(&prompt(1), &draft("prompt.create")).await.unwrap(), Changed::Done);
    assert!(shown.of(team_id(1)).await.unwrap().prompts.is_empty(), "it is remembered for a moment");
    tokio::time::pause();
    tokio::time::advance(FRESH).await;
    tokio::time::resume();
    let first = shown.of(team_id(1)).await.unwrap();
    assert_eq!(first.prompts, [outlined(prompt(1))]);
    assert_ne!(first.tag, nothing.tag);

    let second = Prompt { current: Some(2), latest: 2, version: prompt_version(1, 2), ..prompt(1) };
    let added = store.add_prompt_version(&second, &draft("prompt.add_version")).await.unwrap();
    assert_eq!(added, Changed::Done);
    let elsewhere = Shown::new(Arc::new(store.clone()));
    let there = elsewhere.of(team_id(1)).await.unwrap();
    assert_ne!(there.tag, first.tag);
    tokio::time::pause();
    tokio::time::advance(FRESH).await;
    tokio::time::resume();
    assert_eq!(shown.of(team_id(1)).await.unwrap().tag, there.tag, "every process says the same");
}
