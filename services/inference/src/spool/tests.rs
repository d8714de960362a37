use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_types::UsageId;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ship::Shipper;
use std::path::Path;

use super::*;
use crate::fixtures::{TestLedger, usage_record};

const PLENTY: u64 = 1 << 30;
const FLUSH: Duration = Duration::from_millis(10);

fn fill(spool: &Spool, numbers: std::ops::RangeInclusive<u128>) {
    numbers.for_each(|number| spool.append(&usage_record(number)));
}

pub(super) async fn ship(spool: &Arc<Spool>, ledger: &Arc<TestLedger>) -> bool {
    Shipper::new(Arc::clone(spool), Arc::clone(ledger) as _, FLUSH).round().await
}

pub(super) fn open(root: &TempDir, instance: &str) -> Arc<Spool> {
    Arc::new(Spool::open(root.path().to_owned(), instance, PLENTY).unwrap())
}

pub(super) fn files_in(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_a_killed_process_wrote_arrives_after_the_next_start() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let killed = Spool::open(root.path().to_owned(), "a", PLENTY).unwrap();
    fill(&killed, 1..=20);
    drop(killed);

    let spool = open(&root, "b");
    fill(&spool, 21..=30);
    assert!(ship(&spool, &ledger).await);
    assert_eq!(ledger.numbers(), (1..=30).collect::<Vec<_>>());
    assert_eq!(files_in(root.path()), ["b", "lock"], "the dead process's folder is gone");
}

#[tokio::test]
async fn the_folder_of_a_living_process_is_left_alone() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let living = open(&root, "a");
    fill(&living, 1..=1);
    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    assert!(ledger.numbers().is_empty());
    assert!(ship(&living, &ledger).await);
    assert_eq!(ledger.numbers(), [1]);
}

#[tokio::test]
async fn a_torn_last_record_is_forgotten_and_the_rest_arrives() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let killed = Spool::open(root.path().to_owned(), "a", PLENTY).unwrap();
    fill(&killed, 1..=3);
    let path = killed.folder.segment(1);
    drop(killed);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();

    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    assert_eq!(ledger.numbers(), [1, 2]);
    assert_eq!(files_in(&root.path().join("b")), ["lock"]);
}

#[tokio::test]
async fn a_spoilt_record_is_kept_for_people_and_the_others_arrive() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let killed = Spool::open(root.path().to_owned(), "a", PLENTY).unwrap();
    fill(&killed, 1..=3);
    let path = killed.folder.segment(1);
    drop(killed);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, &bytes).unwrap();

    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    assert_eq!(ledger.numbers(), [1, 3]);
    assert_eq!(files_in(&root.path().join("b")), ["lock"]);
    let bad = files_in(&root.path().join("bad"));
    assert_eq!(bad, ["b-0000000000000001.bad"]);
    assert_eq!(fs::read(root.path().join("bad").join(&bad[0])).unwrap(), bytes);
    assert!(spool.has_room());
    assert_eq!(spool.bytes.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_ledger_is_known_by_size_and_age() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, FLUSH);
    fill(&spool, 1..=3);
    ledger.set_away(true);
    assert!(!shipper.round().await);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!shipper.round().await);
    let (bytes, waits) = shipper.waiting();
    assert_eq!(bytes, spool.bytes.load(Ordering::Relaxed));
    assert!(waits >= Duration::from_secs(60), "{waits:?}");
    ledger.set_away(false);
    assert!(shipper.round().await);
    assert_eq!(shipper.waiting(), (0, Duration::ZERO), "though the file may stay for a while");
}

