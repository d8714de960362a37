//! The table at the end of docs/configuration.md, written from what the code knows of each setting.
//!
//! Keys, order and bounds are those of [`SETTINGS`], defaults those of [`Config::default`], and the words the comments on the
//! sections' fields. `OUTCROP_WRITE_DOCS=1 cargo test -p outcrop-config reference` writes the page anew.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::Config;
use crate::settings::{Kind, SETTINGS, Setting};

/// What precedes the table, which is the rest of the page.
const HEAD: &str = "| setting | default | fits | |\n|---|---|---|---|\n";

#[test]
fn the_documented_settings_are_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, _) = page.split_once(HEAD).expect("the table's head");
    let wanted = format!("{before}{HEAD}{}", rows());
    if std::env::var_os("OUTCROP_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else if let Some((line, (is, should))) =
        page.lines().zip(wanted.lines()).enumerate().find(|(_, (is, should))| is != should)
    {
        panic!("docs/configuration.md, line {}, is stale:\n{is}\nshould be\n{should}", line + 1);
    } else {
        assert_eq!(page.len(), wanted.len(), "docs/configuration.md has too few settings, or too many");
    }
}

fn rows() -> String {
    let comments = comments();
    let defaults: HashMap<_, _> = Config::default().entries().into_iter().collect();
    let row = |setting: &Setting| {
        let key = setting.key;
        let default = match defaults.get(key) {
            Some(Some(value)) => format!("`{value}`"),
            _ => "not set".to_owned(),
        };
        let about = comments.get(key).unwrap_or_else(|| panic!("no comment on `{key}`"));
        format!("| `{key}` | {default} | {} | {about} |\n", fits(setting))
    };
    SETTINGS.iter().map(row).collect()
}

fn fits(setting: &Setting) -> String {
    match setting.kind {
        Kind::Text if setting.secret => "secret".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Bool => "`true`, `false`".to_owned(),
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Whole { min, max } => format!("{min} to {max}"),
    }
}

/// The comment on each field of a section, by its setting's key.
fn comments() -> HashMap<String, String> {
    let sources = sources();
    let mut fields: Vec<(&str, &str, &str, String)> = Vec::new();
    for source in &sources {
        let (mut of, mut comment) = ("", Vec::new());
        for line in source.lines() {
            let text = line.trim();
            if let Some(name) = line.strip_prefix("pub struct ") {
                of = name.split_once(' ').map_or(name, |(name, _)| name);
                comment.clear();
            } else if let Some(words) = text.strip_prefix("/// ") {
                comment.push(words);
            } else if let Some((name, kind)) = text.strip_prefix("pub ").and_then(|it| it.split_once(": ")) {
                fields.push((of, name, kind.trim_end_matches(','), linked(&comment.join(" "))));
                comment.clear();
            } else if !text.starts_with("#[") {
                comment.clear();
            }
        }
    }
    let section = |of: &str| match of {
        "Config" => Some(String::new()),
        of => fields
            .iter()
            .find(|(parent, _, kind, _)| *parent == "Config" && *kind == of)
            .map(|(_, name, ..)| format!("{name}.")),
    };
    let keyed = fields.iter().filter_map(|(of, name, _, about)| Some((section(of)? + name, about.clone())));
    keyed.collect()
}

/// The files of sections.rs and below it.
fn sources() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = std::fs::read_dir(folder.join("sections")).unwrap().map(|entry| entry.unwrap().path());
    std::iter::once(folder.join("sections.rs"))
        .chain(below)
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// `docs/routing.md` as a link.
fn linked(text: &str) -> String {
    let parts = text.split("docs/").enumerate().map(|(at, part)| match part.split_once(".md") {
        Some((page, rest)) if at > 0 => format!("[{page}.md]({page}.md){rest}"),
        _ => part.to_owned(),
    });
    parts.collect()
}
