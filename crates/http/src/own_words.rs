//! What of a client's mistake is ours to repeat in the log: the words that we chose, and never what the client wrote.
//!
//! A prompt in the wrong field is a prompt. The client hears all of it, and knows its request by the same id.

/// Says that something was left out.
const LEFT_OUT: &str = "…";
/// Most of one text that is told, characters.
const MOST: usize = 300;
/// Longest number of an element that is told, digits: longer ones are none.
const MOST_DIGITS: usize = 5;
/// Names in requests that many send, and that tell where to look. What is none of them may be the client's own.
const FIELDS: [&str; 62] = [
    "arguments",
    "budget_tokens",
    "cache_control",
    "call_id",
    "content",
    "custom_id",
    "data",
    "description",
    "detail",
    "dimensions",
    "encoding_format",
    "endpoint",
    "file_id",
    "format",
    "function",
    "id",
    "image_url",
    "include",
    "index",
    "input",
    "input_file_id",
    "input_schema",
    "instructions",
    "json_schema",
    "limit",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "n",
    "name",
    "output",
    "parallel_tool_calls",
    "parameters",
    "previous_response_id",
    "purpose",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "role",
    "schema",
    "seed",
    "source",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_call_id",
    "tool_calls",
    "tool_choice",
    "tools",
    "top_p",
    "type",
    "url",
];

/// What tokens are made of (RFC 7515, RFC 7519).
const TOKEN_PARTS: [&str; 11] =
    ["alg", "aud", "crit", "cty", "exp", "iat", "iss", "jku", "jwk", "kid", "typ"];

/// A text without what is quoted in it. We quote all that a client wrote; as that may hold quotes too, all is left out from
/// the first of them to the last.
#[must_use]
pub fn of_text(text: &str) -> String {
    let Some(first) = first_quote(text) else { return text.chars().take(MOST).collect() };
    let last = last_quote(text).filter(|last| *last > first);
    if last.is_some_and(|last| names_a_part(text, first, last)) {
        return text.chars().take(MOST).collect();
    }
    let (before, after) = (text.get(..first).unwrap_or_default(), last.and_then(|it| text.get(it + 1..)));
    // A quotation that has no end was cut: all the rest of it is the client's.
    before
        .chars()
        .take(MOST)
        .chain(LEFT_OUT.chars())
        .chain(after.unwrap_or_default().chars().take(MOST))
        .collect()
}

/// Where in a request it is, as far as the names are ours.
pub(crate) fn of_param(param: &str) -> String {
    let mut told = String::new();
    for part in param.split_inclusive(['.', '[', ']']).take(16) {
        let name = part.trim_end_matches(['.', '[', ']']);
        let is_number = name.len() <= MOST_DIGITS && name.bytes().all(|it| it.is_ascii_digit());
        told.push_str(if is_number || FIELDS.contains(&name) { name } else { LEFT_OUT });
        told.push_str(part.get(name.len()..).unwrap_or_default());
    }
    told
}

/// Whether all that is quoted is one name of ours: of a field, or of a part of a token.
fn names_a_part(text: &str, first: usize, last: usize) -> bool {
    let quoted = text.get(first + 1..last).unwrap_or_default();
    text.get(first..=last).is_some_and(|it| it.starts_with('`') && it.ends_with('`'))
        && (FIELDS.contains(&quoted) || TOKEN_PARTS.contains(&quoted))
}

/// An apostrophe within a word quotes nothing.
fn first_quote(text: &str) -> Option<usize> {
    let mut before = ' ';
    text.char_indices().find_map(|(at, it)| {
        let quotes = matches!(it, '`' | '"') || it == '\'' && !before.is_alphanumeric();
        before = it;
        quotes.then_some(at)
    })
}

/// The same from behind.
fn last_quote(text: &str) -> Option<usize> {
    let mut after = ' ';
    text.char_indices().rev().find_map(|(at, it)| {
        let quotes = matches!(it, '`' | '"') || it == '\'' && !after.is_alphanumeric();
        after = it;
        quotes.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_left_out() {
        for (given, expected) in [
            ("the team's limit is reached", "the team's limit is reached"),
            ("must be one of `a`, not `my secret`", "must be one of …"),
            ("`x` is not a field of this request.", "… is not a field of this request."),
            ("not `a` my secret`", "not …"),
            ("`none` in the token's header", "… in the token's header"),
            ("`alg` of the token's header", "`alg` of the token's header"),
            ("not `model` my secret`", "not …"),
            ("not `my secret that was cut", "not …"),
            ("Response with id 'my secret' not found.", "Response with id … not found."),
            (
                "invalid type: string \"my \\\" secret\", expected u8 at line 1",
                "invalid type: string …, expected u8 at line 1",
            ),
        ] {
            assert_eq!(of_text(given), expected, "{given}");
        }
        assert_eq!(of_text(&"é".repeat(1_000)).chars().count(), MOST);
    }

    #[test]
    fn places_are_told_by_names_of_ours() {
        for (given, expected) in [
            ("messages[0].role", "messages[0].role"),
            ("messages.12.content", "messages.12.content"),
            ("tools[1].my secret", "tools[1].…"),
            ("my secret", "…"),
            ("model[4111111111111111]", "model[…]"),
        ] {
            assert_eq!(of_param(given), expected, "{given}");
        }
    }
}
