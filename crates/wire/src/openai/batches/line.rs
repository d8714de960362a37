//! One line of a batch's file: `{"custom_id", "method", "url", "body"}`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest `custom_id`, characters; OpenAI's own bound.
const LONGEST_ID: usize = 512;

/// What is wrong with a line, in OpenAI's words where it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// A word for programs.
    pub code: &'static str,
    /// Words for people.
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
}

/// What a good line says of itself, besides its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfLine<'a> {
    /// The client's name for it.
    pub custom_id: Cow<'a, str>,
    /// The model that it asks for, if it names one.
    pub model: Option<Cow<'a, str>>,
}

/// The call of a line that was checked before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// The client's name for it.
    pub custom_id: Cow<'a, str>,
    /// The body to send, as the client wrote it.
    pub body: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    custom_id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// What decides of a body before anybody else reads it.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

/// Checks a line of a batch that calls `endpoint`. Whether the model can do what the body asks is found out by the call.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check<'a>(line: &'a [u8], endpoint: &str) -> Result<OfLine<'a>, LineFault> {
    let line = parse(line)?;
    let custom_id = text(line.custom_id, "custom_id")?;
    if custom_id.is_empty() || custom_id.chars().count() > LONGEST_ID {
        return Err(fault(
            "invalid_custom_id",
            "custom_id",
            format!("custom_id must have 1 to {LONGEST_ID} characters."),
        ));
    }
    let method = text(line.method, "method")?;
    if method != "POST" {
        return Err(fault("invalid_method", "method", "method must be POST.".to_owned()));
    }
    if text(line.url, "url")? != endpoint {
        let message = format!("The url of a line must be the endpoint of the batch: {endpoint}.");
        return Err(fault("invalid_url", "url", message));
    }
    let body = line.body.ok_or_else(|| missing("body"))?;
    Ok(OfLine { custom_id, model: check_body(body)? })
}

/// Reads a line that was checked before. `None` if it never was.
#[must_use]
pub fn read(line: &[u8]) -> Option<Call<'_>> {
    let line = parse(line).ok()?;
    Some(Call { custom_id: text(line.custom_id, "custom_id").ok()?, body: line.body?.get() })
}

fn parse(line: &[u8]) -> Result<Line<'_>, LineFault> {
    serde_json::from_slice::<Line<'_>>(line).map_err(|error| {
        // serde tells what it does not know from what it cannot read by its words alone.
        let words = error.to_string();
        match words.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            Some(name) => LineFault {
                code: "unknown_parameter",
                message: format!("Unknown parameter: '{}'.", name.chars().take(64).collect::<String>()),
                param: None,
            },
            None => LineFault {
                code: "invalid_json_line",
                message: "This line is not parseable as valid JSON.".to_owned(),
                param: None,
            },
        }
    })
}

fn check_body(body: &RawValue) -> Result<Option<Cow<'_, str>>, LineFault> {
    if !body.get().starts_with('{') {
        return Err(fault("invalid_type", "body", "body must be an object.".to_owned()));
    }
    let body: Body<'_> = serde_json::from_str(body.get())
        .map_err(|_| fault("invalid_type", "body", "body names a field twice.".to_owned()))?;
    if body.stream.is_some_and(|stream| stream.get() != "false") {
        let message = "stream is not supported in a batch: leave it out.".to_owned();
        return Err(fault("unsupported_parameter", "body.stream", message));
    }
    body.model.map(|model| text(Some(model), "body.model")).transpose()
}

fn text<'a>(value: Option<&'a RawValue>, name: &'static str) -> Result<Cow<'a, str>, LineFault> {
    let value = value.ok_or_else(|| missing(name))?.get();
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inside = inside.ok_or_else(|| fault("invalid_type", name, format!("{name} must be a string.")))?;
    if !inside.contains('\\') {
        return Ok(Cow::Borrowed(inside));
    }
    serde_json::from_str(value)
        .map(Cow::Owned)
        .map_err(|_| fault("invalid_type", name, format!("{name} must be a string.")))
}

fn missing(name: &'static str) -> LineFault {
    fault("missing_required_parameter", name, format!("Missing required parameter: '{name}'."))
}

fn fault(code: &'static str, param: &'static str, message: String) -> LineFault {
    LineFault { code, message, param: Some(param) }
}
