//! Blanks in a text, and how they are filled.
//!
//! `{{name}}` is a blank, with or without spaces inside. `{{{{` stands for `{{` itself; `}}` on its own, and single braces, stand for
//! themselves. What a blank is filled with is not looked at again: a value cannot bring a blank of its own.

use std::collections::BTreeMap;

use super::{PromptArgument, PromptMessage, PromptTemplate};

/// The most that a prompt may come to, once it is filled, bytes.
pub const MAX_FILLED_PROMPT: usize = 1_024 * 1_024;

/// How a blank opens and closes, and how its opening is written where no blank is meant.
const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const ESCAPED: &str = "{{{{";
/// As much of what a client wrote as is told back.
const SHOWN: usize = 80;
/// As many of the values that an argument may have are told to whoever gives another.
const SHOWN_VALUES: usize = 10;

/// A piece of a text with blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// It stands for itself.
    Text(&'a str),
    /// A blank, by its name.
    Blank(&'a str),
}

/// What cannot be read as a blank. Displays as what follows the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedBlank {
    /// It has no end.
    #[error("has a blank that is not closed: `{0}`; a `{{{{` that is no blank is written `{{{{{{{{`")]
    Open(String),
    /// There is no name in it.
    #[error("has the blank `{{{{{0}}}}}`, which is no name; a `{{{{` that is no blank is written `{{{{{{{{`")]
    NoName(String),
}

/// Why a prompt cannot be filled like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongArgument {
    /// One that must be there is not.
    #[error("the argument `{0}` is required")]
    Missing(String),
    /// The prompt has none of this name.
    #[error("the prompt has no argument `{0}`")]
    Unknown(String),
    /// It is none of those it may be.
    #[error("the argument `{name}` must be one of {values}")]
    NotAllowed {
        /// Its name.
        name: String,
        /// What it may be, as people read it.
        values: String,
    },
    /// It would be too long.
    #[error("the filled prompt would have more than {MAX_FILLED_PROMPT} bytes")]
    TooLong,
    /// The prompt itself does not read, which nobody could have stored.
    #[error("the prompt cannot be filled")]
    Unreadable,
}

impl WrongArgument {
    /// The argument at fault, if it is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Missing(name) | Self::Unknown(name) | Self::NotAllowed { name, .. } => Some(name),
            Self::TooLong | Self::Unreadable => None,
        }
    }
}

/// Reads a text with blanks.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, MalformedBlank> {
    let (mut read, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(OPEN) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            read.push(Piece::Text(before));
        }
        if let Some(behind) = from.strip_prefix(ESCAPED) {
            read.push(Piece::Text(OPEN));
            rest = behind;
            continue;
        }
        let inside = &from[OPEN.len()..];
        let Some(end) = inside.find(CLOSE) else { return Err(MalformedBlank::Open(shown(from))) };
        let name = inside[..end].trim_matches(' ');
        if !PromptArgument::is_name(name) {
            return Err(MalformedBlank::NoName(shown(&inside[..end])));
        }
        read.push(Piece::Blank(name));
        rest = &inside[end + CLOSE.len()..];
    }
    if !rest.is_empty() {
        read.push(Piece::Text(rest));
    }
    Ok(read)
}

impl PromptTemplate {
    /// The messages with every blank filled: by what is given, else by the default, else by nothing.
    pub fn fill(&self, given: &BTreeMap<String, String>) -> Result<Vec<PromptMessage>, WrongArgument> {
        if let Some(name) = given.keys().find(|name| self.argument(name).is_none()) {
            return Err(WrongArgument::Unknown(shown(name)));
        }
        let values =
            self.arguments.iter().map(|argument| Ok((argument.name.as_str(), argument.value(given)?)));
        let values: BTreeMap<&str, &str> = values.collect::<Result<_, _>>()?;
        let mut left = MAX_FILLED_PROMPT;
        let mut filled = Vec::with_capacity(self.messages.len());
        for message in &self.messages {
            let mut text = String::new();
            for piece in pieces(&message.text).map_err(|_| WrongArgument::Unreadable)? {
                let piece = match piece {
                    Piece::Text(text) => text,
                    Piece::Blank(name) => values.get(name).ok_or(WrongArgument::Unreadable)?,
                };
                // Before it is copied: a short blank may stand there often, and its value be long.
                left = left.checked_sub(piece.len()).ok_or(WrongArgument::TooLong)?;
                text.push_str(piece);
            }
            filled.push(PromptMessage { role: message.role, text });
        }
        Ok(filled)
    }

