//! Clients' files over HTTP.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use outcrop_config::FilesConfig;
use outcrop_types::{FileId, FilePurpose, FileStatus, StoredFile};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::files_world::{Files, file, form, text};
use crate::world::{answer, developer};

/// SHA-256 of `hello\n`.
const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

#[actix_web::test]
async fn a_file_is_kept_shown_given_out_and_removed() {
    let files = Files::new(FilesConfig::default()).await;
    let parts = [
        file("a/b\\lines.jsonl", "hello\n"),
        text("expires_after[seconds]", "3600"),
        text("expires_after[anchor]", "created_at"),
        text("purpose", "batch"),
    ];
    let (status, made) = answer(files.send(form(&parts)).header("x-outcrop-sha256", HELLO)).await;
    assert_eq!(status, 200, "{made}");
    let created = made["created_at"].as_i64().unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        made,
        json!({"id": id, "object": "file", "bytes": 6, "created_at": created, "expires_at": created + 3600,
               "filename": "lines.jsonl", "purpose": "batch", "status": "processed", "status_details": null,
               "sha256": HELLO})
    );
    assert_eq!(files.get(&format!("/v1/files/{id}")).await, (200, made.clone()));
    assert_eq!(files.get(&format!("/api/v1/files/{id}")).await, (200, made.clone()));
    let path = format!("/v1/files/{id}/content");
    let whole = files.ask(Method::GET, &path).send().await.unwrap();
    assert_eq!(whole.status(), 200);
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/jsonl");
    assert_eq!(header("etag"), format!("\"{HELLO}\""));
    assert_eq!(header("accept-ranges"), "bytes");
    assert!(header("content-disposition").starts_with("attachment; filename=\"lines.jsonl\""));
    assert_eq!(whole.text().await.unwrap(), "hello\n");
    let head = files.ask(Method::HEAD, &path).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"6".parse().unwrap()));
    let (status, gone) = answer(files.ask(Method::DELETE, &format!("/v1/files/{id}"))).await;
    assert_eq!((status, gone), (200, json!({"id": id, "object": "file", "deleted": true})));
    assert_eq!(files.get(&format!("/v1/files/{id}")).await.0, 404);
    assert_eq!(files.blobs(), 0);
}

#[actix_web::test]
async fn what_is_no_good_is_refused_by_name_and_leaves_nothing() {
    let files = Files::new(FilesConfig { max_bytes: 1_000, ..FilesConfig::default() }).await;
    let (good, purpose) = (file("a", "x"), text("purpose", "batch"));
    let cases: [(Vec<String>, u16, Value); 14] = [
        (vec![good.clone()], 400, json!("purpose")),
        (vec![purpose.clone()], 400, json!("file")),
        (vec![good.clone(), text("purpose", "batch_output")], 400, json!("purpose")),
        (vec![good.clone(), text("purpose", "fun")], 400, json!("purpose")),
        (vec![good.clone(), purpose.clone(), purpose.clone()], 400, json!("purpose")),
        (vec![good.clone(), purpose.clone(), good.clone()], 400, json!("file")),
        (vec![file("a", ""), purpose.clone()], 400, json!("file")),
        (vec![good.clone(), purpose.clone(), text("colour", "red")], 400, json!("colour")),
        (vec![good.clone(), purpose.clone(), text("expires_after", "{}")], 400, json!("expires_after")),
        (vec![good.clone(), text("purpose", &"x".repeat(2_000))], 400, json!("purpose")),
        (
            vec![good.clone(), purpose.clone(), text("expires_after[seconds]", "3600")],
            400,
            json!("expires_after[anchor]"),
        ),
        (
            vec![good.clone(), purpose.clone(), text("expires_after[seconds]", "60")],
            400,
            json!("expires_after[seconds]"),
        ),
        (vec![purpose.clone(), file("a", &"x".repeat(1_001))], 413, json!("file")),
        (vec![good.clone(), purpose.clone(), "no header".to_owned()], 400, Value::Null),
    ];
    for (parts, expected, param) in cases {
        let (status, told) = files.post(&parts).await;
        assert_eq!((status, &told["error"]["param"]), (expected, &param), "{told}");
        assert_eq!(told["error"]["type"], "invalid_request_error", "{told}");
    }
    let sent = files.send(form(&[good.clone(), purpose.clone()]));
    let (status, told) = answer(sent.header("x-outcrop-sha256", HELLO)).await;
    assert_eq!((status, &told["error"]["param"]), (400, &json!("x-outcrop-sha256")), "{told}");
    let cut = form(&[purpose.clone(), good.clone()]).replace("--\r\n", "");
    assert_eq!(answer(files.send(cut)).await.0, 400);
    // More than is read while a boundary is looked for.
    let endless = stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 50_000]))));
    assert_eq!(answer(files.send(reqwest::Body::wrap_stream(endless))).await.0, 400);
    assert_eq!(answer(files.ask(Method::POST, "/v1/files").json(&json!({}))).await.0, 415);
    assert_eq!(files.blobs(), 0);
    assert_eq!(files.get("/v1/files").await.1["data"], json!([]));
}

