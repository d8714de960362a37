//! Directives: what a prompt can make the emulator answer, written `[[name: value]]` in its text.
//!
//! The list is in the crate's README. A text without directives has none to parse and costs one search.

use crate::answer::Stop;
use crate::errors::Refusal;
use crate::faults::Fault;
use serde_json::value::RawValue;

/// Most tokens that `[[tokens: n]]` may ask for.
const MAX_TOKENS: u64 = 100_000;

/// A piece of the scripted answer, in the order written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Say(String),
    Think(String),
    /// Text that stands in a document.
    Cite(String),
    /// A thought that only comes encrypted.
    Redact(String),
    Tool {
        name: String,
        input: String,
    },
    Tokens(u64),
}

/// What a prompt asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) parts: Vec<Part>,
    pub(crate) stop: Option<Stop>,
    /// Tokens per delta of a stream.
    pub(crate) chunk: Option<usize>,
    pub(crate) usage: Vec<(UsageField, u64)>,
    /// What the call is known by among those that were charged for.
    pub(crate) id: Option<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) latency_ms: Option<u64>,
    pub(crate) tokens_per_second: Option<f64>,
    /// Whether any directive was found.
    pub(crate) found: bool,
}

/// A count that `[[usage: …]]` overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageField {
    Input,
    Output,
    CacheRead,
    CacheWrite,
}

impl Script {
    /// Reads the directives of a text. What is in double brackets but no directive is plain text.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut script = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find("[[") {
            rest = &rest[at + 2..];
            let Some((name, after)) = rest.split_once(':') else { break };
            if let Some(left) = script.directive(name.trim(), after)? {
                script.found = true;
                rest = left;
            }
        }
        Ok(script)
    }

    /// Applies one directive; the text after it, or nothing when the name is not one.
    fn directive<'t>(&mut self, name: &str, after: &'t str) -> Result<Option<&'t str>, Refusal> {
        if name == "tool" {
            return self.tool(after).map(Some);
        }
        const NAMES: [&str; 12] = [
            "say", "think", "cite", "redact", "stop", "tokens", "chunk", "usage", "fault", "latency", "rate",
            "id",
        ];
        if !NAMES.contains(&name) {
            return Ok(None);
        }
        let (value, left) = after.split_once("]]").ok_or_else(|| bad(name, "it has no closing ]]"))?;
        let value = value.trim();
        match name {
            "say" => self.parts.push(Part::Say(value.to_owned())),
            "think" => self.parts.push(Part::Think(value.to_owned())),
            "cite" => self.parts.push(Part::Cite(value.to_owned())),
            "redact" => self.parts.push(Part::Redact(value.to_owned())),
            "tokens" => self.parts.push(Part::Tokens(number::<u64>(name, value)?.min(MAX_TOKENS))),
            "stop" => self.stop = Some(Stop::parse(value).ok_or_else(|| bad(name, "no such stop reason"))?),
            "chunk" => self.chunk = Some(number::<usize>(name, value)?.max(1)),
            "usage" => self.usage = usage(value)?,
            "id" => self.id = Some(value.to_owned()),
            "latency" => self.latency_ms = Some(number(name, value)?),
            "rate" => self.tokens_per_second = Some(number(name, value)?),
            _ => self.fault = Some(Fault::parse(value).ok_or_else(|| bad(name, "no such fault"))?),
        }
        Ok(Some(left))
    }

    /// `name {json}`: the JSON may itself hold `]]`, so it is read as JSON and not searched.
    fn tool<'t>(&mut self, after: &'t str) -> Result<&'t str, Refusal> {
        let after = after.trim_start();
        let end = after.find(|it: char| it.is_whitespace() || it == '{' || it == ']').unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        let rest = rest.trim_start();
        let (input, left) = if rest.starts_with('{') {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
            let input = match stream.next() {
                Some(Ok(input)) => input.get(),
                _ => return Err(bad("tool", "its input is not JSON")),
            };
            (input, &rest[stream.byte_offset()..])
        } else {
            ("{}", rest)
        };
        let left = left.trim_start().strip_prefix("]]").ok_or_else(|| bad("tool", "it has no closing ]]"))?;
        self.parts.push(Part::Tool { name: name.to_owned(), input: input.to_owned() });
        Ok(left)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Refusal> {
    value.parse().map_err(|_| bad(name, "its value is not a number"))
}

/// `input=10,output=5,cacheRead=3,cacheWrite=2`, each optional.
fn usage(value: &str) -> Result<Vec<(UsageField, u64)>, Refusal> {
    value
        .split(',')
        .map(|pair| {
            let (key, count) = pair.split_once('=').ok_or_else(|| bad("usage", "expected name=count"))?;
            let field = match key.trim() {
                "input" => UsageField::Input,
                "output" => UsageField::Output,
                "cacheRead" => UsageField::CacheRead,
                "cacheWrite" => UsageField::CacheWrite,
                _ => return Err(bad("usage", "it knows input, output, cacheRead and cacheWrite")),
            };
            Ok((field, number("usage", count.trim())?))
        })
        .collect()
}

fn bad(name: &str, why: &str) -> Refusal {
    Refusal::validation(format!(
        "Outcrop Bedrock emulator: the directive [[{name}: …]] cannot be followed: {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_in_order() {
        let script = Script::parse(
            r#"Please. [[think: hmm]][[say: hello]] [[tool: get_weather {"at":[[1],[2]]}]] [[tool: now]][[stop: max_tokens]]"#,
        )
        .unwrap();
        assert_eq!(
            script.parts,
            [
                Part::Think("hmm".into()),
                Part::Say("hello".into()),
                Part::Tool { name: "get_weather".into(), input: r#"{"at":[[1],[2]]}"#.into() },
                Part::Tool { name: "now".into(), input: "{}".into() },
            ]
        );
        assert_eq!(script.stop, Some(Stop::MaxTokens));
    }

    #[test]
    fn numbers_and_usage() {
        let script = Script::parse(
            "[[tokens: 100]][[chunk: 5]][[usage: input=1,cacheRead=2]][[latency: 7]][[rate: 2.5]]",
        )
        .unwrap();
        assert_eq!(script.parts, [Part::Tokens(100)]);
        assert_eq!(script.chunk, Some(5));
        assert_eq!(script.usage, [(UsageField::Input, 1), (UsageField::CacheRead, 2)]);
        assert_eq!((script.latency_ms, script.tokens_per_second), (Some(7), Some(2.5)));
    }

    #[test]
    fn other_brackets_are_text_and_broken_directives_are_refused() {
        for plain in ["a [[b]] c", "[[wiki: page]]", "x[[", "matrix [[1,2],[3,4]]: yes"] {
            assert!(!Script::parse(plain).unwrap().found, "{plain}");
        }
        for broken in [
            "[[say: x",
            "[[tokens: many]]",
            "[[tool: f {\"a\"]]",
            "[[stop: never]]",
            "[[usage: x=1]]",
            "[[fault: boredom]]",
        ] {
            assert!(Script::parse(broken).is_err(), "{broken}");
        }
    }
}