    /// The argument of this name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&PromptArgument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}

impl PromptArgument {
    /// What its blanks are filled with.
    fn value<'a>(&'a self, given: &'a BTreeMap<String, String>) -> Result<&'a str, WrongArgument> {
        let Some(value) = given.get(&self.name) else {
            if self.required {
                return Err(WrongArgument::Missing(self.name.clone()));
            }
            return Ok(self.default.as_deref().unwrap_or_default());
        };
        if !self.values.is_empty() && !self.values.contains(value) {
            return Err(WrongArgument::NotAllowed { name: self.name.clone(), values: some(&self.values) });
        }
        Ok(value)
    }
}

/// The first few of these, and how many there are besides.
fn some(values: &[String]) -> String {
    let told = values.iter().take(SHOWN_VALUES).map(|it| format!("`{}`", shown(it)));
    let told = told.collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(SHOWN_VALUES) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PromptRole;

    fn template(text: &str, arguments: Vec<PromptArgument>) -> PromptTemplate {
        let messages = vec![PromptMessage { role: PromptRole::User, text: text.to_owned() }];
        PromptTemplate { arguments, messages, ..PromptTemplate::default() }
    }

    fn argument(name: &str) -> PromptArgument {
        PromptArgument { name: name.to_owned(), ..PromptArgument::default() }
    }

    fn filled(template: &PromptTemplate, given: &[(&str, &str)]) -> Result<String, WrongArgument> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        template.fill(&given).map(|messages| messages[0].text.clone())
    }

    #[test]
    fn blanks_are_told_from_text() {
        use Piece::{Blank, Text};
        for (text, read) in [
            ("", vec![]),
            ("plain", vec![Text("plain")]),
            ("a {{b}} c", vec![Text("a "), Blank("b"), Text(" c")]),
            ("{{ b }}{{c}}", vec![Blank("b"), Blank("c")]),
            ("{{{{b}}", vec![Text("{{"), Text("b}}")]),
            ("{{{{{{b}}", vec![Text("{{"), Blank("b")]),
            ("{\"a\":{\"b\":1}}", vec![Text("{\"a\":{\"b\":1}}")]),
            ("{{b}}}}", vec![Blank("b"), Text("}}")]),
        ] {
            assert_eq!(pieces(text), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_is_no_blank_is_told_of() {
        for (text, says) in [
            ("a {{b", "has a blank that is not closed: `{{b`; a `{{` that is no blank is written `{{{{`"),
            ("{{}}", "has the blank `{{}}`, which is no name; a `{{` that is no blank is written `{{{{`"),
            (
                "{{a b}}",
                "has the blank `{{a b}}`, which is no name; a `{{` that is no blank is written `{{{{`",
            ),
            (
                "{{{a}}}",
                "has the blank `{{{a}}`, which is no name; a `{{` that is no blank is written `{{{{`",
            ),
        ] {
            assert_eq!(pieces(text).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn blanks_are_filled_by_what_is_given_or_else_by_the_default() {
        let with_default = PromptArgument { default: Some("B".into()), ..argument("b") };
        let template = template("{{a}}-{{b}}-{{a}}-{{c}}", vec![argument("a"), with_default, argument("c")]);
        assert_eq!(filled(&template, &[("a", "1"), ("b", "2"), ("c", "3")]).unwrap(), "1-2-1-3");
        assert_eq!(filled(&template, &[("a", "{{b}}")]).unwrap(), "{{b}}-B-{{b}}-");
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let required = PromptArgument { required: true, ..argument("a") };
        let chosen = PromptArgument { values: vec!["x".into(), "y".into()], ..argument("b") };
        let template = template("{{a}}{{b}}", vec![required, chosen]);
        for (given, says, name) in [
            (vec![], "the argument `a` is required", "a"),
            (vec![("a", "1"), ("z", "1")], "the prompt has no argument `z`", "z"),
            (vec![("a", "1"), ("b", "z")], "the argument `b` must be one of `x`, `y`", "b"),
        ] {
            let error = filled(&template, &given).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.name()), (says, Some(name)));
        }
        assert_eq!(filled(&template, &[("a", "1"), ("b", "y")]).unwrap(), "1y");
    }

    #[test]
    fn of_many_values_a_few_are_told() {
        let values = (0..100).map(|it| format!("{it}-{}", "x".repeat(198))).collect();
        let template = template("{{a}}", vec![PromptArgument { values, ..argument("a") }]);
        let says = filled(&template, &[("a", "z")]).unwrap_err().to_string();
        assert!(
            says.contains("`0-xx") && says.contains("`9-xx") && says.ends_with("` and 90 more"),
            "{says}"
        );
        assert!(says.len() < 1_000, "{says}");
    }

    #[test]
    fn a_short_prompt_does_not_become_an_endless_one() {
        let template = template(&"{{a}}".repeat(1_000), vec![argument("a")]);
        let fits = "x".repeat(MAX_FILLED_PROMPT / 1_000);
        assert_eq!(filled(&template, &[("a", &fits)]).unwrap().len(), fits.len() * 1_000);
        let error = filled(&template, &[("a", &"x".repeat(10_000))]).unwrap_err();
        assert_eq!(error, WrongArgument::TooLong);
    }
}
