//! Where a call of a model may be answered, by the id it is called by.
//!
//! What cannot be told is `Anywhere`: residency then refuses it, which is the safe mistake.

use outcrop_types::{Geography, Reach, Region};

use super::{ModelInfo, ResolvedModel};

impl ResolvedModel {
    /// Where a call of it may be answered, made in this region.
    ///
    /// A model's bare id stays in the region called, an inference profile in its geography. Source: Amazon Bedrock user
    /// guide, "Increase throughput with cross-Region inference".
    #[must_use]
    pub fn reach(&self, called: &Region) -> Reach {
        if !self.bedrock_id.starts_with("arn:") {
            return by_id(&self.bedrock_id, &self.info, called);
        }
        self.by_arn().unwrap_or(Reach::Anywhere)
    }

    /// By `arn:PARTITION:bedrock:REGION:ACCOUNT:KIND/ID`, which is called in its own region.
    fn by_arn(&self) -> Option<Reach> {
        let mut parts = self.bedrock_id.splitn(6, ':');
        let home: Region = parts.nth(3)?.parse().ok()?;
        let (kind, id) = parts.nth(1)?.split_once('/')?;
        match kind {
            "foundation-model" | "inference-profile" => Some(by_id(id, &self.info, &home)),
            "application-inference-profile" => self.by_own_profile(home),
            "provisioned-model" | "custom-model" | "custom-model-deployment" | "imported-model" => {
                Some(Reach::Region(home))
            }
            // A prompt router chooses among models, and their profiles.
            _ => None,
        }
    }

    /// By what Bedrock said of a profile of the account. Of one that an operator listed as another name of a model, it
    /// was not asked, and none of its id tells.
    fn by_own_profile(&self, home: Region) -> Option<Reach> {
        let ModelInfo { id, base_id, routes_over, stray_profiles, .. } = &*self.info;
        let was_told = *id == self.bedrock_id && !base_id.is_empty() && *base_id != self.bedrock_id;
        match routes_over {
            Some(geography) if stray_profiles.contains(geography) => None,
            Some(geography) => Some(Reach::Geography(Geography::parse(geography)?, home)),
            None => was_told.then_some(Reach::Region(home)),
        }
    }
}

/// By a model's id, or that of a profile of Bedrock's: `us.` and the model's.
fn by_id(id: &str, info: &ModelInfo, called: &Region) -> Reach {
    let base = info.base_id.as_str();
    let prefix = id.strip_suffix(base).filter(|_| !base.is_empty());
    let strays = |prefix: &str| info.stray_profiles.iter().any(|it| it == prefix);
    let geography = |prefix: &str| {
        let prefix = prefix.strip_suffix('.').filter(|it| !strays(it))?;
        Geography::parse(prefix)
    };
    match prefix {
        Some("") => Reach::Region(called.clone()),
        Some(prefix) => {
            geography(prefix).map_or(Reach::Anywhere, |geography| Reach::Geography(geography, called.clone()))
        }
        None => Reach::Anywhere,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const BASE: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn model(bedrock_id: &str, info: ModelInfo) -> ResolvedModel {
        ResolvedModel { bedrock_id: bedrock_id.to_owned(), info: Arc::new(info) }
    }

    fn of_base() -> ModelInfo {
        ModelInfo { id: "claude-haiku-4-5".to_owned(), base_id: BASE.to_owned(), ..ModelInfo::default() }
    }

    #[test]
    fn an_id_tells_how_far_its_call_may_go() {
        let called = region("eu-central-1");
        let cases = [
            (BASE.to_owned(), Reach::Region(called.clone())),
            (format!("eu.{BASE}"), Reach::Geography(Geography::Eu, called.clone())),
            (format!("us.{BASE}"), Reach::Geography(Geography::Us, called.clone())),
            (format!("us-gov.{BASE}"), Reach::Geography(Geography::UsGov, called.clone())),
            (format!("global.{BASE}"), Reach::Anywhere),
            (format!("mars.{BASE}"), Reach::Anywhere),
            (format!("eu{BASE}"), Reach::Anywhere),
            ("another.model".to_owned(), Reach::Anywhere),
        ];
        for (id, expected) in cases {
            assert_eq!(model(&id, of_base()).reach(&called), expected, "{id}");
        }
        let stray = ModelInfo { stray_profiles: vec!["eu".to_owned()], ..of_base() };
        let stray = model(&format!("eu.{BASE}"), stray);
        assert_eq!(stray.reach(&called), Reach::Anywhere, "listed with regions outside of it");
        let unknown = model("vendor.model", ModelInfo::default());
        assert_eq!(unknown.reach(&called), Reach::Anywhere, "whose model nobody knows");
    }

    #[test]
    fn an_arn_is_called_in_its_own_region() {
        let called = region("eu-central-1");
        let us = || region("us-west-2");
        let cases = [
            (format!("foundation-model/{BASE}"), Reach::Region(us())),
            (format!("inference-profile/us.{BASE}"), Reach::Geography(Geography::Us, us())),
            (format!("inference-profile/global.{BASE}"), Reach::Anywhere),
            ("provisioned-model/abc".to_owned(), Reach::Region(us())),
            ("custom-model/x/abc".to_owned(), Reach::Region(us())),
            ("custom-model-deployment/abc".to_owned(), Reach::Region(us())),
            ("imported-model/abc".to_owned(), Reach::Region(us())),
            ("prompt-router/abc".to_owned(), Reach::Anywhere),
            ("default-prompt-router/anthropic.claude:1".to_owned(), Reach::Anywhere),
            // Told of nobody: an operator's other name of the model.
            ("application-inference-profile/abc".to_owned(), Reach::Anywhere),
        ];
        for (resource, expected) in cases {
            let arn = format!("arn:aws:bedrock:us-west-2:123456789012:{resource}");
            assert_eq!(model(&arn, of_base()).reach(&called), expected, "{arn}");
        }
        for arn in [format!("arn:aws:bedrock:::foundation-model/{BASE}"), "arn:aws:bedrock".to_owned()] {
            assert_eq!(model(&arn, of_base()).reach(&called), Reach::Anywhere, "{arn}");
        }
    }

    #[test]
    fn a_profile_of_the_account_goes_where_bedrock_said() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6";
        let home = region("eu-west-1");
        let told = |routes_over: Option<&str>| ModelInfo {
            id: arn.to_owned(),
            routes_over: routes_over.map(str::to_owned),
            ..of_base()
        };
        let cases = [
            (told(None), Reach::Region(home.clone())),
            (told(Some("eu")), Reach::Geography(Geography::Eu, home)),
            (told(Some("global")), Reach::Anywhere),
            (ModelInfo { stray_profiles: vec!["eu".to_owned()], ..told(Some("eu")) }, Reach::Anywhere),
            (ModelInfo { base_id: String::new(), ..told(None) }, Reach::Anywhere),
            (ModelInfo { base_id: arn.to_owned(), ..told(None) }, Reach::Anywhere),
        ];
        for (info, expected) in cases {
            let told = format!("{:?}", info.routes_over);
            assert_eq!(model(arn, info).reach(&region("us-east-1")), expected, "{told}");
        }
    }
}
