//! Images, documents, video and audio: format, source, size. Bytes stay base64; only their head is decoded.

use super::super::request::{Media, S3Location, Source};
use super::blank;
use crate::errors::{Exception, Refusal};
use crate::models::{Capability, Model};
use base64::Engine as _;

const IMAGE_FORMATS: [&str; 4] = ["png", "jpeg", "gif", "webp"];
const DOCUMENT_FORMATS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
const VIDEO_FORMATS: [&str; 9] = ["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"];
const AUDIO_FORMATS: [&str; 15] = [
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm",
    "webm",
];

/// 3.75 MB.
pub(crate) const MAX_IMAGE_BYTES: usize = 3_932_160;
/// 4.5 MB.
const MAX_DOCUMENT_BYTES: usize = 4_718_592;
/// 25 MB, the size of a whole request.
const MAX_OTHER_BYTES: usize = 25_000_000;

/// The four media, which differ in names and limits only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Image,
    Document,
    Video,
    Audio,
}

impl Medium {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "document",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    fn formats(self) -> &'static [&'static str] {
        match self {
            Self::Image => &IMAGE_FORMATS,
            Self::Document => &DOCUMENT_FORMATS,
            Self::Video => &VIDEO_FORMATS,
            Self::Audio => &AUDIO_FORMATS,
        }
    }

    fn max_bytes(self) -> usize {
        match self {
            Self::Image => MAX_IMAGE_BYTES,
            Self::Document => MAX_DOCUMENT_BYTES,
            Self::Video | Self::Audio => MAX_OTHER_BYTES,
        }
    }

    fn supported(self, model: &Model) -> bool {
        match self {
            Self::Image => model.takes("IMAGE"),
            Self::Document => model.can(Capability::Documents),
            Self::Video => model.takes("VIDEO"),
            Self::Audio => model.takes("SPEECH"),
        }
    }
}

/// Checks one medium at `path`, which is `messages.0.content.1` and the like.
pub(super) fn check(model: &Model, medium: Medium, media: &Media<'_>, path: &str) -> Result<(), Refusal> {
    let key = medium.key();
    if !medium.supported(model) {
        return Err(Refusal::validation(format!(
            "This model doesn't support the {key} content block that you provided at {path}. Remove it or use a model that \
             supports {key} input."
        )));
    }
    match media.format.as_deref() {
        Some(format) if !medium.formats().contains(&format) => {
            let constraint = format!("Member must satisfy enum value set: [{}]", medium.formats().join(", "));
            return Err(Refusal::constraint(&format!("{path}.{key}.format"), Some(format), &constraint));
        }
        None if medium != Medium::Document => return Err(Refusal::missing(&format!("{path}.{key}.format"))),
        _ => {}
    }
    if medium == Medium::Document {
        document_name(media, path)?;
    }
    source(medium, media, path)
}

/// Alphanumerics, single white space, hyphens, parentheses and square brackets.
fn document_name(media: &Media<'_>, path: &str) -> Result<(), Refusal> {
    let name = media.name.as_deref().ok_or_else(|| Refusal::missing(&format!("{path}.document.name")))?;
    let path = format!("{path}.document.name");
    if name.is_empty() {
        return Err(Refusal::constraint(
            &path,
            Some(""),
            "Member must have length greater than or equal to 1",
        ));
    }
    if name.chars().count() > 200 {
        return Err(Refusal::constraint(
            &path,
            Some(name),
            "Member must have length less than or equal to 200",
        ));
    }
    let allowed = |it: char| it.is_alphanumeric() || it.is_whitespace() || "-()[]".contains(it);
    let doubled =
        name.as_bytes().windows(2).any(|it| it[0].is_ascii_whitespace() && it[1].is_ascii_whitespace());
    if doubled || !name.chars().all(allowed) {
        return Err(Refusal::validation(format!(
            "The file name provided at {path} can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, \
             and square brackets. The name can't contain more than one consecutive whitespace character."
        )));
    }
    Ok(())
}