#[tokio::test]
async fn a_full_spool_says_so_until_the_ledger_has_taken_it() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = Arc::new(Spool::open(root.path().to_owned(), "a", 4096).unwrap());
    ledger.set_away(true);
    let mut number = 0;
    while spool.has_room() {
        number += 1;
        spool.append(&usage_record(number));
        assert!(number < 100, "the bound holds");
    }
    // A call that was under way is metered all the same.
    spool.append(&usage_record(number + 1));
    assert!(!ship(&spool, &ledger).await);
    assert!(!spool.has_room());
    ledger.set_away(false);
    assert!(ship(&spool, &ledger).await);
    assert!(spool.has_room());
    assert_eq!(ledger.numbers(), (1..=number + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn records_arrive_once_each_over_an_outage_and_a_restart() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    {
        let spool = open(&root, "a");
        fill(&spool, 1..=600);
        assert!(ship(&spool, &ledger).await, "shipped, and still in the active segment");
        ledger.set_away(true);
        fill(&spool, 601..=700);
        assert!(!ship(&spool, &ledger).await);
    }
    ledger.set_away(false);
    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    assert_eq!(ledger.numbers(), (1..=700).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_refused_record_does_not_hold_up_the_others() {
    let refuses = Some(UsageId::new(Uuid::from_u128(2)));
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger { refuses, ..TestLedger::default() }));
    let spool = open(&root, "a");
    fill(&spool, 1..=3);
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, FLUSH);
    assert!(shipper.round().await);
    assert!(shipper.round().await);
    assert_eq!(ledger.numbers(), [1, 3]);
    assert_eq!(files_in(&root.path().join("bad")).len(), 1);
}

#[tokio::test]
async fn a_segment_that_is_refused_whole_is_set_aside_once_the_ledger_takes_others() {
    let refuses = Some(UsageId::new(Uuid::from_u128(1)));
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger { refuses, ..TestLedger::default() }));
    let killed = open(&root, "a");
    fill(&killed, 1..=1);
    drop(killed);
    let spool = open(&root, "b");
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, FLUSH);
    assert!(!shipper.round().await, "it may be the ledger's fault");
    assert!(!root.path().join("bad").exists());
    fill(&spool, 2..=2);
    shipper.round().await;
    assert_eq!(ledger.numbers(), [2]);
    assert_eq!(files_in(&root.path().join("bad")).len(), 1);
    assert!(shipper.round().await);
}

#[tokio::test]
async fn shipped_records_are_not_sent_again_and_large_segments_are_deleted() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, FLUSH);
    fill(&spool, 1..=2);
    shipper.round().await;
    let calls = ledger.calls.load(Ordering::SeqCst);
    shipper.round().await;
    assert_eq!(ledger.calls.load(Ordering::SeqCst), calls);
    fill(&spool, 3..=5_000);
    assert!(files_in(&root.path().join("a")).len() > 2, "several segments");
    shipper.round().await;
    shipper.round().await;
    assert_eq!(files_in(&root.path().join("a")), ["lock"]);
    assert_eq!(ledger.numbers().len(), 5_000);
}

#[tokio::test]
async fn a_disk_that_refuses_stops_calls_and_loses_nothing() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    // A folder stands where the segment should be.
    fs::create_dir(spool.folder.segment(1)).unwrap();
    fill(&spool, 1..=2);
    assert!(!spool.has_room());
    assert_eq!(spool.report_lost(), 2, "at the end of a process these would be lost");
    fs::remove_dir(spool.folder.segment(1)).unwrap();
    assert!(ship(&spool, &ledger).await);
    assert!(spool.has_room());
    assert_eq!(ledger.numbers(), [1, 2]);
    assert_eq!(spool.report_lost(), 0);
}

#[tokio::test]
async fn a_call_without_a_mark_is_not_made_until_the_disk_takes_something() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    fs::create_dir(spool.folder.segment(1)).unwrap();
    assert!(spool.begin(&usage_record(1), None).is_err());
    ship(&spool, &ledger).await;
    assert!(!spool.has_room(), "nothing waits, and nothing can be written");
    fs::remove_dir(spool.folder.segment(1)).unwrap();
    assert!(ship(&spool, &ledger).await);
    assert!(spool.has_room());
    spool.begin(&usage_record(2), None).unwrap();
    spool.append(&usage_record(2));
    assert!(ship(&spool, &ledger).await);
    assert_eq!(ledger.numbers(), [2], "a try leaves nothing behind");
}

#[tokio::test(start_paused = true)]
async fn the_shipper_ships_by_itself_and_stops_when_told() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, FLUSH);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let running = tokio::spawn(async move { shipper.run(&stopped).await });
    fill(&spool, 1..=3);
    while ledger.numbers().len() < 3 {
        tokio::time::sleep(FLUSH).await;
    }
    stop.cancel();
    running.await.unwrap();
}
