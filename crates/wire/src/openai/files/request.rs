//! `POST /v1/files`, whose fields come one by one, and `POST /v1/files/uploads`, whose fields come as JSON.

use outcrop_chat::InvalidRequest;
use outcrop_types::FilePurpose;
use serde::Deserialize;

use crate::json;

const LONGEST_NAME: usize = 255;
/// The name of a file whose client gives none.
const NO_NAME: &str = "upload";
/// Least and most that OpenAI keeps a file which is to expire, seconds: an hour and thirty days.
const KEPT_S: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;
const ANCHOR: &str = "expires_after[anchor]";
const SECONDS: &str = "expires_after[seconds]";

/// The fields of an upload besides the file itself, in whatever order they come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    purpose: Option<FilePurpose>,
    anchor: Option<()>,
    seconds: Option<u64>,
}

impl Form {
    /// Takes a field.
    ///
    /// # Errors
    /// [`InvalidRequest`] names the field if nobody knows it, if it came before, or if its value is wrong.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidRequest> {
        match name {
            "purpose" => once(&mut self.purpose, name, purpose(value)?),
            ANCHOR => once(&mut self.anchor, name, anchor(ANCHOR, value)?),
            SECONDS => {
                let value = value.trim().parse().map_err(|_| bad_seconds(SECONDS))?;
                once(&mut self.seconds, name, kept(SECONDS, value)?)
            }
            _ => Err(unknown(name)),
        }
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn knows(name: &str) -> bool {
        matches!(name, "purpose" | ANCHOR | SECONDS)
    }

    /// What the file is for, and how long it is kept from its making, seconds.
    ///
    /// # Errors
    /// [`InvalidRequest`] names the field that did not come.
    pub fn finish(self) -> Result<(FilePurpose, Option<u64>), InvalidRequest> {
        let purpose = self.purpose.ok_or_else(|| missing("purpose"))?;
        match (self.anchor, self.seconds) {
            (Some(()), None) => Err(missing(SECONDS)),
            (None, Some(_)) => Err(missing(ANCHOR)),
            (_, seconds) => Ok((purpose, seconds)),
        }
    }
}

/// A file whose bytes are sent past us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its name.
    pub filename: String,
    /// What it is for.
    pub purpose: FilePurpose,
    /// Its size, bytes; at least one.
    pub bytes: u64,
    /// SHA-256, if the client told it.
    pub sha256: Option<[u8; 32]>,
    /// How long it is kept from its making, seconds.
    pub expires_after_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    filename: Option<String>,
    purpose: Option<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
    expires_after: Option<ExpiresAfter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpiresAfter {
    anchor: String,
    seconds: u64,
}

/// Reads what is announced.
///
/// # Errors
/// [`InvalidRequest`] names the field that is wrong.
pub fn parse_announcement(body: &[u8]) -> Result<Announcement, InvalidRequest> {
    let body: Body = json::parse(body)?;
    let name = body.filename.ok_or_else(|| missing("filename"))?;
    let purpose = purpose(&body.purpose.ok_or_else(|| missing("purpose"))?)?;
    let bytes = body.bytes.ok_or_else(|| missing("bytes"))?;
    if bytes == 0 {
        return Err(invalid("bytes", "`bytes` must be at least 1.".to_owned()));
    }
    let sha256 = body.sha256.map(|text| digest("sha256", &text)).transpose()?;
    let expires_after_s = match body.expires_after {
        None => None,
        Some(after) => {
            anchor("expires_after.anchor", &after.anchor)?;
            Some(kept("expires_after.seconds", after.seconds)?)
        }
    };
    Ok(Announcement { filename: filename(Some(&name)), purpose, bytes, sha256, expires_after_s })
}

/// A name that does no harm wherever it is shown or written: its last part, without control characters, of at most 255
/// characters.
#[must_use]
pub fn filename(given: Option<&str>) -> String {
    let last = given.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks that turn the direction of writing make `gpj.exe` out of `exe.jpg`.
    let turns =
        |it: char| matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept: String = last.chars().filter(|it| !it.is_control() && !turns(*it)).take(LONGEST_NAME).collect();
    match kept.trim() {
        "" | "." | ".." => NO_NAME.to_owned(),
        name => name.to_owned(),
    }
}

/// A digest in hexadecimal, as the field or header of this name has it.
///
/// # Errors
/// [`InvalidRequest`] names the field.
pub fn digest(field: &str, text: &str) -> Result<[u8; 32], InvalidRequest> {
    let wrong = || invalid(field, format!("`{field}` must be a SHA-256 digest of 64 hexadecimal digits."));
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        let pair = text.get(2 * at..2 * at + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

fn purpose(text: &str) -> Result<FilePurpose, InvalidRequest> {
    // Outputs of batches are made here only.
    let ours = |it: &FilePurpose| *it != FilePurpose::BatchOutput;
    FilePurpose::parse(text).filter(ours).ok_or_else(|| {
        let names: Vec<_> = FilePurpose::ALL.iter().filter(|it| ours(it)).map(|it| it.name()).collect();
        invalid("purpose", format!("`purpose` must be one of {}.", names.join(", ")))
    })
}

fn anchor(field: &str, text: &str) -> Result<(), InvalidRequest> {
    let good = text == "created_at";
    if good { Ok(()) } else { Err(invalid(field, format!("`{field}` must be `created_at`."))) }
}

fn kept(field: &str, seconds: u64) -> Result<u64, InvalidRequest> {
    if KEPT_S.contains(&seconds) { Ok(seconds) } else { Err(bad_seconds(field)) }
}

fn bad_seconds(field: &str) -> InvalidRequest {
    invalid(field, format!("`{field}` must be from 3600 to 2592000."))
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), InvalidRequest> {
    if place.is_some() {
        return Err(invalid(name, format!("`{name}` is given twice.")));
    }
    *place = Some(value);
    Ok(())
}

fn unknown(name: &str) -> InvalidRequest {
    let name: String = name.chars().filter(|it| !it.is_control()).take(64).collect();
    invalid(&name, format!("Unknown parameter: '{name}'."))
}

fn missing(field: &str) -> InvalidRequest {
    invalid(field, format!("Missing required parameter: '{field}'."))
}

fn invalid(field: &str, message: String) -> InvalidRequest {
    InvalidRequest { message, param: Some(field.to_owned()) }
}
