//! Which models there are and what each can do: `models.json`, read once.

use crate::control;
use crate::errors::{Exception, Refusal};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// What a model accepts beyond plain text turns. Absent means refused, with Bedrock's message for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capability {
    /// `system[]`.
    System,
    /// `toolConfig`.
    Tools,
    /// `toolConfig.toolChoice`.
    ToolChoice,
    /// `toolChoice` other than `auto`.
    ForcedToolChoice,
    /// `document` blocks.
    Documents,
    /// Images within a `toolResult`.
    ToolResultImages,
    /// `cachePoint` blocks.
    PromptCaching,
    /// `cachePoint` blocks with a `ttl` of an hour.
    OneHourCache,
    /// `cachePoint` among tools.
    ToolCache,
    /// `temperature`, `topP` and their like.
    Sampling,
    /// Only one of `temperature` and `topP` at a time.
    ExclusiveSampling,
    /// `stopSequences`.
    StopSequences,
    /// A last message of role assistant, which the answer continues.
    Prefill,
    /// `outputConfig.textFormat` and `strict` tools.
    StructuredOutput,
    /// Messages of role system.
    MidConversationSystem,
    /// CountTokens.
    CountTokens,
}

/// How a model is told to reason before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reasoning {
    /// It never does.
    #[default]
    None,
    /// `thinking: {type: enabled, budget_tokens}`.
    Budget,
    /// `thinking: {type: adaptive}`.
    Adaptive,
    /// Either of the two.
    BudgetOrAdaptive,
    /// It always does, and refuses to be told.
    Always,
    /// `reasoning_effort`.
    EffortField,
    /// `reasoning: {effort}`.
    EffortObject,
    /// `reasoningConfig: {type: enabled, maxReasoningEffort}`.
    Config,
}

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelKind {
    Chat,
    Embedding,
    Ranking,
    Image,
}

/// The facts of one foundation model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) kind: ModelKind,
    pub(crate) family: String,
    pub(crate) input: Vec<String>,
    pub(crate) output: Vec<String>,
    /// Whether its bare id may be invoked; otherwise only an inference profile.
    pub(crate) on_demand: bool,
    /// Geographies of its system-defined inference profiles: `us`, `eu`, `global`…
    pub(crate) profiles: Vec<String>,
    /// Tokens that fit; more input is refused.
    pub(crate) context_tokens: u64,
    /// Largest `maxTokens`.
    pub(crate) max_output_tokens: u64,
    #[serde(default)]
    pub(crate) capabilities: Vec<Capability>,
    #[serde(default)]
    pub(crate) reasoning: Reasoning,
    /// Smallest `maxTokens`.
    #[serde(default)]
    pub(crate) min_max_tokens: u64,
    /// Smallest prefix that is cached; 0 where there is no cache.
    #[serde(default)]
    pub(crate) cache_min_tokens: u64,
    /// Embedding lengths, the default first.
    #[serde(default)]
    pub(crate) dimensions: Vec<usize>,
    /// [`Self::capabilities`] as bits, for the hot path.
    #[serde(skip)]
    bits: u32,
}

impl Model {
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.bits & (1 << capability as u32) != 0
    }

    pub(crate) fn takes(&self, modality: &str) -> bool {
        self.input.iter().any(|it| it == modality)
    }

    pub(crate) fn is_claude(&self) -> bool {
        self.family == "claude"
    }
}

/// An application inference profile the catalogue lists, as a team would have made it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationProfile {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) models: Vec<String>,
    /// The geography of the system-defined profile it was copied from, if it was.
    #[serde(default)]
    pub(crate) geography: Option<String>,
}

#[derive(Deserialize)]
struct File {
    models: Vec<Model>,
    application_profiles: Vec<ApplicationProfile>,
}

/// All models, with the names they are invoked by.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) models: Vec<Model>,
    pub(crate) application_profiles: RwLock<Vec<ApplicationProfile>>,
    /// Model ids and system-defined profile ids.
    by_name: HashMap<String, Named>,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    model: usize,
    is_profile: bool,
}

