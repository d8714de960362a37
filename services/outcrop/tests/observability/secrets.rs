//! Everything that a journey used and nobody else may read, and where it must not stand.

use std::collections::BTreeMap;

/// What to look for, by what it is.
#[derive(Debug, Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// One more, which must be long enough not to stand somewhere by chance.
    pub(crate) fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is no secret: {secret}");
        self.0.insert(what.to_owned(), secret.to_owned());
    }

    /// All of them are in none of these texts.
    #[track_caller]
    pub(crate) fn are_not_in(&self, texts: &[(String, String)]) {
        let mut found = Vec::new();
        for (place, text) in texts {
            for (what, secret) in &self.0 {
                if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
                    let line: String = line.chars().take(600).collect();
                    found.push(format!("{what} in {place}: {line}"));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
