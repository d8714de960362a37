//! What an expression of PromQL mentions: enough of its grammar to find names in it.

/// Names in an expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Series, each with the labels that it is chosen by.
    pub(super) selectors: Vec<(String, Vec<String>)>,
    /// Labels that results are grouped by.
    pub(super) grouping: Vec<String>,
}

const WORDS: [&str; 12] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "and",
    "or",
    "unless",
    "bool",
    "inf",
];

/// Finds them.
pub(super) fn mentions(expr: &str) -> Mentions {
    let mut found = Mentions::default();
    let mut rest = expr;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = after_text(rest);
        } else if first == '[' {
            rest = rest.split_once(']').map_or("", |it| it.1);
        } else if first == '$' || first.is_ascii_digit() {
            // A variable, a number, or a span of time.
            rest = rest[1..].trim_start_matches(is_name);
        } else if is_name(first) {
            let (name, after) = word(rest);
            rest = after;
            let next = rest.trim_start();
            if ["by", "without", "on", "ignoring"].contains(&name) && next.starts_with('(') {
                let (inner, after) = next[1..].split_once(')').unwrap_or((&next[1..], ""));
                found
                    .grouping
                    .extend(inner.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()));
                rest = after;
            } else if let Some(braces) = next.strip_prefix('{') {
                let (labels, after) = matchers(braces);
                found.selectors.push((name.to_owned(), labels));
                rest = after;
            } else if !next.starts_with('(') && !WORDS.contains(&name) && !followed_by_grouping(next) {
                found.selectors.push((name.to_owned(), Vec::new()));
            }
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// The labels in `{{label}}` of a legend.
pub(super) fn legend(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1);
    parts.filter_map(|it| it.split_once("}}")).map(|it| it.0.trim().to_owned()).collect()
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// An aggregation that says what it groups by before what it adds up: `sum by (x) (…)`.
fn followed_by_grouping(next: &str) -> bool {
    let (name, after) = word(next);
    ["by", "without"].contains(&name) && after.trim_start().starts_with('(')
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

/// The labels before operators, up to the closing brace.
fn matchers(mut rest: &str) -> (Vec<String>, &str) {
    let mut labels = Vec::new();
    while let Some(first) = rest.chars().next() {
        match first {
            '}' => return (labels, &rest[1..]),
            '"' => rest = after_text(rest),
            _ if is_name(first) => {
                let (name, after) = word(rest);
                labels.push(name.to_owned());
                rest = after;
            }
            _ => rest = &rest[first.len_utf8()..],
        }
    }
    (labels, "")
}

/// What follows the text that begins here.
fn after_text(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return &text[at + 1..],
            _ => escaped = c == '\\' && !escaped,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_nothing_else_is() {
        let found = mentions(
            "sum by (a, b) (rate(x_total{c=~\"d{e}\",f!=\"$g\"}[$__rate_interval] offset 1d)) / 2e3 > on (a) y or $z",
        );
        let selector = |name: &str, labels: &[&str]| {
            (name.to_owned(), labels.iter().map(|it| (*it).to_owned()).collect())
        };
        assert_eq!(found.selectors, [selector("x_total", &["c", "f"]), selector("y", &[])]);
        assert_eq!(found.grouping, ["a", "b", "a"]);
    }

    #[test]
    fn legends_name_labels() {
        assert_eq!(legend("{{a}} of {{ b }}"), ["a", "b"]);
    }
}
