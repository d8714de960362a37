//! The parts of a message's content as blocks: text, and media where they stand.

use bytes::Bytes;
use outcrop_chat::{
    Audio, AudioFormat, Block, Document, DocumentFormat, DocumentSource, Image, ImageFormat, InvalidRequest,
    Link, LinkKind, Source, Video, VideoFormat, document_name,
};

use super::Dropped;
use super::cache;
use super::turns::{Content, File, InputAudio, MediumUrl, Part, PartType};
use crate::base64;
use crate::data_url;
use crate::json::shorten;
use crate::media_count::MediaCount;

/// What a document is called whose file has no name.
const NO_NAME: &str = "document";

/// Reads parts; counts the media among them.
pub(super) struct Parts<'a> {
    body: &'a Bytes,
    media: MediaCount,
}

/// Where a part stands: message, part.
type At = (usize, usize);

impl<'a> Parts<'a> {
    /// Reads parts of this body.
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self { body, media: MediaCount::default() }
    }

    /// The content of a user's message, which may hold as many media as Bedrock takes.
    pub(super) fn turn(
        &mut self,
        at: usize,
        content: Content<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<Block>, InvalidRequest> {
        match content {
            Content::Text(text) => Ok(vec![Block::Text(text)]),
            Content::Parts(parts) => each(at, parts, dropped, |at, part| {
                let block = self.block(at, part)?;
                self.media.admit(&block, || format!("messages[{}].content[{}]", at.0, at.1))?;
                Ok(block)
            }),
        }
    }

    /// What a tool answered, whose media are not counted.
    pub(super) fn result(
        &self,
        at: usize,
        content: Content<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<Block>, InvalidRequest> {
        match content {
            Content::Text(text) => Ok(vec![Block::Text(text)]),
            Content::Parts(parts) => each(at, parts, dropped, |at, part| self.block(at, part)),
        }
    }

    fn block(&self, at: At, part: Part<'_>) -> Result<Block, InvalidRequest> {
        match part.r#type {
            PartType::Text => part.text.map(Block::Text).ok_or_else(|| required(path(at, "text"))),
            PartType::ImageUrl => {
                let image = part.image_url.ok_or_else(|| required(path(at, "image_url")))?;
                self.image(path(at, "image_url.url"), &image)
            }
            PartType::VideoUrl => {
                let video = part.video_url.ok_or_else(|| required(path(at, "video_url")))?;
                self.video(&path(at, "video_url.url"), &video)
            }
            PartType::InputAudio => {
                let audio = part.input_audio.ok_or_else(|| required(path(at, "input_audio")))?;
                self.audio(at, &audio)
            }
            PartType::File => {
                let file = part.file.ok_or_else(|| required(path(at, "file")))?;
                self.file(at, &file)
            }
            PartType::Refusal => Err(wrong_part(at)),
        }
    }

    fn image(&self, param: String, image: &MediumUrl<'_>) -> Result<Block, InvalidRequest> {
        let url = &*image.url.0;
        let Some(parsed) = data_url::parse(url) else { return link(LinkKind::Image, param, url, None) };
        let read = parsed.and_then(|it| Ok((it.media_type, base64::source(self.body, it.data)?)));
        let (media_type, (source, head)) = read.map_err(|why| wrong(&param, why))?;
        // Bedrock refuses a picture whose declared format is not its real one; the bytes know best.
        let format = base64::image_format(&head).or_else(|| ImageFormat::from_media_type(media_type));
        let format = format.ok_or_else(|| wrong(&param, "must be a PNG, JPEG, GIF or WebP picture"))?;
        Ok(Block::Image(Image { format, source }))
    }

    fn video(&self, param: &str, video: &MediumUrl<'_>) -> Result<Block, InvalidRequest> {
        let Some(parsed) = data_url::parse(&video.url.0) else {
            return Err(wrong(param, "must be a data URL; films behind other URLs are not fetched"));
        };
        let read = parsed.and_then(|it| Ok((it.media_type, base64::source(self.body, it.data)?.0)));
        let (media_type, source) = read.map_err(|why| wrong(param, why))?;
        match VideoFormat::from_media_type(media_type) {
            Some(format) => Ok(Block::Video(Video { format, source })),
            None => Err(wrong(param, "is of a media type that Bedrock takes no films of")),
        }
    }

    fn audio(&self, at: At, audio: &InputAudio<'_>) -> Result<Block, InvalidRequest> {
        let Some(format) = AudioFormat::parse(&audio.format) else {
            let why = format!(
                "must be `wav`, `mp3` or another of Bedrock's formats, not `{}`",
                shorten(&audio.format)
            );
            return Err(wrong(&path(at, "input_audio.format"), &why));
        };
        // OpenAI wants bare base64; some clients send a data URL all the same.
        let read = match data_url::parse(&audio.data.0) {
            Some(parsed) => parsed.and_then(|it| base64::source(self.body, it.data)),
            None => base64::source(self.body, &audio.data.0),
        };
        let (source, _) = read.map_err(|why| wrong(&path(at, "input_audio.data"), why))?;
        Ok(Block::Audio(Audio { format, source }))
    }

    fn file(&self, at: At, file: &File<'_>) -> Result<Block, InvalidRequest> {
        let Some(data) = &file.file_data else {
            return Err(match file.file_id {
                Some(_) => wrong(&path(at, "file.file_id"), "is not supported; send `file_data`"),
                None => required(path(at, "file.file_data")),
            });
        };
        let (param, data) = (path(at, "file.file_data"), &*data.0);
        let (declared, data) = match data_url::parse(data) {
            Some(Ok(url)) => (Some(url.media_type), url.data),
            Some(Err(why)) => return Err(wrong(&param, why)),
            None if data.contains("://") => {
                let name = name(file.filename.as_deref());
                return link(LinkKind::Document, param, data, Some(name));
            }
            None => (None, data),
        };
        let (source, head) = base64::source(self.body, data).map_err(|why| wrong(&param, why))?;
        let declared = [declared, file.format.as_deref()].into_iter().flatten().find(|it| !it.is_empty());
        medium(declared, file.filename.as_deref(), source, &head).ok_or_else(|| {
            let why = "must be a file of a kind that Bedrock takes, with its media type or, in `filename`, its usual ending";
            wrong(&param, why)
        })
    }
}

