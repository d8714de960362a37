//! The lock file: each released migration with the release that brought it, and the SHA-256 of its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

const HEAD: &str = "\
# Migrations that a release has brought: never edited afterwards, since databases remember what they ran.
# Written by `cargo xtask migrations --release VERSION`; one line is path, release, SHA-256.
";

/// Three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbers: Result<Vec<u32>, _> = text.trim_start_matches('v').split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[major, minor, patch]) => Ok(Self(major, minor, patch)),
            _ => bail!("{text:?} is no version such as 1.2.3"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What is released.
#[derive(Debug, Clone, Default)]
pub(super) struct Lock(BTreeMap<String, (Version, String)>);

impl Lock {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All releases that brought a migration.
    pub(super) fn releases(&self) -> BTreeSet<Version> {
        self.0.values().map(|(version, _)| *version).collect()
    }

    /// Refuses texts that are not those that were released.
    pub(super) fn holds<'a>(&self, texts: impl Iterator<Item = (String, &'a str)>) -> anyhow::Result<()> {
        let texts: BTreeMap<String, &str> = texts.collect();
        for (path, (version, digest)) in &self.0 {
            let text = texts
                .get(path)
                .with_context(|| format!("{path} was released with {version}, and is gone"))?;
            ensure!(
                digest_of(text) == *digest,
                "{path} was released with {version}, and is not the same any more: write another migration"
            );
        }
        Ok(())
    }

    /// With everything that it lacks, released with `version`.
    pub(super) fn with<'a>(
        mut self,
        version: Version,
        texts: impl Iterator<Item = (String, &'a str)>,
    ) -> anyhow::Result<Self> {
        let last = self.releases().last().copied();
        ensure!(last.is_none_or(|last| last < version), "{version} does not come after the last release");
        for (path, text) in texts {
            self.0.entry(path).or_insert_with(|| (version, digest_of(text)));
        }
        Ok(self)
    }
}

fn digest_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromStr for Lock {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut lock = Self::default();
        for line in text.lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[path, version, digest] = words.as_slice() else {
                bail!("not path, release, digest: {line}")
            };
            lock.0.insert(path.to_owned(), (version.parse()?, digest.to_owned()));
        }
        Ok(lock)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        self.0.iter().try_for_each(|(path, (version, digest))| writeln!(f, "{path} {version} {digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn what_is_written_is_read() {
        let empty: Lock = "# nothing\n".parse().expect("empty");
        let texts = || [("postgres/migrations/0001_x.sql".to_owned(), "SELECT 1")].into_iter();
        let lock = empty.with("0.2.0".parse().expect("a version"), texts()).expect("released");
        let again: Lock = lock.to_string().parse().expect("readable");
        again.holds(texts()).expect("the same");
        again.clone().with("0.2.0".parse().expect("a version"), texts()).expect_err("the same release twice");
        again
            .holds([("postgres/migrations/0001_x.sql".to_owned(), "SELECT 2")].into_iter())
            .expect_err("edited");
        again.holds(std::iter::empty()).expect_err("gone");
    }
}
