//! How Bedrock names models: geographies of inference profiles, and ARNs.

use outcrop_ports::Modality;

/// Prefixes of cross-region inference profile ids. Source: Amazon Bedrock user guide, "Supported Regions and
/// models for inference profiles".
pub(super) const GEOGRAPHIES: [&str; 9] = ["us", "eu", "apac", "au", "jp", "in", "ca", "us-gov", "global"];

/// ARNs of Bedrock resources that say nothing of the model behind them.
const OPAQUE_KINDS: [&str; 7] = [
    "application-inference-profile",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "default-prompt-router",
    "prompt-router",
];

/// The geography whose inference profiles a region can call: `us` for `us-east-1`.
#[must_use]
pub fn geography(region: &str) -> &'static str {
    match region.split_once('-') {
        Some(("us", rest)) if rest.starts_with("gov-") => "us-gov",
        Some(("us", _)) => "us",
        Some(("eu", _)) => "eu",
        Some(("ap", _)) => "apac",
        Some(("ca", _)) => "ca",
        _ => "global",
    }
}

/// The country's own geography within that of the region.
pub(super) fn narrower(region: &str) -> Option<&'static str> {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => Some("jp"),
        "ap-southeast-2" | "ap-southeast-4" | "ap-southeast-6" => Some("au"),
        "ap-south-1" | "ap-south-2" => Some("in"),
        _ => None,
    }
}

/// A geography beyond the region's own whose profiles can be called from it, too. Source: Amazon Bedrock user guide,
/// "Supported Regions and models for inference profiles": Canada calls those of the United States, the Emirates those of
/// Asia and the Pacific.
pub(super) fn wider(region: &str) -> Option<&'static str> {
    match region {
        "ca-central-1" | "ca-west-1" => Some("us"),
        "me-central-1" => Some("apac"),
        _ => None,
    }
}

/// Whether a region can call an id: an ARN only in its own region, an inference profile only in its geography. Bedrock
/// decides where that is not known.
pub(super) fn is_callable(bedrock_id: &str, base_id: &str, region: &str) -> bool {
    if let Some(home) = arn_region(bedrock_id) {
        return home == region;
    }
    let Some(prefix) = profile_geography(bedrock_id, base_id) else { return true };
    let known = GEOGRAPHIES.contains(&prefix) && geography(region) != "global";
    let ways = [narrower(region), Some(geography(region)), wider(region), Some("global")];
    !known || ways.contains(&Some(prefix))
}

/// The region in an ARN.
pub(crate) fn arn_region(bedrock_id: &str) -> Option<&str> {
    bedrock_id.strip_prefix("arn:")?.split(':').nth(2)
}

/// The number of the account in an ARN.
pub(super) fn arn_account(bedrock_id: &str) -> Option<&str> {
    bedrock_id.strip_prefix("arn:")?.split(':').nth(3)
}

/// Whether a name could be Bedrock's `modelId`, which becomes part of a URL: the SDK panics on one that is too long.
/// Source: Amazon Bedrock API reference, Converse: at most 2048 characters, none of them white space.
pub(super) fn could_be_sent(asked: &str) -> bool {
    asked.len() <= 2048 && asked.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The model behind a model id, an inference profile id or an ARN that says it; what else there is, as it is.
pub(crate) fn foundation_id(bedrock_id: &str) -> &str {
    let id = match parse_name(bedrock_id) {
        Named::ModelArn(id) => id,
        _ => bedrock_id,
    };
    match id.split_once('.') {
        Some((geography, model)) if GEOGRAPHIES.contains(&geography) => model,
        _ => id,
    }
}

/// The geography of the profile by which a model is called, in an id or in an ARN that says it.
pub(super) fn profile_geography<'a>(bedrock_id: &'a str, base_id: &str) -> Option<&'a str> {
    let id = match parse_name(bedrock_id) {
        Named::ModelArn(id) => id,
        _ => bedrock_id,
    };
    id.strip_suffix(base_id)?.strip_suffix('.').filter(|it| !it.is_empty())
}

/// Names of other vendors' models that a default model may answer for, by what it writes. The Bedrock Access Gateway
/// does the same with the first two; its clients have them in their settings.
const STAND_INS: [(&str, Modality); 2] = [("gpt-", Modality::Text), ("text-embedding-", Modality::Embedding)];

/// Whether a name is one that a default model may answer for, where `output` is wanted.
pub(super) fn is_stand_in(asked: &str, output: Modality) -> bool {
    let begins = |prefix: &str| asked.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    STAND_INS.iter().any(|(prefix, writes)| *writes == output && begins(prefix))
}

/// Whether an ARN is that of an application inference profile, the one kind Bedrock tells the model of.
pub(super) fn is_own_profile(asked: &str) -> bool {
    asked.contains(":application-inference-profile/") && parse_name(asked) == Named::OpaqueArn
}

/// What kind of name a client used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// No ARN: a friendly name, a Bedrock id or a profile id.
    Plain,
    /// The ARN of a foundation model or of a system-defined profile, with its id.
    ModelArn(&'a str),
    /// The ARN of something whose model only Bedrock knows.
    OpaqueArn,
    /// An ARN of something that is no model.
    OtherArn,
}

/// Reads `arn:PARTITION:bedrock:REGION:ACCOUNT:KIND/ID`.
pub(super) fn parse_name(asked: &str) -> Named<'_> {
    let Some(arn) = asked.strip_prefix("arn:") else { return Named::Plain };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let [partition, "bedrock", _region, _account, resource] = parts[..] else { return Named::OtherArn };
    if !partition.starts_with("aws") {
        return Named::OtherArn;
    }
    match resource.split_once('/') {
        Some(("foundation-model" | "inference-profile", id)) if !id.is_empty() => Named::ModelArn(id),
        Some((kind, id)) if OPAQUE_KINDS.contains(&kind) && !id.is_empty() => Named::OpaqueArn,
        _ => Named::OtherArn,
    }
}