/// The file as the block that its media type, or else the ending of its name, or else its first bytes make it.
fn medium(media_type: Option<&str>, filename: Option<&str>, source: Source, head: &[u8]) -> Option<Block> {
    let declared = media_type.unwrap_or_default();
    if declared.starts_with("image/") {
        let format = base64::image_format(head).or_else(|| ImageFormat::from_media_type(declared))?;
        return Some(Block::Image(Image { format, source }));
    }
    if let Some(format) = VideoFormat::from_media_type(declared) {
        return Some(Block::Video(Video { format, source }));
    }
    if let Some(format) = AudioFormat::from_media_type(declared) {
        return Some(Block::Audio(Audio { format, source }));
    }
    let format = if head.starts_with(b"%PDF-") {
        DocumentFormat::Pdf
    } else {
        DocumentFormat::from_media_type(declared)
            .or_else(|| by_ending(filename))
            .or_else(|| text(declared))?
    };
    let name = name(filename);
    let source = DocumentSource::File(source);
    Some(Block::Document(Document { format: Some(format), name, source, context: None, citations: false }))
}

/// What a document is called; `chat::normalise` tells those of one name apart.
fn name(filename: Option<&str>) -> String {
    document_name(filename.unwrap_or_default(), NO_NAME)
}

/// The texts of a message that may hold nothing else, with the cache points between them.
pub(super) fn texts(
    at: usize,
    content: Option<Content<'_>>,
    dropped: &mut Dropped,
) -> Result<Vec<Block>, InvalidRequest> {
    match content {
        None => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(vec![Block::Text(text)]),
        Some(Content::Parts(parts)) => each(at, parts, dropped, |at, part| match part.r#type {
            PartType::Text => part.text.map(Block::Text).ok_or_else(|| required(path(at, "text"))),
            PartType::Refusal => part.refusal.map(Block::Text).ok_or_else(|| required(path(at, "refusal"))),
            _ => Err(wrong_part(at)),
        }),
    }
}

/// Puts a cache point behind what stands there; one is enough, and there is none behind nothing.
pub(super) fn push_point(content: &mut Vec<Block>, point: Option<outcrop_chat::CacheTtl>) {
    let follows = match content.last() {
        None | Some(Block::CachePoint(_)) => false,
        Some(Block::Text(text)) => !text.trim().is_empty(),
        Some(_) => true,
    };
    if let Some(ttl) = point.filter(|_| follows) {
        content.push(Block::CachePoint(ttl));
    }
}

fn each(
    at: usize,
    parts: Vec<Part<'_>>,
    dropped: &mut Dropped,
    mut read: impl FnMut(At, Part<'_>) -> Result<Block, InvalidRequest>,
) -> Result<Vec<Block>, InvalidRequest> {
    let mut content = Vec::with_capacity(parts.len());
    for (part_at, part) in parts.into_iter().enumerate() {
        let at = (at, part_at);
        let detail = part.image_url.as_ref().and_then(|it| it.detail.as_deref());
        if detail.is_some_and(|it| it != "auto") {
            dropped.note("image_url.detail");
        }
        let control = cache::point(part.cache_control.as_ref(), || path(at, "cache_control"))?;
        let mark =
            cache::breakpoint(part.prompt_cache_breakpoint.as_ref(), || path(at, "prompt_cache_breakpoint"))?;
        content.push(read(at, part)?);
        push_point(&mut content, control.or(mark));
    }
    Ok(content)
}

/// What has to be fetched first; by which ways, and whether at all, is for the settings to say.
fn link(kind: LinkKind, param: String, url: &str, name: Option<String>) -> Result<Block, InvalidRequest> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.trim_start().to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("https" | "http" | "s3")) {
        return Err(wrong(
            &param,
            "must be a data URL such as `data:image/png;base64,…`, or an https or s3 URL",
        ));
    }
    let url = url.trim().to_owned();
    Ok(Block::Link(Link { kind, url, param, name, context: None, citations: false }))
}

fn by_ending(filename: Option<&str>) -> Option<DocumentFormat> {
    let (_, ending) = filename?.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "htm" => Some(DocumentFormat::Html),
        "markdown" => Some(DocumentFormat::Md),
        "text" | "log" | "json" | "xml" | "yaml" | "yml" => Some(DocumentFormat::Txt),
        ending => DocumentFormat::parse(ending),
    }
}

/// What is text of some other kind is text.
fn text(media_type: &str) -> Option<DocumentFormat> {
    let is_text = media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/xml" | "application/yaml");
    is_text.then_some(DocumentFormat::Txt)
}

fn wrong_part(at: At) -> InvalidRequest {
    wrong(&path(at, "type"), "names a kind of content that is not supported in this message")
}

fn wrong(param: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` {why}."))
}

fn path((at, part_at): At, field: &str) -> String {
    format!("messages[{at}].content[{part_at}].{field}")
}

/// A field that is missing.
pub(super) fn required(param: String) -> InvalidRequest {
    let message = format!("`{param}` is required.");
    InvalidRequest::new(param, message)
}
