//! What every [`FileStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{FileId, FilePurpose, FileStatus, StoredFile, Subject, TeamId};

use super::at_once;
use super::pages::pages;
use super::samples::{at, file, file_id, service_account_id, team_id};
use crate::{FileFilter, FileInserted, FileRemoved, FileStore};

/// Runs the suite. `make` gives an empty store each time.
pub async fn file_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn FileStore>>,
{
    a_file_is_found_as_it_was_written(&*make().await).await;
    an_id_is_used_once(&*make().await).await;
    a_quota_is_kept_to_the_byte(&*make().await).await;
    a_quota_holds_for_those_who_add_at_once(make().await).await;
    lists_go_both_ways_page_by_page(&*make().await).await;
    lists_are_narrowed(&*make().await).await;
    one_that_is_over_does_not_exist(&*make().await).await;
    a_pending_one_is_completed_once(&*make().await).await;
    a_leftover_is_counted_and_not_found(&*make().await).await;
    a_pending_one_that_was_removed_waits(&*make().await).await;
    removal_takes_two_steps(&*make().await).await;
    what_nobody_completed_is_removed(&*make().await).await;
    removal_is_bounded(&*make().await).await;
}

/// No file of these tests is as large as this.
const PLENTY: u64 = 1 << 40;

async fn insert(store: &dyn FileStore, file: &StoredFile) {
    assert_eq!(store.insert_file(file, PLENTY).await.unwrap(), FileInserted::Yes);
}

fn of(team: TeamId) -> FileFilter {
    FileFilter { team, purpose: None, ascending: false }
}

async fn listed(store: &dyn FileStore, filter: &FileFilter, now: i64) -> Vec<FileId> {
    let list = async |after, limit| store.list_files(filter, after, limit, at(now)).await;
    pages(2, |file: &StoredFile| file.id, list).await
}

async fn to_remove(store: &dyn FileStore, now: i64) -> Vec<FileId> {
    let files = store.files_to_remove(at(now), at(now - 50), 100).await.unwrap();
    let mut ids: Vec<_> = files.iter().map(|file| file.id).collect();
    ids.sort_unstable();
    ids
}

async fn a_file_is_found_as_it_was_written(store: &dyn FileStore) {
    let plain = file(1, team_id(1));
    let other = StoredFile {
        owner: Subject::ServiceAccount(service_account_id(9)),
        filename: "a \"name\"; ä/\u{1f980}.txt".to_owned(),
        bytes: (1 << 39) + 1,
        sha256: None,
        status: FileStatus::Pending,
        expires_at: Some(at(100)),
        ..file(2, team_id(1))
    };
    for file in [&plain, &other] {
        insert(store, file).await;
        assert_eq!(store.lookup_file(file.id, at(5)).await.unwrap().as_ref(), Some(file));
    }
    for (number, purpose) in (10..).zip(FilePurpose::ALL) {
        let file = StoredFile { purpose, ..file(number, team_id(2)) };
        insert(store, &file).await;
        assert_eq!(store.lookup_file(file.id, at(5)).await.unwrap(), Some(file));
    }
    assert_eq!(store.lookup_file(file_id(3), at(5)).await.unwrap(), None);
}

async fn an_id_is_used_once(store: &dyn FileStore) {
    insert(store, &file(1, team_id(1))).await;
    assert!(store.insert_file(&file(1, team_id(2)), PLENTY).await.is_err());
    assert_eq!(store.lookup_file(file_id(1), at(5)).await.unwrap(), Some(file(1, team_id(1))));
}

async fn a_quota_is_kept_to_the_byte(store: &dyn FileStore) {
    let (one, two) = (team_id(1), team_id(2));
    assert_eq!(store.used_by_files(one).await.unwrap(), 0);
    let pending = StoredFile { status: FileStatus::Pending, ..file(1, one) };
    assert_eq!(store.insert_file(&pending, 299).await.unwrap(), FileInserted::Yes);
    assert_eq!(store.insert_file(&file(2, one), 299).await.unwrap(), FileInserted::Yes);
    assert_eq!(store.insert_file(&file(3, one), 299).await.unwrap(), FileInserted::OverQuota { used: 200 });
    assert_eq!(store.lookup_file(file_id(3), at(5)).await.unwrap(), None);
    assert_eq!(store.insert_file(&file(3, one), 300).await.unwrap(), FileInserted::Yes);
    assert_eq!(store.used_by_files(one).await.unwrap(), 300);
    assert_eq!(store.insert_file(&file(4, two), 100).await.unwrap(), FileInserted::Yes);
    store.remove_file(file_id(2), at(5), at(5)).await.unwrap();
    assert_eq!(store.used_by_files(one).await.unwrap(), 200);
    assert_eq!(store.insert_file(&file(5, one), 300).await.unwrap(), FileInserted::Yes);
}

