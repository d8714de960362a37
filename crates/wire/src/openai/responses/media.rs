//! Pictures, files and sound of content parts.

use bytes::Bytes;
use outcrop_chat::{
    Audio, AudioFormat, Block, Document, DocumentFormat, DocumentSource, Image, ImageFormat, InvalidRequest,
    Link, LinkKind, document_name,
};

use super::request::Part;
use super::{Dropped, required};
use crate::base64::{image_format, source};
use crate::data_url;
use crate::json::shorten;

/// What a file without a name is called: Bedrock wants one.
const UNNAMED: &str = "document";

/// `input_image`: by data URL, or by a URL that is fetched later.
pub(super) fn image(
    body: &Bytes,
    path: &str,
    part: Part<'_>,
    dropped: &mut Dropped,
) -> Result<Block, InvalidRequest> {
    if part.detail.as_deref().is_some_and(|it| it != "auto") {
        dropped.note("input.content.detail");
    }
    let param = format!("{path}.image_url");
    let Some(url) = part.image_url else {
        let given = part.file_id.is_some();
        return Err(if given { no_files(path) } else { required(&param) });
    };
    let Some(parsed) = data_url::parse(&url.0) else { return link(LinkKind::Image, &url.0, param, None) };
    let read = parsed.and_then(|it| Ok((it.media_type, source(body, it.data)?)));
    let (media_type, (source, head)) = read.map_err(|why| wrong(&param, why))?;
    // Bedrock refuses a picture whose declared format is not its real one; the bytes know best.
    let format = image_format(&head).or_else(|| ImageFormat::from_media_type(media_type));
    let format = format.ok_or_else(|| wrong(&param, "must be a PNG, JPEG, GIF or WebP picture"))?;
    Ok(Block::Image(Image { format, source }))
}

/// `input_file`: a document in place, or by a URL that is fetched later.
pub(super) fn file(
    body: &Bytes,
    path: &str,
    part: Part<'_>,
    dropped: &mut Dropped,
) -> Result<Block, InvalidRequest> {
    if part.detail.as_deref().is_some_and(|it| it != "auto") {
        dropped.note("input.content.detail");
    }
    let filename = part.filename.as_deref().unwrap_or_default();
    if let Some(url) = part.file_url {
        let name = document_name(filename, UNNAMED);
        return link(LinkKind::Document, &url, format!("{path}.file_url"), Some(name));
    }
    let param = format!("{path}.file_data");
    let Some(data) = part.file_data else {
        let given = part.file_id.is_some();
        return Err(if given { no_files(path) } else { required(&param) });
    };
    let read = match data_url::parse(&data.0) {
        Some(parsed) => parsed.and_then(|it| Ok((it.media_type, source(body, it.data)?))),
        None => source(body, &data.0).map(|it| ("", it)),
    };
    let (media_type, (source, head)) = read.map_err(|why| wrong(&param, why))?;
    if let Some(format) = ImageFormat::from_media_type(media_type) {
        return Ok(Block::Image(Image { format: image_format(&head).unwrap_or(format), source }));
    }
    let format = if head.starts_with(b"%PDF-") {
        Some(DocumentFormat::Pdf)
    } else {
        DocumentFormat::from_media_type(media_type)
            .or_else(|| by_ending(filename))
            .or_else(|| text(media_type))
    };
    let Some(format) = format else {
        let why = "must be a file of a kind that Bedrock takes, with its media type or, in `filename`, its usual ending";
        return Err(wrong(&param, why));
    };
    Ok(Block::Document(Document {
        format: Some(format),
        name: document_name(filename, UNNAMED),
        source: DocumentSource::File(source),
        context: None,
        citations: false,
    }))
}

/// `input_audio`.
pub(super) fn audio(body: &Bytes, path: &str, part: Part<'_>) -> Result<Block, InvalidRequest> {
    let Some(audio) = part.input_audio else { return Err(required(&format!("{path}.input_audio"))) };
    let Some(format) = AudioFormat::parse(&audio.format) else {
        let param = format!("{path}.input_audio.format");
        let message = format!("`{param}` is `{}`, which no model on Bedrock reads.", shorten(&audio.format));
        return Err(InvalidRequest::new(param, message));
    };
    let param = format!("{path}.input_audio.data");
    let read = match data_url::parse(&audio.data.0) {
        Some(parsed) => parsed.and_then(|it| source(body, it.data)),
        None => source(body, &audio.data.0),
    };
    let (source, _) = read.map_err(|why| wrong(&param, why))?;
    Ok(Block::Audio(Audio { format, source }))
}

fn link(kind: LinkKind, url: &str, param: String, name: Option<String>) -> Result<Block, InvalidRequest> {
    // By which ways, and whether at all, it is fetched is for the settings to say.
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.trim_start().to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("https" | "http" | "s3")) {
        let why = "must be a data URL such as `data:image/png;base64,…`, or an https or s3 URL";
        return Err(wrong(&param, why));
    }
    let url = url.trim().to_owned();
    Ok(Block::Link(Link { kind, url, param, name, context: None, citations: false }))
}

/// The format by the file's ending.
fn by_ending(name: &str) -> Option<DocumentFormat> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "htm" => Some(DocumentFormat::Html),
        "text" | "log" | "json" | "xml" | "yaml" | "yml" => Some(DocumentFormat::Txt),
        "markdown" => Some(DocumentFormat::Md),
        other => DocumentFormat::parse(other),
    }
}

/// What is text of some other kind is text.
fn text(media_type: &str) -> Option<DocumentFormat> {
    let is_text = media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/xml" | "application/yaml");
    is_text.then_some(DocumentFormat::Txt)
}

fn no_files(path: &str) -> InvalidRequest {
    wrong(
        &format!("{path}.file_id"),
        "is not supported: there are no uploaded files here; send the data itself",
    )
}

fn wrong(param: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` {why}."))
}
