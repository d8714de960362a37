//! Reading tables of routes as people write them: TOML in files, JSON in the admin API.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use outcrop_types::{Fault, RouteTable};
use serde_json::Value;
use serde_path_to_error::Segment;

/// Largest table of routes as text, bytes.
pub const MAX_ROUTES_BYTES: usize = 4 << 20;

/// Most slips of writing that are told at once.
const MAX_SLIPS: usize = 20;
/// How near a name must be to another to have been meant (1 is the same).
const NEAR: f64 = 0.8;

/// How a table of routes is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteFormat {
    /// As files usually are.
    Toml,
    /// As the admin API has it.
    Json,
}

impl RouteFormat {
    /// JSON where the file's name says so; TOML otherwise.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let is_json = file.extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        if is_json { Self::Json } else { Self::Toml }
    }
}

/// A table of routes from its text: whole and good in itself, or everything that is wrong with it.
///
/// # Errors
/// At least one fault.
pub fn read_routes(text: &str, format: RouteFormat) -> Result<RouteTable, Vec<Fault>> {
    if text.len() > MAX_ROUTES_BYTES {
        let message = format!("is larger than {} MiB, which is the most", MAX_ROUTES_BYTES >> 20);
        return Err(vec![Fault::new("", message)]);
    }
    let value = match format {
        RouteFormat::Toml => from_toml(text),
        RouteFormat::Json => serde_json::from_str(text)
            .map_err(|error| Fault::new("", format!("the table is not valid JSON: {error}"))),
    };
    let table = whole(value.map_err(|fault| vec![fault])?)?;
    let faults = table.check();
    if faults.is_empty() { Ok(table) } else { Err(faults) }
}

/// A table as [`read_routes`] takes it back.
#[must_use]
pub fn write_routes(table: &RouteTable, format: RouteFormat) -> String {
    // Only strings as keys and no fallible field: neither can fail.
    match format {
        RouteFormat::Toml => toml::to_string(table).unwrap_or_default(),
        RouteFormat::Json => serde_json::to_string_pretty(table).unwrap_or_default(),
    }
}

/// The text of a file of routes, as far as a table may be long and a little further.
///
/// # Errors
/// Why the file cannot be read.
pub fn read_routes_file(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(MAX_ROUTES_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(file)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn from_toml(text: &str) -> Result<Value, Fault> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let message = error.message().lines().next().unwrap_or("it is not TOML");
        Fault::new("", format!("line {line}: {message}"))
    })?;
    serde_json::to_value(table)
        .map_err(|error| Fault::new("", format!("the table holds what JSON cannot: {error}")))
}

/// Reads a table. What is wrong at one place is put aside, so that the other places are heard of, too.
fn whole(mut value: Value) -> Result<RouteTable, Vec<Fault>> {
    // Serde would take a list for a table, field by field.
    if !value.is_object() {
        return Err(vec![Fault::new("", "must be a table with `defaults` and `routes`")]);
    }
    let mut slips = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, RouteTable>(&value) {
            Ok(table) if slips.is_empty() => return Ok(table),
            Ok(_) => return Err(slips),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let path = if segments.is_empty() { String::new() } else { error.path().to_string() };
        let (path, segments) = key_of(&value, path, segments, &error.inner().to_string());
        let slip = in_words(&path, &error.inner().to_string());
        // What was put aside is missing now.
        if slips.iter().any(|it: &Fault| it.path == slip.path) {
            return Err(slips);
        }
        slips.push(slip);
        if slips.len() == MAX_SLIPS || !put_aside(&mut value, &segments) {
            return Err(slips);
        }
    }
}

/// The place of a key that is none, which serde's path does not name: it stops at the table that has it.
fn key_of(value: &Value, path: String, mut segments: Vec<Segment>, text: &str) -> (String, Vec<Segment>) {
    let (Some(Segment::Unknown), Some(name)) = (segments.last(), quoted(text, "unknown variant ")) else {
        return (path, segments);
    };
    segments.pop();
    let is_key = at(value, &segments).and_then(Value::as_object).is_some_and(|it| it.contains_key(name));
    if !is_key {
        return (path, segments);
    }
    segments.push(Segment::Map { key: name.to_owned() });
    (format!("{}{name}", path.trim_end_matches('?')), segments)
}

fn at<'a>(value: &'a Value, segments: &[Segment]) -> Option<&'a Value> {
    segments.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(*index),
        Segment::Map { key } => value.get(key.as_str()),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// What serde calls the kinds of numbers and lists, in words.
fn plainly(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "true or false",
        other => other,
    }
}

/// Removes a field. An entry of a list stays: the ones behind it would have other numbers.
fn put_aside(value: &mut Value, segments: &[Segment]) -> bool {
    let Some((Segment::Map { key }, parents)) = segments.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key } => value.get_mut(key.as_str()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    parent.and_then(Value::as_object_mut).is_some_and(|fields| fields.remove(key).is_some())
}

