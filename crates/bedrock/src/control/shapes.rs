//! The JSON of the control plane. Source: Amazon Bedrock API reference, ListFoundationModels, ListInferenceProfiles,
//! GetInferenceProfile. Words we do not know are passed over: a list must not fail for a new modality.

use chrono::{DateTime, Utc};
use outcrop_ports::Modality;
use outcrop_types::Geography;
use serde::Deserialize;

use super::listing::{ListedModel, ListedProfile};
use crate::catalog::{arn_region, geography};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelSummaries {
    #[serde(default)]
    model_summaries: Vec<ModelSummary>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelSummary {
    model_id: String,
    model_name: Option<String>,
    #[serde(default)]
    input_modalities: Vec<String>,
    #[serde(default)]
    output_modalities: Vec<String>,
    response_streaming_supported: Option<bool>,
    #[serde(default)]
    inference_types_supported: Vec<String>,
    model_lifecycle: Option<Lifecycle>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    status: Option<String>,
    end_of_life_time: Option<Time>,
}

/// AWS writes times as text in some services and as seconds in others.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Time {
    Text(DateTime<Utc>),
    Seconds(f64),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileSummaries {
    #[serde(default, rename = "inferenceProfileSummaries")]
    pub(super) summaries: Vec<ProfileSummary>,
    pub(super) next_token: Option<String>,
}

/// An entry of the list, and the answer of GetInferenceProfile.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileSummary {
    inference_profile_id: String,
    inference_profile_arn: String,
    inference_profile_name: Option<String>,
    #[serde(default)]
    models: Vec<ProfileModel>,
    status: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileModel {
    model_arn: Option<String>,
}

impl ModelSummaries {
    pub(super) fn listed(self) -> Vec<ListedModel> {
        self.model_summaries.into_iter().map(ModelSummary::listed).collect()
    }
}

impl ModelSummary {
    fn listed(self) -> ListedModel {
        let lifecycle = self.model_lifecycle;
        let legacy = lifecycle.as_ref().and_then(|it| it.status.as_deref()) == Some("LEGACY");
        ListedModel {
            on_demand: self.inference_types_supported.iter().any(|it| it == "ON_DEMAND"),
            input: self.input_modalities.iter().filter_map(|it| modality(it)).collect(),
            output: self.output_modalities.iter().filter_map(|it| modality(it)).collect(),
            streaming: self.response_streaming_supported.unwrap_or(false),
            legacy,
            end_of_life: lifecycle.and_then(|it| it.end_of_life_time).and_then(Time::seconds),
            name: self.model_name,
            id: self.model_id,
        }
    }
}

fn modality(word: &str) -> Option<Modality> {
    Some(match word {
        "TEXT" => Modality::Text,
        "IMAGE" => Modality::Image,
        "VIDEO" => Modality::Video,
        "AUDIO" | "SPEECH" => Modality::Audio,
        "EMBEDDING" => Modality::Embedding,
        "RERANK" => Modality::Ranking,
        _ => return None,
    })
}

impl Time {
    fn seconds(self) -> Option<i64> {
        match self {
            Self::Text(time) => Some(time.timestamp()),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a time in seconds; its fraction is not needed"
            )]
            Self::Seconds(seconds) => Some(seconds as i64),
            Self::Other(_) => None,
        }
    }
}

impl ProfileSummary {
    /// Nothing for a profile that cannot be called, or whose model is not said.
    pub(super) fn listed(self) -> Option<ListedProfile> {
        if self.status.is_some_and(|it| it != "ACTIVE") {
            return None;
        }
        let targets: Vec<(&str, &str)> =
            self.models.iter().filter_map(|it| foundation_model(it.model_arn.as_deref()?)).collect();
        let (_, base) = *targets.first()?;
        let own = self.kind.as_deref() == Some("APPLICATION");
        let home = arn_region(&self.inference_profile_arn).unwrap_or_default();
        let geography =
            if own { routes_over(&targets, home) } else { prefix(&self.inference_profile_id, base) };
        Some(ListedProfile {
            own,
            base: base.to_owned(),
            strays: geography
                .as_deref()
                .and_then(Geography::parse)
                .is_some_and(|it| strays(it, &targets, home)),
            geography,
            name: self.inference_profile_name,
            arn: self.inference_profile_arn,
        })
    }
}

/// Region and model of `arn:aws:bedrock:REGION::foundation-model/ID`.
fn foundation_model(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let region = parts.nth(3)?;
    let id = parts.nth(1)?.strip_prefix("foundation-model/")?;
    (!id.is_empty()).then_some((region, id))
}

/// The geography in the id of a profile that Bedrock defines: `us` of `us.anthropic.…`.
fn prefix(id: &str, base: &str) -> Option<String> {
    id.strip_suffix(base)?.strip_suffix('.').map(str::to_owned)
}

