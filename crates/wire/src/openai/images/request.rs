//! What is asked.

use std::collections::BTreeMap;

use outcrop_chat::InvalidRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json::{self, shorten};
use crate::openai::fields::{metadata, one_of};
use crate::top_level;

/// Most pictures of one request (OpenAI API reference, images).
const MOST_IMAGES: u32 = 10;

/// A request for pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagesRequest {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// What they are to show.
    pub prompt: String,
    /// What they are not to show.
    pub negative_prompt: Option<String>,
    /// How many, 1 to 10.
    pub count: u32,
    /// Width and height, pixels; `None` leaves them to the model.
    pub size: Option<(u32, u32)>,
    /// Whether the better and dearer of two qualities is wanted; `None` leaves it to the model.
    pub premium: Option<bool>,
    /// For pictures that can be had again.
    pub seed: Option<u64>,
    /// How closely the model keeps to the prompt.
    pub cfg_scale: Option<f64>,
    /// Pairs for Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// Fields that the client set and that cannot be honoured, in its spelling.
    pub dropped: Vec<&'static str>,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Body {
    prompt: String,
    model: Option<String>,
    n: Option<u32>,
    size: Option<String>,
    quality: Option<String>,
    response_format: Option<String>,
    negative_prompt: Option<String>,
    seed: Option<u64>,
    cfg_scale: Option<f64>,
    user: Option<String>,
    safety_identifier: Option<String>,
    style: Option<IgnoredAny>,
    complexity: Option<IgnoredAny>,
    output_compression: Option<IgnoredAny>,
    moderation: Option<String>,
    output_format: Option<String>,
    background: Option<String>,
    stream: Option<bool>,
    partial_images: Option<u32>,
    frame_count: Option<IgnoredAny>,
    frame_duration_ms: Option<IgnoredAny>,
    svg: Option<IgnoredAny>,
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, a field is wrong, or what it asks for cannot be had; it names the field.
pub fn parse(bytes: &[u8]) -> Result<ImagesRequest, InvalidRequest> {
    let body: Body = json::parse(bytes)?;
    refuse(&body)?;
    let mut dropped = Vec::new();
    note_dropped(&body, &mut dropped);
    if body.prompt.trim().is_empty() {
        return Err(InvalidRequest::new("prompt", "`prompt` must not be blank."));
    }
    let count = body.n.unwrap_or(1);
    if !(1..=MOST_IMAGES).contains(&count) {
        return Err(InvalidRequest::new("n", format!("`n` must be from 1 to {MOST_IMAGES}, not {count}.")));
    }
    let qualities = [
        ("auto", None),
        ("standard", Some(false)),
        ("low", Some(false)),
        ("medium", Some(false)),
        ("hd", Some(true)),
        ("high", Some(true)),
        ("xhigh", Some(true)),
        ("max", Some(true)),
    ];
    let premium = one_of("quality", body.quality.as_deref(), &qualities)?.flatten();
    let own = [("user", body.user), ("safety_identifier", body.safety_identifier)];
    Ok(ImagesRequest {
        model: body.model,
        prompt: body.prompt,
        negative_prompt: body.negative_prompt.filter(|text| !text.trim().is_empty()),
        count,
        size: body.size.as_deref().map(size).transpose()?.flatten(),
        premium,
        seed: body.seed,
        cfg_scale: body.cfg_scale,
        metadata: metadata(own, &mut dropped),
        dropped,
        unknown: top_level::unknown(bytes, &[top_level::names::<Body>()]),
    })
}

/// Refuses what would make another answer than the one asked for.
fn refuse(body: &Body) -> Result<(), InvalidRequest> {
    const PNG: &str = "pictures are PNG";
    const WHOLE: &str = "pictures come whole, not in pieces";
    const STILL: &str = "pictures do not move";
    let is_other =
        |field: &Option<String>, known: &[&str]| field.as_deref().is_some_and(|it| !known.contains(&it));
    let cases = [
        (
            "response_format",
            is_other(&body.response_format, &["b64_json"]),
            "pictures are not stored and have no address; ask for `b64_json`",
        ),
        ("output_format", is_other(&body.output_format, &["png"]), PNG),
        ("background", is_other(&body.background, &["auto", "opaque"]), "backgrounds are opaque"),
        ("stream", body.stream == Some(true), WHOLE),
        ("partial_images", body.partial_images.is_some_and(|it| it > 0), WHOLE),
        ("frame_count", body.frame_count.is_some(), STILL),
        ("frame_duration_ms", body.frame_duration_ms.is_some(), STILL),
        ("svg", body.svg.is_some(), PNG),
    ];
    match cases.iter().find(|(_, refused, _)| *refused) {
        Some((field, _, why)) => {
            Err(InvalidRequest::new(*field, format!("`{field}` is not supported so: {why}.")))
        }
        None => Ok(()),
    }
}

fn note_dropped(body: &Body, dropped: &mut Vec<&'static str>) {
    let cases = [
        ("style", body.style.is_some()),
        ("complexity", body.complexity.is_some()),
        ("output_compression", body.output_compression.is_some()),
        ("moderation", body.moderation.as_deref().is_some_and(|it| it != "auto")),
    ];
    dropped.extend(cases.into_iter().filter(|(_, set)| *set).map(|(field, _)| field));
}

/// `1024x768`; `None` for `auto`.
fn size(text: &str) -> Result<Option<(u32, u32)>, InvalidRequest> {
    if text == "auto" {
        return Ok(None);
    }
    let numbers = text.split_once('x').and_then(|(width, height)| Some((number(width)?, number(height)?)));
    match numbers {
        Some(size) => Ok(Some(size)),
        None => {
            let message = format!("`size` must be `auto` or like `1024x1024`, not `{}`.", shorten(text));
            Err(InvalidRequest::new("size", message))
        }
    }
}

fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}