#[actix_web::test]
async fn names_do_no_harm() {
    let files = Files::new(FilesConfig::default()).await;
    for (given, expected) in [
        ("../../etc/passwd".to_owned(), "passwd".to_owned()),
        ("..".to_owned(), "upload".to_owned()),
        ("a\tb".to_owned(), "ab".to_owned()),
        ("é".repeat(300), "é".repeat(255)),
    ] {
        let id = files.upload(&given, "x").await;
        assert_eq!(files.get(&format!("/v1/files/{id}")).await.1["filename"], expected);
    }
    let nameless = "content-disposition: form-data; name=\"file\"\r\n\r\nx".to_owned();
    assert_eq!(files.post(&[nameless, text("purpose", "vision")]).await.1["filename"], "upload");
}

#[actix_web::test]
async fn ranges_are_given_out_alone() {
    let files = Files::new(FilesConfig::default()).await;
    let path = format!("/v1/files/{}/content", files.upload("a.bin", "0123456789").await);
    let ask = |range: &str| files.ask(Method::GET, &path).header("range", range);
    let part = ask("bytes=2-4").send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 2-4/10".parse().unwrap())
    );
    let etag = part.headers()["etag"].clone();
    assert_eq!(part.text().await.unwrap(), "234");
    assert_eq!(ask("bytes=-3").send().await.unwrap().text().await.unwrap(), "789");
    assert_eq!(ask("bytes=8-").header("if-range", etag).send().await.unwrap().status(), 206);
    assert_eq!(ask("bytes=8-").header("if-range", "\"other\"").send().await.unwrap().status(), 200);
    assert_eq!(ask("bytes=0-1,4-5").send().await.unwrap().status(), 200);
    let beyond = ask("bytes=10-").send().await.unwrap();
    assert_eq!(
        (beyond.status().as_u16(), &beyond.headers()["content-range"]),
        (416, &"bytes */10".parse().unwrap())
    );
    assert_eq!(beyond.json::<Value>().await.unwrap()["error"]["type"], "invalid_request_error");
}

#[actix_web::test]
async fn pages_follow_each_other() {
    let files = Files::new(FilesConfig::default()).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(files.upload(&number.to_string(), "x").await);
    }
    let shown = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let page = files.get("/v1/files?limit=2").await.1;
    assert_eq!((shown(&page), &page["has_more"]), (vec![ids[2].clone(), ids[1].clone()], &json!(true)));
    assert_eq!(
        (&page["object"], &page["first_id"], &page["last_id"]),
        (&json!("list"), &json!(ids[2]), &json!(ids[1]))
    );
    let page = files.get(&format!("/v1/files?limit=2&after={}", ids[1])).await.1;
    assert_eq!((shown(&page), &page["has_more"]), (vec![ids[0].clone()], &json!(false)));
    assert_eq!(shown(&files.get("/v1/files?order=asc&purpose=batch").await.1), ids);
    assert_eq!(shown(&files.get("/v1/files?purpose=vision").await.1), Vec::<String>::new());
    for bad in ["limit=0", "limit=10001", "order=up", "purpose=fun", "after=file-1", "colour=red"] {
        assert_eq!(files.get(&format!("/v1/files?{bad}")).await.0, 400, "{bad}");
    }
}

