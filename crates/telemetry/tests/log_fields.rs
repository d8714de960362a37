//! Fields of log lines have the names of the table: a search by a documented name finds every line that has it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

const MACROS: [&str; 6] = [
    "tracing::trace!(",
    "tracing::debug!(",
    "tracing::info!(",
    "tracing::warn!(",
    "tracing::error!(",
    "tracing::$level!(",
];

/// Bare words are what one line alone tells (`jobs = 3`), but for these: each has a name that others search by.
const ELSEWHERE: [&str; 7] =
    ["attempt", "bedrock_request_id", "outcome", "region", "request_id", "subject", "team"];

#[test]
fn fields_of_lines_are_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("crates/telemetry/src/names.rs")).unwrap();
    let (mut sites, mut unknown) = (0, Vec::new());
    for file in sources(&root) {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in MACROS.iter().flat_map(|name| text.match_indices(name)) {
            sites += 1;
            for field in fields(&text[at..]) {
                let known = if field.contains('.') {
                    table.contains(&format!(": &str = \"{field}\";"))
                } else {
                    !ELSEWHERE.contains(&field)
                };
                if !known {
                    let line = text[..at].lines().count();
                    unknown.push(format!("{field} ({}:{line})", file.strip_prefix(&root).unwrap().display()));
                }
            }
        }
    }
    assert!(sites > 100, "only {sites} lines were found");
    assert!(unknown.is_empty(), "not in crates/telemetry/src/names.rs:\n{}", unknown.join("\n"));
}

/// All that is built into programs.
fn sources(root: &Path) -> Vec<PathBuf> {
    let members = ["crates", "services"].map(|it| fs::read_dir(root.join(it)).unwrap());
    let mut folders: Vec<_> =
        members.into_iter().flatten().map(|it| it.unwrap().path().join("src")).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The names of the fields of a macro call that the text begins with.
fn fields(call: &str) -> Vec<&str> {
    // Behind the message stands what is put into it.
    let parts = arguments(call).into_iter().take_while(|it| !it.starts_with('"') || it.contains("\" = "));
    let names = parts.map(|part| match part.split_once(" = ") {
        Some((name, _)) => name.trim_matches('"'),
        // The short form, `%error`.
        None => part.trim_start_matches(['%', '?']),
    });
    let is_name = |it: &&str| it.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '.'));
    names.filter(is_name).collect()
}

/// The arguments between the outermost brackets.
fn arguments(call: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped, mut begin) = (0, false, false, 0);
    let mut parts = Vec::new();
    for (at, it) in call.char_indices() {
        match it {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => {
                depth += 1;
                if depth == 1 {
                    begin = at + 1;
                }
            }
            ',' if depth == 1 => {
                parts.push(call[begin..at].trim());
                begin = at + 1;
            }
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    parts.push(call[begin..at].trim());
                    return parts;
                }
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn a_field_is_known_by_its_name() {
    let call = r#"tracing::info!(target: "x", a.b = f("c, d = e"), %g, ?h.i, "j.k" = l, "what, m = n {}", q.r); o = p"#;
    assert_eq!(fields(call), ["a.b", "g", "h.i", "j.k"]);
}
