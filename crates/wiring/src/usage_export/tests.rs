use outcrop_ports::{Ledger, UsageFilter};
use serde_json::json;

use super::*;

fn record(number: u128, at: &str) -> UsageRecord {
    let id = |kind: &str| format!("{kind}_{number:032x}");
    serde_json::from_value(json!({
        "id": id("use"), "request_id": "r", "at": at, "team": id("team"), "key": null,
        "subject": {"kind": "service_account", "id": id("svc")},
        "dialect": "openai", "operation": "chat", "model_asked": "m", "model_served": "vendor.m", "region": "us-east-1",
        "tokens": {"input": 3, "output": 4}, "estimated": false, "streamed": false, "latency_ms": 5,
        "first_token_ms": null, "stop_reason": "end_turn", "outcome": "completed", "error": null, "cost": null,
    }))
    .unwrap()
}

/// The files below a folder, by their names from there.
fn files(folder: &std::path::Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "ndjson") {
                // Folders of blobs are marked as such.
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('+', "");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

async fn ledger(folder: &std::path::Path, url: Option<String>) -> Arc<dyn Ledger> {
    let mut config = Config::default();
    config.data_dir.0 = folder.join("data");
    config.usage.export_url = url;
    let stores = crate::stores(&config).await.unwrap();
    stores.migrate().await.unwrap();
    stores.ledger
}

#[tokio::test]
async fn records_are_lines_of_json_by_day_and_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ledger = ledger(folder.path(), Some(format!("file://{}", out.display()))).await;
    let records = [
        record(1, "2026-01-31T23:59:59Z"),
        record(2, "2026-02-01T00:00:00Z"),
        record(3, "2026-01-31T00:00:00Z"),
    ];
    ledger.record(&records).await.unwrap();
    let written = files(&out);
    let days: Vec<_> = written.iter().map(|(name, text)| (&name[..11], text.lines().count())).collect();
    assert_eq!(days, [("2026/01/31/", 2), ("2026/02/01/", 1)], "{written:?}");
    let read: Vec<UsageRecord> = written
        .iter()
        .flat_map(|(_, text)| text.lines())
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(read, [records[0].clone(), records[2].clone(), records[1].clone()]);
    // The same records again, as after a ledger that was away: nothing is there twice.
    ledger.record(&records).await.unwrap();
    assert_eq!(files(&out), written);
    let listed = ledger.list_usage(&UsageFilter::default(), None, None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 3);
}

#[tokio::test]
async fn what_cannot_be_written_is_not_in_the_ledger_either() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ledger = ledger(folder.path(), Some(format!("file://{}", out.display()))).await;
    // Where the folder of the day should be, there is a file.
    std::fs::create_dir_all(&out).unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    std::fs::write(&out, "in the way").unwrap();
    ledger.record(&[record(1, "2026-01-31T00:00:00Z")]).await.unwrap_err();
    assert!(ledger.list_usage(&UsageFilter::default(), None, None, 10).await.unwrap().items.is_empty());
}