async fn a_quota_holds_for_those_who_add_at_once(store: Arc<dyn FileStore>) {
    let inserted = at_once(20, |number| {
        let store = Arc::clone(&store);
        async move { store.insert_file(&file(number, team_id(1)), 700).await.unwrap() }
    })
    .await;
    assert_eq!(inserted.iter().filter(|it| **it == FileInserted::Yes).count(), 7);
    assert_eq!(store.used_by_files(team_id(1)).await.unwrap(), 700);
}

async fn lists_go_both_ways_page_by_page(store: &dyn FileStore) {
    for number in 1..=5 {
        insert(store, &file(number, team_id(1))).await;
        insert(store, &file(100 + number, team_id(2))).await;
    }
    let ids = |numbers: [u32; 5]| numbers.map(file_id).to_vec();
    assert_eq!(listed(store, &of(team_id(1)), 10).await, ids([5, 4, 3, 2, 1]));
    let ascending = FileFilter { ascending: true, ..of(team_id(1)) };
    assert_eq!(listed(store, &ascending, 10).await, ids([1, 2, 3, 4, 5]));
    assert!(listed(store, &of(team_id(3)), 10).await.is_empty());
}

async fn lists_are_narrowed(store: &dyn FileStore) {
    insert(store, &file(1, team_id(1))).await;
    insert(store, &StoredFile { purpose: FilePurpose::Vision, ..file(2, team_id(1)) }).await;
    insert(store, &StoredFile { expires_at: Some(at(10)), ..file(3, team_id(1)) }).await;
    insert(store, &file(4, team_id(1))).await;
    store.remove_file(file_id(4), at(5), at(5)).await.unwrap();
    assert_eq!(listed(store, &of(team_id(1)), 9).await, [3, 2, 1].map(file_id));
    assert_eq!(listed(store, &of(team_id(1)), 10).await, [2, 1].map(file_id));
    let vision = FileFilter { purpose: Some(FilePurpose::Vision), ..of(team_id(1)) };
    assert_eq!(listed(store, &vision, 9).await, [file_id(2)]);
}

async fn one_that_is_over_does_not_exist(store: &dyn FileStore) {
    insert(store, &StoredFile { expires_at: Some(at(10)), ..file(1, team_id(1)) }).await;
    let just_before = at(10) - chrono::TimeDelta::microseconds(1);
    assert!(store.lookup_file(file_id(1), just_before).await.unwrap().is_some());
    assert!(store.files_to_remove(just_before, at(0), 9).await.unwrap().is_empty());
    assert_eq!(store.lookup_file(file_id(1), at(10)).await.unwrap(), None);
    assert_eq!(store.remove_file(file_id(1), at(10), at(10)).await.unwrap(), FileRemoved::NotThere);
    assert_eq!(to_remove(store, 10).await, [file_id(1)]);
}

async fn leftover(store: &dyn FileStore, number: u32) -> StoredFile {
    let file = StoredFile { status: FileStatus::Pending, ..file(number, team_id(1)) };
    assert_eq!(store.insert_leftover(&file, at(70), None).await.unwrap(), FileInserted::Yes);
    file
}

async fn a_pending_one_is_completed_once(store: &dyn FileStore) {
    let pending = StoredFile { status: FileStatus::Pending, ..file(1, team_id(1)) };
    insert(store, &pending).await;
    let (copy, other) = (leftover(store, 11).await, leftover(store, 12).await);
    assert_eq!(store.complete_file(file_id(1), 99, file_id(19)).await.unwrap(), None, "there is no copy");
    let done =
        StoredFile { status: FileStatus::Uploaded, bytes: 99, blob: copy.blob.clone(), ..pending.clone() };
    assert_eq!(store.complete_file(file_id(1), 99, copy.id).await.unwrap(), Some(done.clone()));
    assert_eq!(store.complete_file(file_id(1), 98, other.id).await.unwrap(), None);
    assert_eq!(store.complete_file(file_id(2), 98, other.id).await.unwrap(), None);
    assert_eq!(store.lookup_file(file_id(1), at(5)).await.unwrap(), Some(done));
    // Nor is one that was removed.
    let removed = StoredFile { id: file_id(4), ..pending.clone() };
    insert(store, &removed).await;
    store.remove_file(file_id(4), at(5), at(5)).await.unwrap();
    assert_eq!(store.complete_file(file_id(4), 98, other.id).await.unwrap(), None);
    store.forget_file(file_id(4)).await.unwrap();
    // What was sent is left over where it was sent to, and what was copied in vain where it was copied to.
    assert!(store.files_to_remove(at(69), at(0), 9).await.unwrap().is_empty());
    let left = store.files_to_remove(at(70), at(0), 9).await.unwrap();
    assert_eq!(left, [StoredFile { blob: pending.blob, ..copy }, other]);
}

