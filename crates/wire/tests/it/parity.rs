//! docs/parity.md is the tables of fields, and nothing else. To write it anew: run with `INSTA_UPDATE=always`.

use std::fmt::Write as _;
use std::path::Path;

use outcrop_wire::{anthropic, bedrock, openai};

type Fields = &'static [(&'static str, &'static str, &'static str)];

const PREFACE: &str = "# Parity

What becomes of each field of a request, dialect by dialect. Generated from the tables in `crates/wire` (`INSTA_UPDATE=always cargo test -p
outcrop-wire parity`); a test fails when this page differs from them, and tests hold each fate against what the code does.

- **mapped**: Bedrock is asked for it. Where the model called lacks it, that is settled by the catalogue: refused or dropped, by name.
- **emulated**: it has its effect by other means.
- **refused**: a 400 that names the field.
- **dropped**: without effect, and named in `x-outcrop-dropped`; with `x-outcrop-strict: true` a 400.
- **passed** through: sent to the model as it came.

Fields that are in no table are ignored by OpenAI's and Anthropic's dialects, as their own servers do, and refused by Bedrock's. Those of the
request itself are named in `x-outcrop-dropped`, 16 at most, and with `x-outcrop-strict: true` are a 400; those within its objects are not.
`[]` stands for each element of a list.
";

const DIALECTS: [(&str, Fields); 9] = [
    ("OpenAI: chat completions", openai::chat::parity::FIELDS),
    ("OpenAI: completions", openai::completions::parity::FIELDS),
    ("OpenAI: responses", openai::responses::parity::FIELDS),
    ("OpenAI: embeddings", openai::embeddings::parity::FIELDS),
    ("OpenAI: images", openai::images::parity::FIELDS),
    ("Cohere: rerank", openai::rerank::parity::FIELDS),
    ("Anthropic: messages, to models that are not Claude", anthropic::parity::FIELDS),
    ("Anthropic: messages, to Claude", anthropic::parity::CLAUDE),
    ("Amazon Bedrock: Converse", bedrock::parity::FIELDS),
];

fn page() -> String {
    let mut page = PREFACE.to_owned();
    for (title, fields) in DIALECTS {
        let _ = write!(page, "\n## {title}\n\n| field | fate | |\n|---|---|---|\n");
        for (field, fate, note) in fields {
            let _ = writeln!(page, "| `{field}` | {fate} | {} |", note.replace('|', "\\|"));
        }
    }
    page
}

#[test]
fn the_page_is_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/parity.md");
    let page = page();
    if std::env::var("INSTA_UPDATE").is_ok_and(|it| it == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/parity.md differs from the tables; run this with INSTA_UPDATE=always");
}

#[test]
fn every_fate_is_explained_and_no_field_has_two() {
    for (title, fields) in DIALECTS {
        assert!(!fields.is_empty(), "{title}");
        for (at, (field, fate, _)) in fields.iter().enumerate() {
            let known = ["mapped", "emulated", "refused", "dropped", "passed"].contains(fate);
            assert!(known, "{title}: {field} is {fate}");
            assert!(!fields[..at].iter().any(|(other, ..)| other == field), "{title}: {field} stands twice");
        }
    }
}
