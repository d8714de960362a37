//! The file of calls: how large it is, and its digest.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::failure::Failure;

/// Read at once.
const CHUNK: usize = 1 << 20;
/// As much of the file's own name as the server is told.
const MAX_STEM: usize = 100;

/// A file that does not change while it is sent.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Input {
    /// Reads the file once, in bounded memory.
    pub(super) async fn read(path: &Path) -> Result<Self, Failure> {
        let failed =
            |error: std::io::Error| Failure::failed(format!("could not read {}: {error}", path.display()));
        let mut file = File::open(path).await.map_err(failed)?;
        let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
        loop {
            let read = file.read(&mut buffer).await.map_err(failed)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            bytes += read as u64;
        }
        if bytes == 0 {
            return Err(Failure::failed(format!("{} is empty", path.display())));
        }
        Ok(Self { path: path.to_owned(), bytes, sha256: hex(&digest.finalize()) })
    }

    /// The name that the server is told. It holds the digest, so that the file can be found by its name.
    pub(super) fn name(&self) -> String {
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let stem: String = stem.chars().filter(plain).take(MAX_STEM).collect();
        format!("{stem}-{}.jsonl", self.sha256)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_name_holds_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Fragen \"1\".jsonl");
        std::fs::write(&path, "abc").unwrap();
        let input = Input::read(&path).await.unwrap();
        assert_eq!(input.bytes, 3);
        // The digest of `abc`: FIPS 180-2, appendix B.1.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(input.name(), format!("Fragen1-{digest}.jsonl"));
    }

    #[tokio::test]
    async fn a_file_that_is_empty_or_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Input::read(&folder.path().join("none")).await.is_err());
        std::fs::write(folder.path().join("empty"), "").unwrap();
        assert!(Input::read(&folder.path().join("empty")).await.is_err());
    }
}
