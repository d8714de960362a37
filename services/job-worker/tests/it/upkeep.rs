//! Old months leave the ledger only for the blobs.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use outcrop_job_worker::archive::{Archive, manifest_key};
use outcrop_ports::contract::samples;
use outcrop_ports::{Blobs, Ledger as _, PortError, ReportQuery, Repriced, UsageFilter, UsageMonth};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{TimeZone, UsageRecord};
use serde_json::Value;

use crate::keeper::{Keeper, keeping};

fn month(first: &str) -> UsageMonth {
    UsageMonth { first: first.parse().unwrap() }
}

/// So many records of January 2026, and one of March.
async fn recorded(keeper: &Keeper, january: u32) -> Vec<UsageRecord> {
    let mut records: Vec<_> =
        (0..january).map(|number| samples::record(number, samples::team_id(1))).collect();
    let march = UsageRecord {
        at: "2026-03-05T00:00:00Z".parse().unwrap(),
        ..samples::record(9_999, samples::team_id(2))
    };
    keeper.store.record(&records).await.unwrap();
    keeper.store.record(std::slice::from_ref(&march)).await.unwrap();
    records.push(march);
    records
}

/// What the manifest of January names: the records of each part.
async fn parts(keeper: &Keeper) -> Vec<Vec<UsageRecord>> {
    let Some(manifest) = keeper.ports.blobs.get(&manifest_key(month("2026-01-01"))).await.unwrap() else {
        return Vec::new();
    };
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut parts = Vec::new();
    for export in manifest["exports"].as_array().unwrap() {
        for part in export["parts"].as_array().unwrap() {
            let bytes = keeper.ports.blobs.get(part["key"].as_str().unwrap()).await.unwrap().unwrap();
            let mut text = String::new();
            GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
            parts.push(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        }
    }
    parts
}

/// How many files there are in all.
fn files(keeper: &Keeper) -> usize {
    let (mut count, mut folders) = (0, vec![keeper.folder.path().join("files")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { count += 1 }
        }
    }
    count
}

async fn left(keeper: &Keeper) -> usize {
    keeper.store.list_usage(&UsageFilter::default(), None, None, 2_000).await.unwrap().items.len()
}

#[tokio::test]
async fn nothing_is_put_away_unless_settings_say_so() {
    let keeper = Keeper::at("2026-11-21T20:00:00Z").await;
    recorded(&keeper, 3).await;
    keeper.upkeep(keeping(0)).keep_months().await.unwrap();
    // January is within ten months of November.
    keeper.upkeep(keeping(10)).keep_months().await.unwrap();
    assert_eq!((left(&keeper).await, files(&keeper)), (4, 0));
}

#[tokio::test]
async fn an_old_month_is_exported_verified_and_dropped() {
    let keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    let records = recorded(&keeper, 1_203).await;
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(keeper.store.months().await.unwrap(), [month("2026-03-01")]);
    let parts = parts(&keeper).await;
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0], records[..1_203], "all of January, in order, as it was");
    let key = manifest_key(month("2026-01-01"));
    let manifest = keeper.ports.blobs.get(&key).await.unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["exports"][0]["records"], 1_203);
    assert_eq!(manifest["exports"][0]["parts"][0]["records"], 1_203);
    // Sums stay.
    let query = ReportQuery {
        from: "2026-01-01T00:00:00Z".parse().unwrap(),
        until: "2026-02-01T00:00:00Z".parse().unwrap(),
        group_by: Vec::new(),
        filter: UsageFilter::default(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: 1,
    };
    assert_eq!(keeper.store.report(&query).await.unwrap().items[0].totals.requests, 1_203);
    // Again, and nothing is left to do.
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(left(&keeper).await, 1);
}

#[tokio::test]
async fn what_comes_in_late_is_added_and_nothing_is_written_over() {
    let keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    recorded(&keeper, 2).await;
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    keeper.store.record(&[samples::record(77, samples::team_id(1))]).await.unwrap();
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(keeper.store.months().await.unwrap(), [month("2026-03-01")]);
    let counts: Vec<_> = parts(&keeper).await.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 1]);
}

#[tokio::test]
async fn several_may_do_it_at_once() {
    let keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    let records = recorded(&keeper, 1_600).await;
    let one = keeper.upkeep(keeping(1));
    let other = one.clone();
    let (one, other) = tokio::join!(one.keep_months(), other.keep_months());
    // Whoever finds that records go while it counts gives up, and looks again an hour later.
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(keeper.store.months().await.unwrap(), [month("2026-03-01")]);
    let mut kept: Vec<_> = parts(&keeper).await.into_iter().flatten().collect();
    kept.sort_by_key(|record| record.id);
    kept.dedup_by_key(|record| record.id);
    assert_eq!(kept, records[..1_600], "every record is in an export that is complete");
}

