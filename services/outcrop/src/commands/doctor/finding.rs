//! What a check saw, how bad it is, and what to do.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// Nothing was asked: there is nothing to ask, or it cannot be from here.
    Skipped,
    /// Works, and somebody should look at it.
    Warn,
    /// Something will not work.
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) seen: String,
    /// One sentence; nothing where all is well or nothing was asked.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(name: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, seen: seen.into(), remedy: None }
    }

    pub(super) fn skipped(name: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { state: State::Skipped, ..Self::ok(name, seen) }
    }

    pub(super) fn warn(name: impl Into<String>, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warn, remedy: Some(remedy.into()), ..Self::ok(name, seen) }
    }

    pub(super) fn fail(name: impl Into<String>, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Fail, remedy: Some(remedy.into()), ..Self::ok(name, seen) }
    }

    /// For people.
    pub(super) fn lines(&self) -> String {
        // What answers from outside could play tricks on a terminal.
        let clean = |text: &str| text.chars().filter(|it| !it.is_control()).collect::<String>();
        let mut text = format!("{:<5} {:<18} {}\n", self.state.word(), self.name, clean(&self.seen));
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("{:<24} → {}\n", "", clean(remedy)));
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let state = match self.state {
            State::Skipped => "skipped".to_owned(),
            other => other.word().to_ascii_lowercase(),
        };
        json!({ "name": self.name, "state": state, "seen": self.seen, "remedy": self.remedy })
    }
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skip",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// Whether words of AWS say that we may not.
pub(super) fn is_denied(text: &str) -> bool {
    ["AccessDenied", "not authorized", "Forbidden", "UnauthorizedOperation"]
        .iter()
        .any(|it| text.contains(it))
}

/// Whether words of AWS say that it does not know our credentials, or that we have none.
pub(super) fn lacks_credentials(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["credential", "security token", "signature", "expiredtoken", "invalidclienttokenid"]
        .iter()
        .any(|it| text.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_no_denial() {
        assert!(is_denied("AccessDeniedException: no"));
        assert!(!is_denied("connect to 10.0.0.1:14033: request 5f403a timed out"));
    }

    #[test]
    fn what_was_not_asked_is_neither_well_nor_wrong() {
        let finding = Finding::skipped("quotas", "not asked");
        assert_eq!(finding.json()["state"], "skipped");
        assert!(finding.lines().starts_with("skip  quotas"), "{}", finding.lines());
    }
}
