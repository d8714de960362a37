//! Tools by the names that Bedrock knows, and what they are to the client.

use std::collections::{HashMap, HashSet};

use crate::ToolNames;

/// Stands between a group's name and that of its function.
const JOINT: &str = "__";

/// The way back from a tool that Bedrock named to the client's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalledTools {
    names: ToolNames,
    /// Those that take free text.
    custom: HashSet<String>,
    /// Those of a group: its name and theirs.
    grouped: HashMap<String, (String, String)>,
}

/// A tool as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Called<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    /// Whether it takes free text.
    pub(super) custom: bool,
}

impl CalledTools {
    /// The name to send to Bedrock.
    pub(super) fn safe(&mut self, namespace: Option<&str>, name: String) -> String {
        let Some(namespace) = namespace else { return self.names.safe(name) };
        let safe = self.names.safe(format!("{namespace}{JOINT}{name}"));
        self.grouped.insert(safe.clone(), (namespace.to_owned(), name));
        safe
    }

    /// Notes that the tool with this safe name takes free text.
    pub(super) fn set_custom(&mut self, safe: &str) {
        self.custom.insert(safe.to_owned());
    }

    /// The tool that Bedrock calls so.
    pub(super) fn tool<'a>(&'a self, safe: &'a str) -> Called<'a> {
        let custom = self.custom.contains(safe);
        match self.grouped.get(safe) {
            Some((namespace, name)) => Called { name, namespace: Some(namespace), custom },
            None => Called { name: self.names.original(safe), namespace: None, custom },
        }
    }
}