async fn a_leftover_is_counted_and_not_found(store: &dyn FileStore) {
    let file = leftover(store, 1).await;
    assert_eq!(store.lookup_file(file.id, at(5)).await.unwrap(), None);
    assert!(listed(store, &of(team_id(1)), 5).await.is_empty());
    assert_eq!(store.used_by_files(team_id(1)).await.unwrap(), 100);
    let other = StoredFile { id: file_id(2), ..file.clone() };
    let refused = FileInserted::OverQuota { used: 100 };
    assert_eq!(store.insert_leftover(&other, at(70), Some(199)).await.unwrap(), refused);
    assert_eq!(store.insert_leftover(&other, at(70), Some(200)).await.unwrap(), FileInserted::Yes);
    store.forget_file(other.id).await.unwrap();
    assert_eq!(store.insert_file(&other, 199).await.unwrap(), refused);
    assert!(to_remove(store, 51).await.is_empty(), "its time is its own");
    assert_eq!(to_remove(store, 70).await, [file.id]);
    store.forget_file(file.id).await.unwrap();
    assert_eq!(store.used_by_files(team_id(1)).await.unwrap(), 0);
}

async fn a_pending_one_that_was_removed_waits(store: &dyn FileStore) {
    let pending = StoredFile { status: FileStatus::Pending, expires_at: Some(at(30)), ..file(1, team_id(1)) };
    insert(store, &pending).await;
    assert!(store.files_to_remove(at(40), at(0), 9).await.unwrap().is_empty(), "over, but still awaited");
    assert_eq!(store.remove_file(pending.id, at(20), at(70)).await.unwrap(), FileRemoved::Yes);
    assert_eq!(store.lookup_file(pending.id, at(20)).await.unwrap(), None);
    assert!(to_remove(store, 69).await.is_empty());
    assert_eq!(store.used_by_files(team_id(1)).await.unwrap(), 100);
    assert_eq!(to_remove(store, 70).await, [pending.id]);
}

async fn removal_takes_two_steps(store: &dyn FileStore) {
    insert(store, &file(1, team_id(1))).await;
    insert(store, &file(2, team_id(1))).await;
    assert!(to_remove(store, 10).await.is_empty());
    assert_eq!(store.remove_file(file_id(1), at(10), at(10)).await.unwrap(), FileRemoved::Yes);
    assert_eq!(store.remove_file(file_id(1), at(10), at(10)).await.unwrap(), FileRemoved::NotThere);
    assert_eq!(store.remove_file(file_id(3), at(10), at(10)).await.unwrap(), FileRemoved::NotThere);
    assert_eq!(store.lookup_file(file_id(1), at(10)).await.unwrap(), None);
    let waiting = store.files_to_remove(at(10), at(0), 9).await.unwrap();
    assert_eq!(waiting, [file(1, team_id(1))], "whole: its bytes are still to be found");
    for _ in 0..2 {
        store.forget_file(file_id(1)).await.unwrap();
        assert!(to_remove(store, 10).await.is_empty());
    }
    assert!(store.lookup_file(file_id(2), at(10)).await.unwrap().is_some());
}

async fn what_nobody_completed_is_removed(store: &dyn FileStore) {
    insert(store, &StoredFile { status: FileStatus::Pending, ..file(1, team_id(1)) }).await;
    insert(store, &file(2, team_id(1))).await;
    assert!(to_remove(store, 51).await.is_empty());
    assert_eq!(to_remove(store, 52).await, [file_id(1)]);
}

async fn removal_is_bounded(store: &dyn FileStore) {
    for number in 1..=5 {
        insert(store, &file(number, team_id(number))).await;
        store.remove_file(file_id(number), at(5), at(5)).await.unwrap();
    }
    assert_eq!(store.files_to_remove(at(5), at(0), 3).await.unwrap().len(), 3);
}
