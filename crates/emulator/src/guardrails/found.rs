//! What a guardrail finds in texts, and how it tells.

use super::Guardrail;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many characters make a unit (Amazon Bedrock pricing, "Guardrails").
const UNIT: usize = 1000;

/// What was found in some texts that were looked at together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Words that must not be said.
    blocked: BTreeSet<String>,
    /// What was masked, and as what.
    masked: BTreeSet<(String, String)>,
    /// What was looked for and not found.
    absent: BTreeSet<String>,
    characters: usize,
    word_units: u64,
    sensitive_units: u64,
}

impl Found {
    /// Looks at the texts.
    pub(crate) fn in_texts<'a>(guardrail: &Guardrail, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Self::default();
        for text in texts {
            found.characters += text.chars().count();
            found.blocked.extend(guardrail.blocked.iter().filter(|it| text.contains(it.as_str())).cloned());
            let masked = guardrail.masked.iter().filter(|(it, _)| text.contains(it.as_str()));
            found.masked.extend(masked.map(|(what, kind)| (what.clone(), kind.clone())));
        }
        found.absent = guardrail.blocked.iter().filter(|it| !found.blocked.contains(*it)).cloned().collect();
        let units = found.characters.div_ceil(UNIT) as u64;
        found.word_units = if guardrail.blocked.is_empty() { 0 } else { units };
        found.sensitive_units = if guardrail.masked.is_empty() { 0 } else { units };
        found
    }

    pub(crate) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    pub(crate) fn is_masked(&self) -> bool {
        !self.is_blocked() && !self.masked.is_empty()
    }

    pub(crate) fn intervenes(&self) -> bool {
        self.is_blocked() || self.is_masked()
    }

    /// In the service's words.
    pub(crate) fn reason(&self) -> &'static str {
        match (self.is_blocked(), self.is_masked()) {
            (true, _) => "Guardrail blocked.",
            (_, true) => "Guardrail masked.",
            _ => "No action.",
        }
    }

    /// Units that are charged for.
    pub(crate) fn units(&self) -> u64 {
        self.word_units + self.sensitive_units
    }

    pub(crate) fn usage(&self) -> Value {
        json!({
            "topicPolicyUnits": 0,
            "contentPolicyUnits": 0,
            "wordPolicyUnits": self.word_units,
            "sensitiveInformationPolicyUnits": self.sensitive_units,
            "sensitiveInformationPolicyFreeUnits": 0,
            "contextualGroundingPolicyUnits": 0,
        })
    }

    pub(crate) fn coverage(&self) -> Value {
        json!({"textCharacters": {"guarded": self.characters, "total": self.characters}})
    }

    /// `GuardrailAssessment`; a full one tells of what was not found, too.
    pub(crate) fn assessment(&self, full: bool) -> Value {
        let mut assessment = json!({"invocationMetrics": {
            "guardrailProcessingLatency": 1,
            "usage": self.usage(),
            "guardrailCoverage": self.coverage(),
        }});
        let word = |word: &String, found: bool| {
            let action = if found { "BLOCKED" } else { "NONE" };
            json!({"match": word, "action": action, "detected": found})
        };
        let absent = self.absent.iter().filter(|_| full).map(|it| word(it, false));
        let words: Vec<_> = self.blocked.iter().map(|it| word(it, true)).chain(absent).collect();
        if !words.is_empty() {
            assessment["wordPolicy"] = json!({"customWords": words, "managedWordLists": []});
        }
        let entity = |(what, kind): &(String, String)| json!({"match": what, "type": kind, "action": "ANONYMIZED", "detected": true});
        let entities: Vec<_> = self.masked.iter().map(entity).collect();
        if !entities.is_empty() {
            assessment["sensitiveInformationPolicy"] = json!({"piiEntities": entities, "regexes": []});
        }
        assessment
    }
}

impl Guardrail {
    /// The text with everything masked that has to be.
    pub(super) fn mask(&self, text: &str) -> String {
        let masked =
            |text: String, (what, kind): (&String, &String)| text.replace(what, &format!("{{{kind}}}"));
        self.masked.iter().fold(text.to_owned(), masked)
    }
}
