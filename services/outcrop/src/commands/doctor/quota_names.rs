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
    /// How the catalogue has this model called; nothing where an ARN does not say, as that of a profile of the account's own.
    pub(super) fn of(model: &ResolvedModel) -> Option<Self> {
        let (id, base) = (model.bedrock_id.as_str(), model.info.base_id.as_str());
        // An ARN has the id behind the kind of thing that it names.
        let id = id.strip_prefix("arn:").and_then(|it| it.rsplit_once('/')).map_or(id, |(_, id)| id);
        match id.strip_suffix(base).filter(|_| !base.is_empty())? {
            "" => Some(Self::OnDemand),
            "global." => Some(Self::Global),
            _ => Some(Self::CrossRegion),
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

/// The quota of a model for calls of this kind. Of names that differ in the version alone, the one with the same wins; of
/// several that say the same in other words, the least, as calls count towards each of them.
pub(super) fn find<'a>(
    quotas: &'a [Quota],
    model: &ResolvedModel,
    reach: Reach,
    counted: Counted,
) -> Option<&'a Quota> {
    let called = [model.info.name.as_deref(), Some(&*model.info.id)];
    let called = called.into_iter().flatten().map(words);
    // A name in another script has no words, and would be the end of every other name.
    let called: Vec<Vec<String>> = called.filter(|it| !it.is_empty()).collect();
    let of_kind = quotas.iter().filter_map(|quota| {
        let (is_reach, is_counted, of) = read(&quota.name)?;
        (is_reach == reach && is_counted == counted).then(|| (quota, words(of)))
    });
    let of_kind: Vec<_> = of_kind.collect();
    let least = |fits: fn(&[String], &[String]) -> bool| {
        let fitting = of_kind.iter().filter(|(_, of)| called.iter().any(|it| fits(of, it)));
        fitting.map(|(quota, _)| *quota).min_by(|one, other| one.value.total_cmp(&other.value))
    };
    least(|of, called| of.ends_with(called)).or_else(|| least(is_but_for_version))
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

    fn quota(name: &str, value: f64) -> Quota {
        Quota { name: name.to_owned(), value }
    }

    fn model(name: &str) -> ResolvedModel {
        let catalog = outcrop_wiring::names(&outcrop_config::Config::default()).unwrap();
        catalog.resolve(Some(name)).unwrap()
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
    fn an_id_says_how_a_model_is_called() {
        const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";
        let reach = |id: &str| Reach::of(&model(id));
        let arn = |of: &str| format!("arn:aws:bedrock:us-east-1:{of}");
        for (id, expected) in [
            ("amazon.nova-lite-v1:0".to_owned(), Some(Reach::OnDemand)),
            (format!("us.{HAIKU}"), Some(Reach::CrossRegion)),
            (format!("global.{HAIKU}"), Some(Reach::Global)),
            (arn(":foundation-model/amazon.nova-lite-v1:0"), Some(Reach::OnDemand)),
            (arn(&format!("111122223333:inference-profile/us.{HAIKU}")), Some(Reach::CrossRegion)),
            (arn(&format!("111122223333:inference-profile/global.{HAIKU}")), Some(Reach::Global)),
        ] {
            assert_eq!(reach(&id), expected, "{id}");
        }
        let mut own = model("nova-lite");
        own.bedrock_id = arn("111122223333:application-inference-profile/a1b2c3d4e5f6");
        assert_eq!(Reach::of(&own), None, "the account's own may lead anywhere, though its model is known");
        std::sync::Arc::make_mut(&mut own.info).base_id.clear();
        assert_eq!(Reach::of(&own), None);
    }

    #[test]
    fn the_same_version_wins() {
        let names = ["Anthropic Claude 3.5 Sonnet V2", "Anthropic Claude 3.5 Sonnet"];
        let quotas =
            names.map(|it| quota(&format!("On-demand model inference tokens per minute for {it}"), 1.0));
        let mut model = model("claude-3-5-sonnet");
        let info = std::sync::Arc::make_mut(&mut model.info);
        info.name = Some("Claude 3.5 Sonnet".to_owned());
        let found = find(&quotas, &model, Reach::OnDemand, Counted::Tokens).unwrap();
        assert_eq!(found, &quotas[1]);
        assert_eq!(find(&quotas, &model, Reach::Global, Counted::Tokens), None);
    }

    #[test]
    fn of_two_for_the_same_calls_the_least_is_told() {
        let quotas =
            [("model inference", 3.0), ("InvokeModel", 1.0), ("Converse", 2.0)].map(|(of, value)| {
                quota(&format!("Cross-region {of} tokens per minute for Anthropic Claude Haiku 4.5"), value)
            });
        let found = find(&quotas, &model("claude-haiku-4-5"), Reach::CrossRegion, Counted::Tokens);
        assert_eq!(found, Some(&quotas[1]));
    }

    #[test]
    fn a_name_without_words_is_no_other_models() {
        let quotas = [quota("On-demand model inference tokens per minute for Amazon Nova Lite", 1.0)];
        let mut model = model("nova-lite");
        let info = std::sync::Arc::make_mut(&mut model.info);
        (info.id, info.name) = ("模型".to_owned(), Some("模型".to_owned()));
        assert_eq!(find(&quotas, &model, Reach::OnDemand, Counted::Tokens), None);
    }
}
