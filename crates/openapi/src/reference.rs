//! docs/api.md: the table of operations, for people.
//!
//! `OUTCROP_WRITE_DOCS=1 cargo test -p outcrop-openapi reference` writes the page anew.

use std::fmt::Write;
use std::path::PathBuf;

use crate::{Access, Operation, operations};

/// What is before the tables.
const HEAD: &str = "# API reference

Every operation that the gateway serves. This page is written from the same table as `GET /openapi.json`, which has each of them field by
field; a test fails when it differs.

Everything below `/v1` is also served below `/api/v1`. A credential goes into `authorization: Bearer …` or `x-api-key`; browsers use a
cookie ([security.md](security.md)). *Who* is a permission of [permissions.md](permissions.md), `known` anybody with a good credential,
`public` anybody at all. What belongs to another team answers 404. Bodies of OpenAI's, Anthropic's and Amazon's dialects are as in their own
reference; what has no effect on a model is said in [parity.md](parity.md).

Errors have the shape of the dialect that was spoken. `x-request-id` is in every answer.

```sh run
curl -sf http://127.0.0.1:8080/openapi.json
```
";

#[test]
fn the_documented_operations_are_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let wanted = format!("{HEAD}{}", tables());
    if std::env::var_os("OUTCROP_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == wanted,
        "docs/api.md is stale: OUTCROP_WRITE_DOCS=1 cargo test -p outcrop-openapi reference"
    );
}

fn tables() -> String {
    let mut tags: Vec<&str> = Vec::new();
    for operation in operations() {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    let mut text = String::new();
    for tag in tags {
        let _ = write!(text, "\n## {tag}\n\n| | who | |\n|---|---|---|\n");
        for operation in operations().filter(|it| it.tag == tag) {
            text.push_str(&row(operation));
        }
    }
    text
}

fn row(operation: &Operation) -> String {
    let who = match operation.access {
        Access::Public => "public".to_owned(),
        Access::Known => "known".to_owned(),
        Access::Needs(permission) => format!("`{}`", permission.name()),
    };
    format!("| `{} {}` | {who} | {} |\n", operation.method, operation.path, operation.summary)
}