fn source(medium: Medium, media: &Media<'_>, path: &str) -> Result<(), Refusal> {
    let key = medium.key();
    match &media.source {
        None => Err(Refusal::missing(&format!("{path}.{key}.source"))),
        Some(Source::Bytes(bytes)) => self::bytes(medium, media.format.as_deref(), bytes, path),
        Some(Source::S3(location)) => match location.uri.as_deref() {
            Some(uri) if is_s3_uri(uri) => bucket_owner(location, &format!("{path}.{key}.source.s3Location")),
            uri => Err(Refusal::constraint(
                &format!("{path}.{key}.source.s3Location.uri"),
                uri,
                "Member must satisfy regular expression pattern: s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?",
            )),
        },
        Some(Source::Text(text)) if medium == Medium::Document && !blank(text) => Ok(()),
        Some(Source::Content(content)) if medium == Medium::Document && !content.is_empty() => Ok(()),
        Some(_) => Err(Refusal::validation(format!(
            "The source field at {path}.{key}.source must set bytes or s3Location, and for documents text or content, and must not \
             be empty."
        ))),
    }
}

/// A bucket's name, and whatever key.
fn is_s3_uri(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("s3://").filter(|_| uri.len() <= 1024) else { return false };
    let bucket = rest.split('/').next().unwrap_or_default().as_bytes();
    let is_end = |it: &u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    (3..=63).contains(&bucket.len())
        && bucket.first().is_some_and(is_end)
        && bucket.last().is_some_and(is_end)
        && bucket.iter().all(|it| is_end(it) || b".-".contains(it))
}

fn bucket_owner(location: &S3Location<'_>, path: &str) -> Result<(), Refusal> {
    match location.bucket_owner.as_deref() {
        Some(owner) if owner.len() != 12 || !owner.bytes().all(|it| it.is_ascii_digit()) => {
            let text = "Member must satisfy regular expression pattern: [0-9]{12}";
            Err(Refusal::constraint(&format!("{path}.bucketOwner"), Some(owner), text))
        }
        _ => Ok(()),
    }
}

fn bytes(medium: Medium, format: Option<&str>, base64: &str, path: &str) -> Result<(), Refusal> {
    let key = medium.key();
    let at = || format!("{path}.{key}.source.bytes");
    if base64.is_empty() {
        return Err(Refusal::constraint(
            &at(),
            Some(""),
            "Member must have length greater than or equal to 1",
        ));
    }
    let Some(size) = decoded_len(base64) else {
        return Err(Refusal::new(Exception::Serialization, format!("{}: not valid base64", at())));
    };
    if size > medium.max_bytes() {
        return Err(Refusal::validation(format!(
            "The model returned the following errors: {}: {key} exceeds {} bytes maximum: {size} bytes",
            at(),
            medium.max_bytes()
        )));
    }
    let sniffed = sniff(base64);
    match (medium, format, sniffed) {
        (Medium::Image, _, None) => Err(Refusal::model(format_args!("Could not process image ({})", at()))),
        (Medium::Image, Some(stated), Some(found)) if stated != found => Err(Refusal::model(format_args!(
            "{}: The image was specified using the image/{stated} media type, but the image appears to be a image/{found} image",
            at()
        ))),
        (Medium::Document, Some("pdf"), found) if found != Some("pdf") => {
            Err(Refusal::model(format_args!("The PDF specified was not valid ({})", at())))
        }
        _ => Ok(()),
    }
}

/// Bytes that standard base64 stands for; nothing when it is not that.
pub(crate) fn decoded_len(base64: &str) -> Option<usize> {
    let bytes = base64.as_bytes();
    let padding = bytes.iter().rev().take(2).take_while(|it| **it == b'=').count();
    let body = &bytes[..bytes.len() - padding];
    let well_formed = bytes.len().is_multiple_of(4)
        && body.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'+' || *it == b'/');
    well_formed.then(|| bytes.len() / 4 * 3 - padding)
}

/// What the first bytes say the file is.
pub(crate) fn sniff(base64: &str) -> Option<&'static str> {
    let head = &base64.as_bytes()[..base64.len().min(16)];
    let head = base64::engine::general_purpose::STANDARD.decode(head).ok()?;
    match &head[..] {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some("webp"),
        [b'%', b'P', b'D', b'F', ..] => Some("pdf"),
        _ => None,
    }
}
