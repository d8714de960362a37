//! Usage as it is written for others to read.

use std::path::Path;

use serde_json::Value;

/// All records below a folder.
pub(crate) fn read(folder: &Path) -> Vec<Value> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(at) else { continue };
        for path in entries.map(|it| it.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "ndjson") {
                let text = std::fs::read_to_string(path).unwrap();
                found.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
            }
        }
    }
    found
}

/// How many calls of a model they are.
pub(crate) fn calls(records: &[Value]) -> usize {
    let mut ids: Vec<_> = records.iter().map(|it| it["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}