/// Why the catalogue of this build cannot be used. A test rules it out.
#[derive(Debug, thiserror::Error)]
#[error("models.json does not parse")]
pub struct CatalogError(#[from] serde_json::Error);

impl Catalog {
    /// Reads the built-in `models.json`.
    pub(crate) fn load() -> Result<Self, CatalogError> {
        let File { mut models, application_profiles } = serde_json::from_str(include_str!("../models.json"))?;
        let mut by_name = HashMap::new();
        for (at, model) in models.iter_mut().enumerate() {
            model.bits = model.capabilities.iter().fold(0, |bits, it| bits | 1 << *it as u32);
            by_name.insert(model.id.clone(), Named { model: at, is_profile: false });
            for geography in &model.profiles {
                by_name.insert(format!("{geography}.{}", model.id), Named { model: at, is_profile: true });
            }
        }
        Ok(Self { models, application_profiles: RwLock::new(application_profiles), by_name })
    }

    /// The model an invocation from `region` names. A system-defined profile is known in the regions of its
    /// geography only, and an ARN in its own region.
    pub(crate) fn invoked_from(&self, region: &str, name: &str) -> Result<&Model, Refusal> {
        let profile = match Arn::parse(name) {
            Some(arn) if arn.region != region => return Err(invalid_identifier()),
            Some(arn) => (arn.kind == "inference-profile").then_some(arn.id),
            None => Some(name),
        };
        let geography = profile.filter(|id| self.profile(id).is_some()).and_then(|id| id.split('.').next());
        if geography.is_some_and(|it| !control::reachable(region, it)) {
            return Err(invalid_identifier());
        }
        self.invoked(name)
    }

    /// The model an invocation names, wherever it comes from: by id, by inference profile, or by the ARN of either.
    pub(crate) fn invoked(&self, name: &str) -> Result<&Model, Refusal> {
        if name.starts_with("arn:") {
            return self.by_arn(name);
        }
        let Some(named) = self.by_name.get(name) else { return Err(invalid_identifier()) };
        self.allowed(*named)
    }

    /// A foundation model by id or ARN, on demand or not: what CountTokens and GetFoundationModel take.
    pub(crate) fn foundation(&self, name: &str) -> Option<&Model> {
        let id = match Arn::parse(name) {
            Some(arn) if arn.kind == "foundation-model" => arn.id,
            Some(_) => return None,
            None => name,
        };
        self.by_name.get(id).filter(|it| !it.is_profile).map(|it| &self.models[it.model])
    }

    /// The model behind a system-defined profile id.
    pub(crate) fn profile(&self, id: &str) -> Option<&Model> {
        self.by_name.get(id).filter(|it| it.is_profile).map(|it| &self.models[it.model])
    }

    /// The application inference profile with this id.
    pub(crate) fn application_profile(&self, id: &str) -> Option<ApplicationProfile> {
        let profiles = self.application_profiles.read().unwrap_or_else(PoisonError::into_inner);
        profiles.iter().find(|it| it.id == id).cloned()
    }

    fn by_arn(&self, name: &str) -> Result<&Model, Refusal> {
        let Some(arn) = Arn::parse(name) else { return Err(invalid_identifier()) };
        match arn.kind {
            "foundation-model" => {
                let named =
                    self.by_name.get(arn.id).filter(|it| !it.is_profile).ok_or_else(invalid_identifier)?;
                self.allowed(*named)
            }
            "inference-profile" => self.profile(arn.id).ok_or_else(|| absent(name)),
            "application-inference-profile" => self
                .application_profile(arn.id)
                .and_then(|it| self.foundation(it.models.first()?))
                .ok_or_else(|| absent(name)),
            // Well-formed names of things this account has none of.
            "provisioned-model"
            | "custom-model"
            | "custom-model-deployment"
            | "imported-model"
            | "prompt"
            | "prompt-router"
            | "default-prompt-router" => Err(absent(name)),
            _ => Err(invalid_identifier()),
        }
    }

    fn allowed(&self, named: Named) -> Result<&Model, Refusal> {
        let model = &self.models[named.model];
        if named.is_profile || model.on_demand {
            return Ok(model);
        }
        Err(Refusal::validation(format!(
            "Invocation of model ID {} with on-demand throughput isn\u{2019}t supported. Retry your request with the \
             ID or ARN of an inference profile that contains this model.",
            model.id
        )))
    }
}

fn invalid_identifier() -> Refusal {
    Refusal::validation("The provided model identifier is invalid.")
}

fn absent(name: &str) -> Refusal {
    let message =
        format!("Could not resolve the foundation model from the provided model identifier: {name}");
    Refusal::new(Exception::ResourceNotFound, message)
}

/// The parts of a Bedrock ARN that matter here: `arn:PARTITION:bedrock:REGION:ACCOUNT:KIND/ID`.
pub(crate) struct Arn<'a> {
    pub(crate) region: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, _account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        if arn != "arn" || !partition.starts_with("aws") || service != "bedrock" || region.is_empty() {
            return None;
        }
        let (kind, id) = resource.split_once('/')?;
        (!id.is_empty()).then_some(Self { region, kind, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_and_is_consistent() {
        let catalog = Catalog::load().unwrap();
        for model in &catalog.models {
            assert!(model.name.len() <= 20, "{}: BrandedName holds 20 characters", model.id);
            assert!(model.on_demand || !model.profiles.is_empty(), "{}: cannot be invoked at all", model.id);
            let embeds = model.kind == ModelKind::Embedding;
            assert_eq!(embeds, !model.dimensions.is_empty(), "{}", model.id);
            assert_eq!(model.can(Capability::PromptCaching), model.cache_min_tokens > 0, "{}", model.id);
        }
        for profile in catalog.application_profiles.read().unwrap().iter() {
            assert_eq!(profile.id.len(), 12);
            assert!(profile.models.iter().all(|it| catalog.foundation(it).is_some()));
        }
    }

    #[test]
    fn a_profile_serves_its_geography_only() {
        let catalog = Catalog::load().unwrap();
        let known = |region: &str, name: &str| catalog.invoked_from(region, name).is_ok();
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0";
        for name in ["eu.amazon.nova-lite-v1:0", arn] {
            assert!(known("eu-west-1", name) && !known("us-east-1", name), "{name}");
        }
        assert!(
            known("us-west-2", "us.amazon.nova-lite-v1:0")
                && !known("ap-northeast-1", "us.amazon.nova-lite-v1:0")
        );
        assert!(known("ap-northeast-1", "amazon.nova-lite-v1:0"), "a model's own id is no profile");
        let arn = "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0";
        assert!(known("us-west-2", arn) && !known("us-east-1", arn), "an ARN serves its own region");
    }

    #[test]
    fn names_resolve_as_bedrock_resolves_them() {
        let catalog = Catalog::load().unwrap();
        let ok = |name: &str| catalog.invoked(name).map(|it| it.id.clone()).map_err(|it| it.exception);
        let haiku = "anthropic.claude-haiku-4-5-20251001-v1:0";
        assert_eq!(ok("amazon.nova-lite-v1:0"), Ok("amazon.nova-lite-v1:0".into()));
        assert_eq!(ok(&format!("us.{haiku}")), Ok(haiku.into()));
        assert_eq!(
            ok(&format!("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{haiku}")),
            Ok(haiku.into())
        );
        assert_eq!(
            ok("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
            Ok("amazon.nova-lite-v1:0".into())
        );
        assert_eq!(
            ok("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"),
            Ok("anthropic.claude-sonnet-4-5-20250929-v1:0".into())
        );
        assert_eq!(ok(haiku), Err(Exception::Validation), "needs a profile");
        assert_eq!(ok("nobody.nothing-v1:0"), Err(Exception::Validation));
        assert_eq!(ok("ap.amazon.nova-lite-v1:0"), Err(Exception::Validation));
        assert_eq!(
            ok("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/zzzzzzzzzzzz"),
            Err(Exception::ResourceNotFound)
        );
    }
}