/// Where a profile of the account sends calls: it has one model in its own region, or was copied from a profile that
/// routes over several. The target of global profiles names no region. The least geography that has all targets is the
/// one it was copied from, or as good.
fn routes_over(targets: &[(&str, &str)], home: &str) -> Option<String> {
    const FROM_THE_LEAST: [Geography; 8] = [
        Geography::Jp,
        Geography::Au,
        Geography::In,
        Geography::Ca,
        Geography::UsGov,
        Geography::Us,
        Geography::Eu,
        Geography::Apac,
    ];
    match targets {
        [] => None,
        [(region, _)] if !region.is_empty() => None,
        several if several.iter().any(|(region, _)| region.is_empty()) => Some("global".to_owned()),
        several => {
            let fits = FROM_THE_LEAST.into_iter().find(|it| !strays(*it, several, home));
            let elsewhere = several.iter().map(|(region, _)| *region).find(|it| *it != home);
            let name = fits.map(Geography::name).or_else(|| elsewhere.map(geography));
            name.map(str::to_owned)
        }
    }
}

/// Whether a profile goes to a region outside of a geography. The one it is called in does not count: `us.` goes to
/// Canada if it is called there.
fn strays(geography: Geography, targets: &[(&str, &str)], home: &str) -> bool {
    let outside = |region: &str| region.parse().map_or(true, |it| !geography.has(&it));
    targets.iter().any(|(region, _)| *region != home && outside(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "us-east-1";

    fn profile(id: &str, kind: &str, regions: &[&str]) -> Option<ListedProfile> {
        let model = |region: &&str| serde_json::json!({"modelArn": format!("arn:aws:bedrock:{region}::foundation-model/vendor.m-v1:0")});
        let models: Vec<_> = regions.iter().map(model).collect();
        let summary = serde_json::json!({
            "inferenceProfileId": id, "inferenceProfileArn": format!("arn:aws:bedrock:{HOME}:1:x/y"), "models": models, "status": "ACTIVE", "type": kind,
            "somethingNew": 1,
        });
        serde_json::from_value::<ProfileSummary>(summary).unwrap().listed()
    }

    #[test]
    fn a_profile_tells_its_model_and_where_it_routes() {
        let geography = |it: Option<ListedProfile>| it.unwrap().geography;
        let system = profile("us.vendor.m-v1:0", "SYSTEM_DEFINED", &["us-east-1", "us-west-2"]).unwrap();
        assert_eq!((system.base.as_str(), system.geography.as_deref()), ("vendor.m-v1:0", Some("us")));
        assert_eq!(
            geography(profile("mars.vendor.m-v1:0", "SYSTEM_DEFINED", &["x"])).as_deref(),
            Some("mars")
        );
        let own = |regions: &[&str]| geography(profile("a1b2c3d4e5f6", "APPLICATION", regions));
        assert_eq!(own(&["us-east-1"]), None);
        assert_eq!(own(&["eu-west-1", "eu-north-1"]).as_deref(), Some("eu"));
        assert_eq!(own(&["us-east-1", ""]).as_deref(), Some("global"));
        assert_eq!(own(&["ap-northeast-1", "ap-northeast-3"]).as_deref(), Some("jp"));
        assert_eq!(own(&["ap-northeast-1", "ap-southeast-2"]).as_deref(), Some("apac"));
        assert!(profile("a1b2c3d4e5f6", "APPLICATION", &[]).is_none(), "whose model is not said");
    }

    #[test]
    fn a_profile_that_leaves_its_geography_is_noticed() {
        let strays = |id: &str, regions: &[&str]| {
            profile(&format!("{id}.vendor.m-v1:0"), "SYSTEM_DEFINED", regions).unwrap().strays
        };
        assert!(!strays("us", &["us-east-1", "us-west-2"]));
        assert!(!strays("eu", &[HOME, "eu-west-1"]), "the region called counts as itself");
        assert!(strays("eu", &["eu-west-1", "eu-west-2"]));
        assert!(!strays("global", &["us-east-1", ""]), "which bounds nothing");
    }

    #[test]
    fn words_that_are_new_are_passed_over() {
        let list = serde_json::json!({"modelSummaries": [{
            "modelId": "vendor.m", "inputModalities": ["TEXT", "SMELL"], "outputModalities": ["TEXT"],
            "inferenceTypesSupported": ["INFERENCE_PROFILE"], "providerName": "Vendor",
            "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2027-01-01T00:00:00Z", "more": {}},
        }, {"modelId": "vendor.n", "modelLifecycle": {"status": "ACTIVE", "endOfLifeTime": 1.5e9}}]});
        let listed = serde_json::from_value::<ModelSummaries>(list).unwrap().listed();
        let [m, n] = &listed[..] else { panic!("two models") };
        assert_eq!((&m.input[..], m.on_demand, m.legacy), (&[Modality::Text][..], false, true));
        assert_eq!(m.end_of_life, Some(1_798_761_600));
        assert_eq!((n.legacy, n.end_of_life), (false, Some(1_500_000_000)));
    }
}
