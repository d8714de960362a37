//! What is in `fuzz/corpus` of keys and tokens, fed to what the fuzz targets do: so that what was found once stays found,
//! on the stable toolchain too. (`outcrop-wire` does the same with the dialects, whose targets begin with `wire_`.)
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/identity.rs"]
pub mod targets;

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder)
}

/// The names in a folder, less what follows the dot.
fn names(folder: &str) -> Vec<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = entries(&fuzz(folder)).into_iter().map(stem).collect();
    names.retain(|name| !name.starts_with("wire_"));
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
