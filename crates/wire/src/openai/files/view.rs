//! A file as it is shown.

use std::collections::BTreeMap;

use outcrop_types::{FileId, FileStatus, StoredFile};
use serde::Serialize;

use crate::error::to_vec;

/// Where a client sends the bytes of a file, past us.
#[derive(Debug)]
pub struct Direct<'a> {
    /// The address.
    pub url: &'a str,
    /// Headers that must be sent with it.
    pub headers: &'a [(String, String)],
    /// Until when it is good, seconds since 1970.
    pub expires_at: i64,
}

#[derive(Serialize)]
struct View<'a> {
    id: FileId,
    object: &'static str,
    bytes: u64,
    created_at: i64,
    expires_at: Option<i64>,
    filename: &'a str,
    purpose: &'static str,
    status: &'static str,
    status_details: Option<&'a str>,
    /// Not OpenAI's.
    sha256: Option<&'a str>,
}

#[derive(Serialize)]
struct Page<'a> {
    object: &'static str,
    data: Vec<View<'a>>,
    first_id: Option<FileId>,
    last_id: Option<FileId>,
    has_more: bool,
}

#[derive(Serialize)]
struct Deleted {
    id: FileId,
    object: &'static str,
    deleted: bool,
}

#[derive(Serialize)]
struct Announced<'a> {
    file: View<'a>,
    upload: Upload<'a>,
}

#[derive(Serialize)]
struct Upload<'a> {
    method: &'static str,
    url: &'a str,
    headers: BTreeMap<&'a str, &'a str>,
    expires_at: i64,
}

#[derive(Serialize)]
struct Url<'a> {
    url: &'a str,
    expires_at: i64,
}

/// One file.
#[must_use]
pub fn show(file: &StoredFile) -> Vec<u8> {
    to_vec(&view(file))
}

/// A page of files.
#[must_use]
pub fn show_list(page: &[StoredFile], has_more: bool) -> Vec<u8> {
    to_vec(&Page {
        object: "list",
        data: page.iter().map(view).collect(),
        first_id: page.first().map(|file| file.id),
        last_id: page.last().map(|file| file.id),
        has_more,
    })
}

/// One that is gone.
#[must_use]
pub fn show_deleted(id: FileId) -> Vec<u8> {
    to_vec(&Deleted { id, object: "file", deleted: true })
}

/// One that was announced, and where its bytes are to be sent.
#[must_use]
pub fn show_direct(file: &StoredFile, direct: &Direct<'_>) -> Vec<u8> {
    let headers = direct.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let upload = Upload { method: "PUT", url: direct.url, headers, expires_at: direct.expires_at };
    to_vec(&Announced { file: view(file), upload })
}

/// Where a file's bytes can be had, until then (seconds since 1970).
#[must_use]
pub fn show_url(url: &str, expires_at: i64) -> Vec<u8> {
    to_vec(&Url { url, expires_at })
}

fn view(file: &StoredFile) -> View<'_> {
    View {
        id: file.id,
        object: "file",
        bytes: file.bytes,
        created_at: file.created_at.timestamp(),
        expires_at: file.expires_at.map(|time| time.timestamp()),
        filename: &file.filename,
        purpose: file.purpose.name(),
        status: status(file.status),
        status_details: None,
        sha256: file.sha256.as_deref(),
    }
}

/// OpenAI's `FileObject` knows `uploaded`, `processed` and `error`, and its SDKs wait (`wait_for_processing`) until a file is
/// no longer `uploaded`: what can be used is `processed`, what is not here yet `uploaded`.
const fn status(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Uploaded => "processed",
        FileStatus::Pending => "uploaded",
    }
}
