//! Bedrock's quotas by their names, which is all that says what they are for.
//!
//! `Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5`: how it is called, what is counted, and the
//! model as AWS calls it in prose. Quotas of requests per minute, which Bedrock no longer has everywhere, are read where they are.

use outcrop_ports::ResolvedModel;
use outcrop_wiring::Quota;

/// What is counted in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Tokens,
    Requests,
}

/// How a model is called: each way has quotas of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    OnDemand,
    CrossRegion,
    Global,
}

impl Counted {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Tokens => "tokens per minute",
            Self::Requests => "requests per minute",
        }
    }
}

impl Reach {
    /// How the catalogue has this model called.
    pub(super) fn of(model: &ResolvedModel) -> Self {
        let base = &model.info.base_id;
        match model.bedrock_id.strip_suffix(base.as_str()) {
            Some("global.") => Self::Global,
            Some(before) if !before.is_empty() && !base.is_empty() => Self::CrossRegion,
            _ => Self::OnDemand,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::OnDemand => "On-demand",
            Self::CrossRegion => "Cross-region",
            Self::Global => "Global cross-region",
        }
    }
}

/// The quota of a model for calls of this kind. Of names that differ in the version alone, the one with the same wins.
pub(super) fn find<'a>(
    quotas: &'a [Quota],
    model: &ResolvedModel,
    reach: Reach,
    counted: Counted,
) -> Option<&'a Quota> {
    let called = [model.info.name.as_deref(), Some(&*model.info.id)];
    let called: Vec<Vec<String>> = called.into_iter().flatten().map(words).collect();
    let of_kind = quotas.iter().filter_map(|quota| {
        let (is_reach, is_counted, of) = read(&quota.name)?;
        (is_reach == reach && is_counted == counted).then(|| (quota, words(of)))
    });
    let of_kind: Vec<_> = of_kind.collect();
    let same = |(_, of): &&(&Quota, Vec<String>)| called.iter().any(|it| of.ends_with(it));
    let alike = |(_, of): &&(&Quota, Vec<String>)| called.iter().any(|it| is_but_for_version(of, it));
    of_kind.iter().find(same).or_else(|| of_kind.iter().find(alike)).map(|(quota, _)| *quota)
}

/// What a name says, if it is that of a quota per minute of calls as we make them.
fn read(name: &str) -> Option<(Reach, Counted, &str)> {
    let (head, of) = name.split_once(" per minute for ")?;
    let head = head.to_ascii_lowercase();
    // Other endpoints and tiers, which count for themselves.
    if ["latency", "mantle", "input tokens", "output tokens"].iter().any(|it| head.contains(it)) {
        return None;
    }
    let reach = if head.starts_with("global cross-region") {
        Reach::Global
    } else if head.starts_with("cross-region") {
        Reach::CrossRegion
    } else if head.starts_with("on-demand") {
        Reach::OnDemand
    } else {
        return None;
    };
    let counted = if head.ends_with(" tokens") {
        Counted::Tokens
    } else if head.ends_with(" requests") {
        Counted::Requests
    } else {
        return None;
    };
    Some((reach, counted, of))
}

/// `Claude Haiku 4.5` and `claude-haiku-4-5` are the same words.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    words.map(str::to_ascii_lowercase).collect()
}

/// Whether one of the two has a version at its end where the other has none, and they are the same but for that. Quotas have
/// the maker's name before the model's.
fn is_but_for_version(quota: &[String], model: &[String]) -> bool {
    let (bare_quota, bare_model) = (without_version(quota), without_version(model));
    let versions = usize::from(bare_quota.len() < quota.len()) + usize::from(bare_model.len() < model.len());
    versions == 1 && bare_quota.ends_with(bare_model)
}

fn without_version(words: &[String]) -> &[String] {
    let is_version = |it: &String| it.strip_prefix('v').is_some_and(|it| it.parse::<u8>().is_ok());
    match words.split_last() {
        Some((last, before)) if is_version(last) => before,
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(name: &str) -> Quota {
        Quota { name: name.to_owned(), value: 1.0 }
    }

    #[test]
    fn names_say_what_they_are_for() {
        for (name, expected) in [
            (
                "On-demand model inference requests per minute for Amazon Nova Lite",
                Some((Reach::OnDemand, Counted::Requests, "Amazon Nova Lite")),
            ),
            (
                "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5",
                Some((Reach::CrossRegion, Counted::Tokens, "Anthropic Claude Haiku 4.5")),
            ),
            (
                "Cross-Region InvokeModel tokens per minute for Anthropic Claude Haiku 4.5",
                Some((Reach::CrossRegion, Counted::Tokens, "Anthropic Claude Haiku 4.5")),
            ),
            (
                "Global cross-region model inference tokens per minute for Cohere Embed V4",
                Some((Reach::Global, Counted::Tokens, "Cohere Embed V4")),
            ),
            ("On-demand, latency-optimized model inference tokens per minute for Amazon Nova Pro", None),
            (
                "Model invocation max tokens per day for Amazon Nova Lite (doubled for cross-region calls)",
                None,
            ),
            ("Records per batch inference job for Amazon Nova Lite", None),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    #[test]
    fn a_model_is_known_by_its_words() {
        let fits = |of: &str, called: &str| {
            let (of, called) = (words(of), words(called));
            of.ends_with(&called) || is_but_for_version(&of, &called)
        };
        for (of, called) in [
            ("Anthropic Claude Haiku 4.5", "claude-haiku-4-5"),
            ("Anthropic Claude Haiku 4.5", "Claude Haiku 4.5"),
            ("Anthropic Claude Sonnet 4 V1", "claude-sonnet-4"),
            ("Cohere Embed Multilingual", "cohere-embed-multilingual-v3"),
            ("Amazon Titan Text Embeddings V2", "titan-text-embeddings-v2"),
        ] {
            assert!(fits(of, called), "{of}: {called}");
        }
        for (of, called) in [
            ("Anthropic Claude Sonnet 4.5", "claude-sonnet-4"),
            ("Anthropic Claude Sonnet 4", "claude-sonnet-4-5"),
            ("Anthropic Claude Sonnet 4.5 V1 1M Context Length", "claude-sonnet-4-5"),
            ("Cohere Embed V4", "cohere-embed-v3"),
        ] {
            assert!(!fits(of, called), "{of}: {called}");
        }
    }

    #[test]
    fn the_same_version_wins() {
        let names = ["Anthropic Claude 3.5 Sonnet V2", "Anthropic Claude 3.5 Sonnet"];
        let quotas = names.map(|it| quota(&format!("On-demand model inference tokens per minute for {it}")));
        let config = outcrop_config::Config::default();
        let catalog = outcrop_wiring::names(&config).unwrap();
        let mut model = catalog.resolve(Some("claude-3-5-sonnet")).unwrap();
        let info = std::sync::Arc::make_mut(&mut model.info);
        info.name = Some("Claude 3.5 Sonnet".to_owned());
        let found = find(&quotas, &model, Reach::OnDemand, Counted::Tokens).unwrap();
        assert_eq!(found, &quotas[1]);
        assert_eq!(find(&quotas, &model, Reach::Global, Counted::Tokens), None);
    }
}
