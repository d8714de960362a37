//! A prompt in a file: JSON or TOML, or Markdown, whose text is the one message.

use std::path::Path;

use outcrop_types::{PromptArgument, PromptMessage, PromptRole, PromptTemplate};
use serde::Deserialize;

use crate::failure::Failure;

/// The line that opens and closes what is said about a Markdown file, in TOML.
const FENCE: &str = "+++";
/// Largest file: more than any prompt has.
const MAX_BYTES: u64 = 1_024 * 1_024;

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PromptFile {
    /// Its own word, or else what the file is called.
    pub(super) name: String,
    /// What a version of the prompt is to be.
    pub(super) template: PromptTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    name: Option<String>,
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<PromptArgument>,
    messages: Vec<PromptMessage>,
}

impl PromptFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", path.display()));
        if std::fs::metadata(path).map_err(|error| failed(&error))?.len() > MAX_BYTES {
            return Err(failed(&format_args!("it has more than {MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        // As editors on Windows begin a file.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let ends = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let written = match ends {
            "json" => serde_json::from_str(text).map_err(|error| failed(&error))?,
            "toml" => toml::from_str(text).map_err(|error| failed(&error))?,
            "md" => markdown(text).map_err(|error| failed(&error))?,
            _ => return Err(failed(&"its name must end in .json, .toml or .md")),
        };
        let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
        let Written { name, title, description, arguments, messages } = written;
        let template = PromptTemplate { title, description, arguments, messages };
        Ok(Self { name: name.unwrap_or_else(|| stem.to_owned()), template })
    }
}

/// TOML between two lines of `+++`, and the text behind it; or text alone. Lines end in `\n`, however the file ends them, so that it says
/// the same wherever it was checked out.
fn markdown(text: &str) -> Result<Written, String> {
    let text = text.replace("\r\n", "\n");
    let (about, text) = if text.trim_start().starts_with(FENCE) { head(&text)? } else { ("", text.as_str()) };
    let mut written: Written = toml::from_str(about).map_err(|error| error.to_string())?;
    if !written.messages.is_empty() {
        return Err("the text of a Markdown file is its one message, so it has no `messages`".to_owned());
    }
    written.messages = vec![PromptMessage { role: PromptRole::User, text: text.trim().to_owned() }];
    Ok(written)
}

/// What stands between the first two lines of `+++`, and what stands behind them.
fn head(text: &str) -> Result<(&str, &str), String> {
    let (first, rest) = text.trim_start().split_once('\n').unwrap_or((text.trim(), ""));
    if first.trim_end() != FENCE {
        return Err(format!("what begins with `{FENCE}` must have it on a line of its own"));
    }
    let mut read = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Ok((&rest[..read], &rest[read + line.len()..]));
        }
        read += line.len();
    }
    Err(format!("what begins with a line `{FENCE}` must end with one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_one_message() {
        let plain = markdown("Say {{what}}.\n").unwrap();
        assert_eq!((plain.messages[0].text.as_str(), plain.messages.len()), ("Say {{what}}.", 1));
        let about = "+++\ntitle = \"T\"\n\n[[arguments]]\nname = \"what\"\nrequired = true\n+++\n\nSay {{what}}.\n+++\n";
        let read = markdown(about).unwrap();
        assert_eq!((read.title.as_deref(), read.arguments.len()), (Some("T"), 1));
        assert!(read.arguments[0].required);
        assert_eq!(read.messages[0].text, "Say {{what}}.\n+++");
        let windows = about.replace('\n', "\r\n");
        for same in [windows.as_str(), &about.replacen("+++\n", "+++ \n", 2), &format!("\n{about}")] {
            let same = markdown(same).unwrap();
            assert_eq!(
                (&same.title, &same.arguments, &same.messages),
                (&read.title, &read.arguments, &read.messages)
            );
        }
        assert_eq!(markdown("+++\n+++\nx").unwrap().messages[0].text, "x");
        for (wrong, says) in [
            ("+++title = 1\n+++\nx", "on a line of its own"),
            ("+++\r\ntitle = \"T\"\r\n", "must end with one"),
            ("+++\ntitle = \"T\"\n", "must end with one"),
            ("+++\ncolour = \"red\"\n+++\nx", "colour"),
            ("+++\nmessages = [{ role = \"user\", text = \"x\" }]\n+++\nx", "no `messages`"),
        ] {
            let error = markdown(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
