//! What is in `fuzz/corpus` of the dialects, fed to what the fuzz targets do: so that what was found once stays found,
//! on the stable toolchain too. (`outcrop-token` does the same with keys and tokens.)
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/dialects/mod.rs"]
pub mod targets;

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder)
}

/// The names in a folder, less what follows the dot.
fn names(folder: &str) -> Vec<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = entries(&fuzz(folder)).into_iter().map(stem).collect();
    names.retain(|name| name.starts_with("wire_"));
    names.sort();
    names
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_target_has_a_file_and_a_corpus() {
    let targets: Vec<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}

#[test]
fn every_corpus_is_read_without_harm() {
    for (name, body) in targets::TARGETS {
        let (mut taken, mut refused) = (0, 0);
        for file in entries(&fuzz("corpus").join(name)) {
            // Said before, so that a panic has a name.
            println!("{}", file.display());
            let count = if body(&fs::read(file).unwrap()) { &mut taken } else { &mut refused };
            *count += 1;
        }
        // Seeds that are all refused at the door would lead the fuzzer nowhere.
        assert!(taken > 0 && refused > 0, "{name}: {taken} taken, {refused} refused");
    }
}

/// The golden requests are seeds too: what they promise there holds here.
#[test]
fn every_golden_request_is_read_without_harm() {
    for (name, folder) in [
        ("wire_chat", "openai/chat"),
        ("wire_converse", "bedrock/converse"),
        ("wire_embeddings", "openai/embeddings"),
        ("wire_messages", "anthropic/messages"),
        ("wire_responses", "openai/responses"),
    ] {
        let (_, body) = targets::TARGETS.into_iter().find(|(target, _)| *target == name).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
        for file in entries(&folder) {
            println!("{}", file.display());
            body(&fs::read(file).unwrap());
        }
    }
}