#[actix_web::test]
async fn another_teams_file_is_not_there() {
    let files = Files::new(FilesConfig::default()).await;
    let id = files.upload("a", "x").await;
    for (method, rest) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/content"),
        (Method::GET, "/url"),
        (Method::POST, "/complete"),
    ] {
        let (status, told) = answer(files.ask_as_other(method, &format!("/v1/files/{id}{rest}"))).await;
        assert_eq!((status, &told["error"]["type"]), (404, &json!("invalid_request_error")), "{told}");
    }
    assert_eq!(answer(files.ask_as_other(Method::GET, "/v1/files")).await.1["data"], json!([]));
    assert_eq!(files.get(&format!("/v1/files/{id}")).await.0, 200);
    assert_eq!(files.get("/v1/files/file-abc").await.0, 404);
}

#[actix_web::test]
async fn a_team_has_so_much_room_and_no_more() {
    let files = Files::new(FilesConfig { quota_bytes_per_team: 10, ..FilesConfig::default() }).await;
    let id = files.upload("a", "123456").await;
    let (status, told) = files.post(&[text("purpose", "batch"), file("b", "12345")]).await;
    assert_eq!(status, 403, "{told}");
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("take 6 of 10 bytes"), "{message}");
    assert_eq!(files.blobs(), 1);
    assert_eq!(answer(files.ask(Method::DELETE, &format!("/v1/files/{id}"))).await.0, 200);
    files.upload("b", "12345").await;
}

#[actix_web::test]
async fn a_file_that_a_batch_needs_stays() {
    let files = Files::new(FilesConfig::default()).await;
    let id = files.upload("a.jsonl", "{}\n").await;
    let batch = json!({"input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    assert_eq!(answer(files.ask(Method::POST, "/v1/batches").json(&batch)).await.0, 200);
    let (status, told) = answer(files.ask(Method::DELETE, &format!("/v1/files/{id}"))).await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("conflict")), "{told}");
    assert_eq!(files.get(&format!("/v1/files/{id}")).await.0, 200);
}

