//! What a version of a prompt must be like, whoever asks.

use std::collections::HashSet;

use outcrop_types::{MAX_PROMPT_NAME, Piece, PromptArgument, PromptMessage, PromptTemplate, pieces};
use serde_json::{Value, json};

use crate::AdminError;
use crate::names::name;

/// Longest description of a prompt, and of an argument, characters.
const MAX_DESCRIPTION: usize = 2_000;
const MAX_ARGUMENT_DESCRIPTION: usize = 500;
/// Most arguments, and values that one may have.
const MAX_ARGUMENTS: usize = 20;
const MAX_VALUES: usize = 100;
/// Longest value that an argument may have, characters, and longest default, bytes.
const MAX_VALUE: usize = 200;
const MAX_DEFAULT: usize = 4_096;
/// Most messages, and the most that they say together, bytes.
const MAX_MESSAGES: usize = 32;
const MAX_TEXT: usize = 64 * 1_024;
/// The most that all of it comes to as JSON, bytes. The bounds above are for people; this one is for memory.
const MAX_TEMPLATE: usize = 128 * 1_024;

/// The template as it is kept, if it is such as there may be: every blank has its argument, and every argument a blank.
pub(super) fn checked(mut template: PromptTemplate) -> Result<PromptTemplate, AdminError> {
    template.title = template.title.map(|text| name("title", &text)).transpose()?;
    let description = template.description.take();
    template.description =
        description.map(|text| described("description", &text, MAX_DESCRIPTION)).transpose()?;
    if template.arguments.len() > MAX_ARGUMENTS {
        return Err(wrong("arguments", format!("may have at most {MAX_ARGUMENTS} entries")));
    }
    let mut names = HashSet::new();
    for (at, argument) in template.arguments.iter_mut().enumerate() {
        check_argument(&format!("arguments[{at}]"), argument)?;
        if !names.insert(argument.name.clone()) {
            return Err(wrong(&format!("arguments[{at}].name"), "stands there twice"));
        }
    }
    let used = check_messages(&template.messages, &names)?;
    check_size(&template)?;
    match template.arguments.iter().position(|argument| !used.contains(argument.name.as_str())) {
        None => Ok(template),
        Some(at) => {
            let field = format!("arguments[{at}].name");
            let name = &template.arguments[at].name;
            Err(wrong(&field, format!("is `{name}`, for which no message has a blank `{{{{{name}}}}}`")))
        }
    }
}

fn check_size(template: &PromptTemplate) -> Result<(), AdminError> {
    let size = |part: Value| part.to_string().len();
    let (all, messages) = (size(json!(template)), size(json!(template.messages)));
    if all <= MAX_TEMPLATE {
        return Ok(());
    }
    let field = if messages > all / 2 { "messages" } else { "arguments" };
    let of = format!("{all} bytes, which may be {MAX_TEMPLATE} at most");
    Err(wrong(field, format!("makes the prompt too large: as JSON it comes to {of}")))
}

fn check_argument(field: &str, argument: &mut PromptArgument) -> Result<(), AdminError> {
    let of = |name: &str| format!("{field}.{name}");
    if !PromptArgument::is_name(&argument.name) {
        let must = format!("must have 1 to {MAX_PROMPT_NAME} characters, each a letter, a digit, `_` or `-`");
        return Err(wrong(&of("name"), must));
    }
    let description = argument.description.take();
    argument.description =
        description.map(|text| described(&of("description"), &text, MAX_ARGUMENT_DESCRIPTION)).transpose()?;
    check_values(&of("values"), &argument.values)?;
    let Some(default) = &argument.default else { return Ok(()) };
    if argument.required {
        return Err(wrong(&of("default"), "is only for an argument that is not required"));
    }
    if default.len() > MAX_DEFAULT {
        return Err(wrong(&of("default"), format!("may have at most {MAX_DEFAULT} bytes")));
    }
    if !argument.values.is_empty() && !argument.values.contains(default) {
        return Err(wrong(&of("default"), "must be one of `values`"));
    }
    Ok(())
}

fn check_values(field: &str, values: &[String]) -> Result<(), AdminError> {
    if values.len() > MAX_VALUES {
        return Err(wrong(field, format!("may have at most {MAX_VALUES} entries")));
    }
    for (at, value) in values.iter().enumerate() {
        let field = format!("{field}[{at}]");
        if !(1..=MAX_VALUE).contains(&value.chars().count()) {
            return Err(wrong(&field, format!("must have 1 to {MAX_VALUE} characters")));
        }
        if values[..at].contains(value) {
            return Err(wrong(&field, "stands there twice"));
        }
    }
    Ok(())
}

/// The names of the blanks that there are, each of which is that of an argument.
fn check_messages<'a>(
    messages: &'a [PromptMessage],
    names: &HashSet<String>,
) -> Result<HashSet<&'a str>, AdminError> {
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        return Err(wrong("messages", format!("must have 1 to {MAX_MESSAGES} entries")));
    }
    if messages.iter().map(|message| message.text.len()).sum::<usize>() > MAX_TEXT {
        return Err(wrong("messages", format!("may have at most {MAX_TEXT} bytes of text altogether")));
    }
    let mut used = HashSet::new();
    for (at, message) in messages.iter().enumerate() {
        let field = format!("messages[{at}].text");
        if message.text.trim().is_empty() {
            return Err(wrong(&field, "must say something"));
        }
        for piece in pieces(&message.text).map_err(|error| wrong(&field, error.to_string()))? {
            let Piece::Blank(blank) = piece else { continue };
            if !names.contains(blank) {
                let is = format!("has the blank `{{{{{blank}}}}}`, which is none of `arguments`");
                return Err(wrong(&field, is));
            }
            used.insert(blank);
        }
    }
    Ok(used)
}

/// A description as it is kept: without the space around it, of one line or more.
fn described(field: &str, text: &str, most: usize) -> Result<String, AdminError> {
    let text = text.trim();
    let is_odd = |it: char| it.is_control() && it != '\n' && it != '\t';
    if (1..=most).contains(&text.chars().count()) && !text.chars().any(is_odd) {
        return Ok(text.to_owned());
    }
    Err(wrong(field, format!("must have 1 to {most} characters and no control characters")))
}

fn wrong(field: &str, is: impl Into<String>) -> AdminError {
    let is: String = is.into();
    AdminError::invalid(field.to_owned(), format!("`{field}` {is}"))
}