/// What serde says of a place, for whoever wrote it.
fn in_words(path: &str, text: &str) -> Fault {
    if let Some(field) = quoted(text, "missing field ") {
        let dot = if path.is_empty() { "" } else { "." };
        return Fault::new(format!("{path}{dot}{field}"), "is missing");
    }
    if let Some(name) = quoted(text, "unknown field ") {
        // Some readers stop before the name, some behind it.
        let in_path = path == name || path.ends_with(&format!(".{name}"));
        let dot = if path.is_empty() { "" } else { "." };
        let path = if in_path { path.to_owned() } else { format!("{path}{dot}{name}") };
        return Fault::new(path, format!("is not known here{}", hint(name, text)));
    }
    if let Some(name) = quoted(text, "unknown variant ") {
        let expected = text.split_once("expected ").map_or("", |(_, rest)| rest);
        let is_key = path == name || path.ends_with(&format!(".{name}"));
        if is_key {
            return Fault::new(path, format!("is not known here{}", hint(name, text)));
        }
        return Fault::new(path, format!("must be {expected}, not `{name}`"));
    }
    let wrong = ["invalid type: ", "invalid value: "].iter().find_map(|it| text.strip_prefix(it));
    match wrong.and_then(|rest| rest.split_once(", expected ")) {
        Some((given, expected)) => Fault::new(path, format!("must be {}, not {given}", plainly(expected))),
        None => Fault::new(path, text),
    }
}

/// The word in quotes behind a beginning.
fn quoted<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    text.strip_prefix(beginning)?.split('`').nth(1)
}

/// What was probably meant, or all that could have been.
fn hint(name: &str, text: &str) -> String {
    let Some((_, known)) = text.split_once(", expected ") else { return String::new() };
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let nearest = names
        .iter()
        .map(|it| (strsim::jaro_winkler(name, it), it))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((near, meant)) if near > NEAR => format!("; did you mean `{meant}`?"),
        _ => format!("; expected {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[routes]]
alias = "fast"
[[routes.groups]]
targets = [{ model = "claude-haiku-4-5", weight = 2 }]
"#;

    fn faults(text: &str) -> Vec<String> {
        read_routes(text, RouteFormat::Toml).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn toml_and_json_are_the_same_table() {
        let from_toml = read_routes(GOOD, RouteFormat::Toml).unwrap();
        let json = serde_json::to_string(&from_toml).unwrap();
        assert_eq!(read_routes(&json, RouteFormat::Json).unwrap(), from_toml);
        for format in [RouteFormat::Toml, RouteFormat::Json] {
            let written = write_routes(&from_toml, format);
            assert_eq!(read_routes(&written, format).unwrap(), from_toml, "{written}");
        }
        assert_eq!(read_routes("", RouteFormat::Toml).unwrap(), RouteTable::default());
        assert_eq!(RouteFormat::of(Path::new("a/routes.JSON")), RouteFormat::Json);
        assert_eq!(RouteFormat::of(Path::new("a/routes.toml")), RouteFormat::Toml);
    }

    #[test]
    fn every_slip_is_told_with_what_was_meant() {
        let text = GOOD.replace("weight", "wieght").replace("[[routes]]", "[[routes]]\nteem = 1\nzzz = 2")
            + "[default]\nattempts = 2\n";
        let mut told = faults(&text);
        told.sort();
        assert_eq!(
            told,
            [
                "default: is not known here; did you mean `defaults`?",
                "routes[0].groups[0].targets[0].wieght: is not known here; did you mean `weight`?",
                "routes[0].teem: is not known here; did you mean `team`?",
                "routes[0].zzz: is not known here; expected one of `alias`, `team`, `options`, `groups`",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        assert_eq!(faults(&GOOD.replace("alias = \"fast\"", "")), ["routes[0].alias: is missing"]);
        assert_eq!(
            faults(&GOOD.replace("weight = 2", "weight = \"2\"")),
            ["routes[0].groups[0].targets[0].weight: must be a whole number from 0, not string \"2\""]
        );
        let retry = GOOD.to_owned() + "[defaults.retry]\nthrotled = \"here\"\n";
        assert_eq!(faults(&retry), ["defaults.retry.throtled: is not known here; did you mean `throttled`?"]);
        let strategy = GOOD.replace("targets", "strategy = \"fastest\"\ntargets");
        let [told] = faults(&strategy).try_into().unwrap();
        assert!(
            told.starts_with("routes[0].groups[0].strategy: must be one of `weighted`, `ordered`"),
            "{told}"
        );
        let region = GOOD.replace("weight = 2", "region = \"Frankfurt\"");
        let [told] = faults(&region).try_into().unwrap();
        assert!(told.starts_with("routes[0].groups[0].targets[0].region: must be the name"), "{told}");
    }

    #[test]
    fn what_is_no_table_at_all_says_where_it_broke() {
        assert!(faults("\n\n[[routes]")[0].starts_with("line 3: "), "{:?}", faults("\n\n[[routes]"));
        assert!(read_routes("[]", RouteFormat::Json).is_err());
        assert!(read_routes("{", RouteFormat::Json).unwrap_err()[0].message.contains("not valid JSON"));
        let large = "#".repeat(MAX_ROUTES_BYTES + 1);
        assert!(faults(&large)[0].contains("larger than 4 MiB"));
    }

    #[test]
    fn what_is_wrong_with_a_well_written_table_is_told_too() {
        assert_eq!(
            faults(&GOOD.replace("weight = 2", "weight = 0")),
            ["routes[0].groups[0].targets[0].weight: must be 1 to 1000, not 0"]
        );
    }
}