#[actix_web::test]
async fn bytes_go_past_us_only_where_they_can() {
    let files = Files::new(FilesConfig::default()).await;
    let id = files.upload("a", "x").await;
    assert_eq!(files.get(&format!("/v1/files/{id}/url")).await.0, 400);
    let post = |body: Value| answer(files.ask(Method::POST, "/v1/files/uploads").json(&body));
    let (status, told) = post(json!({"filename": "a", "purpose": "batch", "bytes": 3})).await;
    assert_eq!(status, 400, "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("cannot reach them directly"), "{told}");
    let (status, told) = post(json!({"filename": "a", "purpose": "batch", "bytes": 3, "colour": 1})).await;
    assert_eq!((status, &told["error"]["param"]), (400, &json!("colour")), "{told}");
    assert_eq!(
        post(json!({"filename": "a", "purpose": "batch", "bytes": 0})).await.1["error"]["param"],
        "bytes"
    );
}

/// A file of team 1, as it stands in the store.
fn stored(files: &Files, status: FileStatus, age_s: i64, left_s: Option<i64>) -> StoredFile {
    let now = files.world.ports.clock.now();
    let id = FileId::new(files.world.ports.ids.uuid());
    let caller = developer(1);
    StoredFile {
        id,
        team: caller.team,
        owner: caller.subject,
        purpose: FilePurpose::Batch,
        filename: "a".to_owned(),
        bytes: 3,
        sha256: None,
        status,
        blob: format!("files/{id}"),
        created_at: now - chrono::TimeDelta::seconds(age_s),
        expires_at: left_s.map(|left| now + chrono::TimeDelta::seconds(left)),
    }
}

#[actix_web::test]
async fn an_announced_file_is_whole_once_its_bytes_are_there() {
    let files = Files::new(FilesConfig::default()).await;
    let pending = stored(&files, FileStatus::Pending, 0, None);
    let ports = &files.world.ports;
    ports.files.insert_file(&pending, u64::MAX).await.unwrap();
    let path = format!("/v1/files/{}", pending.id);
    assert_eq!(files.get(&path).await.1["status"], "uploaded");
    assert_eq!(files.get(&format!("{path}/content")).await.0, 400);
    let complete = || answer(files.ask(Method::POST, &format!("{path}/complete")));
    assert_eq!(complete().await.0, 400);
    ports.blobs.put(&pending.blob, Bytes::from_static(b"1234")).await.unwrap();
    let (status, told) = complete().await;
    assert_eq!(status, 400);
    assert!(told["error"]["message"].as_str().unwrap().contains("4 bytes came of the 3"), "{told}");
    ports.blobs.put(&pending.blob, Bytes::from_static(b"123")).await.unwrap();
    for _ in 0..2 {
        let (status, file) = complete().await;
        assert_eq!((status, &file["status"]), (200, &json!("processed")), "{file}");
    }
}

#[actix_web::test]
async fn an_address_that_is_still_good_changes_no_file() {
    let files = Files::new(FilesConfig::default()).await;
    let pending = stored(&files, FileStatus::Pending, 0, None);
    let ports = &files.world.ports;
    ports.files.insert_file(&pending, u64::MAX).await.unwrap();
    let path = format!("/v1/files/{}", pending.id);
    let send = |text: &'static str| ports.blobs.put(&pending.blob, Bytes::from_static(text.as_bytes()));
    send("123").await.unwrap();
    assert_eq!(answer(files.ask(Method::POST, &format!("{path}/complete"))).await.0, 200);
    assert!(ports.blobs.size(&pending.blob).await.unwrap().is_none(), "what was sent was taken over");
    send("456").await.unwrap();
    for _ in 0..2 {
        let content = files.ask(Method::GET, &format!("{path}/content")).send().await.unwrap();
        assert_eq!(content.text().await.unwrap(), "123");
        assert_eq!(answer(files.ask(Method::POST, &format!("{path}/complete"))).await.0, 200);
    }
    assert_eq!(answer(files.ask(Method::DELETE, &path)).await.0, 200);
    left_over(&files, &pending.blob).await;
}

#[actix_web::test]
async fn what_is_sent_to_a_removed_file_is_removed_as_well() {
    let files = Files::new(FilesConfig::default()).await;
    let pending = stored(&files, FileStatus::Pending, 0, None);
    files.world.ports.files.insert_file(&pending, u64::MAX).await.unwrap();
    let path = format!("/v1/files/{}", pending.id);
    assert_eq!(answer(files.ask(Method::DELETE, &path)).await.0, 200);
    files.world.ports.blobs.put(&pending.blob, Bytes::from_static(b"123")).await.unwrap();
    assert_eq!(answer(files.ask(Method::POST, &format!("{path}/complete"))).await.0, 404);
    left_over(&files, &pending.blob).await;
}

/// Somebody may still send bytes there: they count, and a row leads to them when nobody can any longer.
async fn left_over(files: &Files, blob: &str) {
    let ports = &files.world.ports;
    assert_eq!(ports.files.used_by_files(developer(1).team).await.unwrap(), 3);
    let now = ports.clock.now();
    let in_time = async |minutes| {
        let then = now + chrono::TimeDelta::minutes(minutes);
        ports.files.files_to_remove(then, now - chrono::TimeDelta::days(1), 9).await.unwrap()
    };
    assert!(in_time(16).await.is_empty(), "an upload that began in time may be under way");
    let left = in_time(80).await;
    assert_eq!(left.iter().map(|file| file.blob.as_str()).collect::<Vec<_>>(), [blob]);
}

#[actix_web::test]
async fn an_upload_takes_up_room_while_it_comes() {
    let quota_bytes_per_team = 1_000_000;
    let files = Files::new(FilesConfig { quota_bytes_per_team, ..FilesConfig::default() }).await;
    let silent = stream::once(async { Ok::<_, std::io::Error>(begun()) }).chain(stream::pending());
    let sending = tokio::spawn(files.send(reqwest::Body::wrap_stream(silent)).send());
    let small = [text("purpose", "batch"), file("a", "12345")];
    for _ in 0..500 {
        if files.blobs() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(files.post(&small).await.0, 403);
    sending.abort();
    emptied(&files).await;
    for _ in 0..500 {
        if files.post(&small).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the room is not given back");
}

#[actix_web::test]
async fn what_is_over_is_removed_with_its_bytes() {
    let files = Files::new(FilesConfig::default()).await;
    let day = 24 * 3_600;
    let kept = [
        stored(&files, FileStatus::Uploaded, 9 * day, Some(60)),
        stored(&files, FileStatus::Pending, 60, None),
    ];
    let over = [
        stored(&files, FileStatus::Uploaded, 60, Some(-1)),
        stored(&files, FileStatus::Pending, day + 60, None),
    ];
    let ports = &files.world.ports;
    for file in kept.iter().chain(&over) {
        ports.files.insert_file(file, u64::MAX).await.unwrap();
        ports.blobs.put(&file.blob, Bytes::from_static(b"123")).await.unwrap();
    }
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let worker = files.worker.clone();
    actix_web::rt::spawn(async move { worker.run(stop).await });
    for _ in 0..500 {
        if files.blobs() == kept.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for file in &kept {
        assert!(ports.blobs.size(&file.blob).await.unwrap().is_some());
    }
    assert_eq!(files.blobs(), kept.len());
}

/// Waits until no blob is there.
async fn emptied(files: &Files) {
    for _ in 0..500 {
        if files.blobs() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} blobs stay", files.blobs());
}

/// The beginning of an upload.
fn begun() -> Bytes {
    let whole = form(&[text("purpose", "batch"), file("a", &"x".repeat(300_000))]);
    Bytes::from(whole).slice(..200_000)
}

#[actix_web::test]
async fn of_an_upload_that_breaks_off_nothing_stays() {
    let files = Files::new(FilesConfig::default()).await;
    let (told, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = stream::once(async move {
        let _ = wait.await;
        Err(std::io::Error::other("the client hangs up"))
    });
    let body = reqwest::Body::wrap_stream(stream::once(async { Ok(begun()) }).chain(wait));
    let sending = tokio::spawn(files.send(body).send());
    for _ in 0..500 {
        if files.blobs() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(files.blobs(), 1, "it has begun");
    told.send(()).unwrap();
    assert!(sending.await.unwrap().is_err());
    emptied(&files).await;
    assert_eq!(files.get("/v1/files").await.1["data"], json!([]));
}

#[actix_web::test]
async fn a_client_that_falls_silent_is_told_so() {
    for (idle_timeout_ms, transfer_timeout_ms) in [(100, 60_000), (60_000, 100)] {
        let config = FilesConfig { idle_timeout_ms, transfer_timeout_ms, ..FilesConfig::default() };
        let files = Files::new(config).await;
        let silent = stream::once(async { Ok::<_, std::io::Error>(begun()) }).chain(stream::pending());
        let (status, told) = answer(files.send(reqwest::Body::wrap_stream(silent))).await;
        assert_eq!((status, &told["error"]["type"]), (408, &json!("invalid_request_error")), "{told}");
        emptied(&files).await;
    }
}
