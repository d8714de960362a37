//! Files: what is asked for, and how one is shown.

use chrono::DateTime;
use outcrop_types::{FileId, FilePurpose, FileStatus, StoredFile, Subject, TeamId, UserId};
use outcrop_wire::openai::files::{
    Direct, Form, filename, parse_announcement, show, show_deleted, show_direct, show_list, show_url,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::show;

#[test]
fn each_fixture_is_understood() {
    for (name, body) in show::fixtures("openai/files") {
        show::check(&format!("openai_files__{name}"), &format!("{:#?}", parse_announcement(&body).unwrap()));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let good = json!({"filename": "a", "purpose": "batch", "bytes": 1});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        parse_announcement(body.to_string().as_bytes()).unwrap_err().param.unwrap()
    };
    assert_eq!(with("filename", Value::Null), "filename");
    assert_eq!(with("purpose", json!("batch_output")), "purpose");
    assert_eq!(with("bytes", json!(0)), "bytes");
    assert_eq!(with("sha256", json!("ab")), "sha256");
    assert_eq!(with("sha256", json!("é".repeat(32))), "sha256");
    let after =
        |anchor: &str, seconds: u64| with("expires_after", json!({"anchor": anchor, "seconds": seconds}));
    assert_eq!(after("now", 3600), "expires_after.anchor");
    assert_eq!(after("created_at", 3599), "expires_after.seconds");
    assert_eq!(after("created_at", 2_592_001), "expires_after.seconds");
    assert_eq!(with("colour", json!(1)), "colour");
}

#[test]
fn fields_of_a_form_come_in_any_order() {
    let mut form = Form::default();
    form.set("expires_after[seconds]", "7200").unwrap();
    form.set("purpose", "fine-tune").unwrap();
    assert_eq!(form.clone().finish().unwrap_err().param.unwrap(), "expires_after[anchor]");
    form.set("expires_after[anchor]", "created_at").unwrap();
    assert_eq!(form.set("purpose", "batch").unwrap_err().message, "`purpose` is given twice.");
    assert_eq!(form.finish(), Ok((FilePurpose::FineTune, Some(7_200))));
}

#[test]
fn a_name_does_no_harm() {
    let long = "x".repeat(300);
    for (given, expected) in [
        (None, "upload"),
        (Some(""), "upload"),
        (Some("a/.."), "upload"),
        (Some("C:\\a\\b.txt"), "b.txt"),
        (Some("a\0\r\nb"), "ab"),
        (Some("a\u{202e}gpj.exe"), "agpj.exe"),
        (Some(long.as_str()), &long[..255]),
    ] {
        assert_eq!(filename(given), expected);
    }
}

#[test]
fn a_file_is_shown_as_openai_shows_one() {
    let uuid = Uuid::from_u128(1);
    let file = StoredFile {
        id: FileId::new(uuid),
        team: TeamId::new(uuid),
        owner: Subject::User(UserId::new(uuid)),
        purpose: FilePurpose::Batch,
        filename: "lines.jsonl".to_owned(),
        bytes: 6,
        sha256: None,
        status: FileStatus::Uploaded,
        blob: "files/1".to_owned(),
        created_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        expires_at: DateTime::from_timestamp(1_700_003_600, 0),
    };
    let read = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
    let id = "file_00000000000000000000000000000001";
    let shown = json!({"id": id, "object": "file", "bytes": 6, "created_at": 1_700_000_000, "expires_at": 1_700_003_600,
                       "filename": "lines.jsonl", "purpose": "batch", "status": "processed", "status_details": null,
                       "sha256": null});
    assert_eq!(read(show(&file)), shown);
    assert_eq!(
        read(show_list(std::slice::from_ref(&file), true)),
        json!({"object": "list", "data": [shown], "first_id": id, "last_id": id, "has_more": true})
    );
    assert_eq!(read(show_deleted(file.id)), json!({"id": id, "object": "file", "deleted": true}));
    assert_eq!(read(show_url("https://a", 5)), json!({"url": "https://a", "expires_at": 5}));
    // The SDK's `wait_for_processing` goes on waiting for one that is `uploaded`.
    let pending = StoredFile { status: FileStatus::Pending, ..file };
    let headers = [("content-length".to_owned(), "6".to_owned())];
    let told = read(show_direct(&pending, &Direct { url: "https://a", headers: &headers, expires_at: 5 }));
    assert_eq!(told["file"]["status"], "uploaded");
    assert_eq!(
        told["upload"],
        json!({"method": "PUT", "url": "https://a", "headers": {"content-length": "6"}, "expires_at": 5})
    );
}