/// Loses the last byte of every part.
struct Lossy(Arc<dyn Blobs>);

blobs_but_put!(Lossy {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        let length = if key.ends_with(".gz") { bytes.len() - 1 } else { bytes.len() };
        self.0.put(key, bytes.slice(..length)).await
    }
});

#[tokio::test]
async fn what_cannot_be_read_back_is_not_dropped() {
    let mut keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    recorded(&keeper, 5).await;
    keeper.ports.blobs = Arc::new(Lossy(keeper.ports.blobs.clone()));
    let error = keeper.upkeep(keeping(1)).keep_months().await.unwrap_err();
    assert!(error.chain().contains("verify an export"), "{}", error.chain());
    assert_eq!(left(&keeper).await, 6);
    assert!(keeper.ports.blobs.get(&manifest_key(month("2026-01-01"))).await.unwrap().is_none());
    assert_eq!(files(&keeper), 0, "what nobody names is removed");
}

/// Records another call whenever a manifest is written: after the export of a month and before its end.
struct Late(Arc<dyn Blobs>, Arc<SqliteStore>);

blobs_but_put!(Late {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        self.0.put(key, bytes).await?;
        if key.ends_with(".json") {
            self.1.record(&[samples::record(500, samples::team_id(1))]).await?;
        }
        Ok(())
    }
});

#[tokio::test]
async fn what_comes_after_the_export_is_exported_too_before_anything_goes() {
    let mut keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    recorded(&keeper, 5).await;
    keeper.ports.blobs = Arc::new(Late(keeper.ports.blobs.clone(), keeper.store.clone()));
    keeper.upkeep(keeping(1)).keep_months().await.unwrap_err();
    assert_eq!(left(&keeper).await, 7);
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(left(&keeper).await, 1);
    assert_eq!(parts(&keeper).await.iter().map(Vec::len).collect::<Vec<_>>(), [5, 6]);
}

#[tokio::test]
async fn as_many_records_are_not_the_same_records() {
    let keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    recorded(&keeper, 1).await;
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    // One more, late: there is one record again, and it is not the one that is exported.
    let late = samples::record(77, samples::team_id(1));
    keeper.store.record(std::slice::from_ref(&late)).await.unwrap();
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(left(&keeper).await, 1);
    assert_eq!(parts(&keeper).await[1], [late]);
}

#[tokio::test]
async fn a_new_cost_is_exported_before_anything_goes() {
    let keeper = Keeper::at("2026-04-21T20:00:00Z").await;
    let records = recorded(&keeper, 2).await;
    let ports = &keeper.ports;
    let archive =
        Archive { ledger: &*ports.ledger, blobs: &*ports.blobs, clock: &*ports.clock, ids: &*ports.ids };
    let january = month("2026-01-01");
    assert_eq!(archive.export_new(january).await.unwrap().records, 2);
    let change =
        Repriced { id: records[0].id, at: records[0].at, before: records[0].cost.clone(), after: None };
    assert_eq!(keeper.store.reprice(&[change]).await.unwrap(), 1);
    assert!(!archive.drop_exported(january).await.unwrap());
    assert_eq!(left(&keeper).await, 3);
    keeper.upkeep(keeping(1)).keep_months().await.unwrap();
    assert_eq!(parts(&keeper).await[1][0].cost, None);
    assert_eq!(left(&keeper).await, 1);
}

/// Takes no file of January.
struct Full(Arc<dyn Blobs>);

blobs_but_put!(Full {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        match key.starts_with("usage/2026-01/") {
            true => Err(PortError::unavailable("write a file", "the disk is full")),
            false => self.0.put(key, bytes).await,
        }
    }
});

#[tokio::test]
async fn one_bad_month_holds_up_no_other() {
    let mut keeper = Keeper::at("2026-06-21T20:00:00Z").await;
    recorded(&keeper, 2).await;
    keeper.ports.blobs = Arc::new(Full(keeper.ports.blobs.clone()));
    let error = keeper.upkeep(keeping(1)).keep_months().await.unwrap_err();
    assert!(error.chain().contains("the disk is full"), "{}", error.chain());
    assert_eq!(keeper.store.months().await.unwrap(), [month("2026-01-01")], "March is put away");
}
