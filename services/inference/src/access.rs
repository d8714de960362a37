//! Which models a credential is good for: its scope against the names of a model.
//!
//! A model is within the scope by the name asked for, by its own id, or by the id that Bedrock is asked for. Its other
//! names count only where they are asked for: a key for an alias is no key for what is behind it. An ARN is one resource
//! of one account, whatever model is behind it, and is within the scope by its own text alone.

use outcrop_ports::{ModelCatalog, ModelInfo, ResolvedModel};
use outcrop_types::{Principal, Scope};

use crate::policies::{Book, Named};

/// Whether a model may be called by this name, to which it was found.
pub(crate) fn allows(scope: &Scope, asked: &str, model: &ResolvedModel) -> bool {
    if asked.starts_with("arn:") {
        return scope.allows_model([asked]);
    }
    scope.allows_model([asked, model.info.id.as_str(), model.bedrock_id.as_str()])
}

/// Whom models are listed for.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) scope: &'a Scope,
    /// Policies that may keep a principal from some models; `None` if none does.
    pub(crate) policies: Option<(&'a Book, &'a Principal)>,
}

/// Whether a model may be called by this name, which leads to it.
pub(crate) fn may_call(reader: Reader<'_>, asked: &str, model: &ResolvedModel) -> bool {
    let named = Named { asked, model };
    allows(reader.scope, asked, model)
        && reader.policies.is_none_or(|(book, principal)| book.forbids(principal, named).is_none())
}

/// The names by which a model may be called, its id first if it is one of them; none if it may not be called.
pub(crate) fn names<'a>(
    reader: Reader<'_>,
    model: &'a ModelInfo,
    catalog: &dyn ModelCatalog,
) -> Vec<&'a str> {
    let Reader { scope, policies } = reader;
    let allowed =
        |name: &&str| catalog.resolve(Some(name)).is_some_and(|model| may_call(reader, name, &model));
    let all = std::iter::once(&model.id).chain(&model.aliases).map(String::as_str);
    if scope.models.is_empty() && policies.is_none() { all.collect() } else { all.filter(allowed).collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_ports::Modality;

    use super::*;
    use crate::fixtures::model_info;

    const PROFILE: &str = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/haiku";

    fn scope(models: &[&str]) -> Scope {
        Scope { models: models.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
    }

    /// One model under several names.
    struct One(Arc<ModelInfo>);

    impl One {
        fn new() -> Self {
            let aliases = ["gpt-4o", "vendor.haiku", PROFILE].map(str::to_owned).to_vec();
            let (id, bedrock_id) = ("haiku".to_owned(), "us.vendor.haiku".to_owned());
            Self(Arc::new(ModelInfo { id, aliases, bedrock_id, ..model_info() }))
        }
    }

    #[async_trait::async_trait]
    impl ModelCatalog for One {
        fn resolve_for(&self, asked: Option<&str>, _: Modality) -> Option<ResolvedModel> {
            let asked = asked?;
            let as_asked = asked.starts_with("arn:") || asked.contains("vendor.");
            let bedrock_id = if as_asked { asked.to_owned() } else { self.0.bedrock_id.clone() };
            Some(ResolvedModel { bedrock_id, info: Arc::clone(&self.0) })
        }

        fn list(&self) -> Vec<Arc<ModelInfo>> {
            vec![Arc::clone(&self.0)]
        }
    }

    #[test]
    fn a_model_is_allowed_by_the_name_asked_for_or_by_its_ids() {
        let one = One::new();
        let cases: [(&[&str], &str, bool); 14] = [
            (&[], "haiku", true),
            (&[], PROFILE, true),
            (&["hai*"], "haiku", true),
            (&["hai*"], "gpt-4o", true),
            (&["hai*"], "eu.vendor.haiku", true),
            (&["sonnet", "haiku"], "haiku", true),
            (&["us.*"], "haiku", true),
            (&["us.*"], "eu.vendor.haiku", false),
            (&["gpt-*"], "gpt-4o", true),
            (&["gpt-*"], "haiku", false),
            (&["sonnet"], "haiku", false),
            (&["haiku"], PROFILE, false),
            (&["arn:*/haiku"], PROFILE, true),
            (&["arn:*"], "haiku", false),
        ];
        for (patterns, asked, allowed) in cases {
            let model = one.resolve(Some(asked)).unwrap();
            assert_eq!(allows(&scope(patterns), asked, &model), allowed, "{patterns:?} {asked}");
        }
    }

    #[test]
    fn only_names_that_may_be_asked_for_are_shown() {
        let one = One::new();
        let shown =
            |patterns: &[&str]| names(Reader { scope: &scope(patterns), policies: None }, &one.0, &one);
        assert_eq!(shown(&[]), ["haiku", "gpt-4o", "vendor.haiku", PROFILE]);
        assert_eq!(shown(&["haiku"]), ["haiku", "gpt-4o", "vendor.haiku"]);
        assert_eq!(shown(&["gpt-*"]), ["gpt-4o"]);
        assert_eq!(shown(&["us.*"]), ["haiku", "gpt-4o"]);
        assert_eq!(shown(&["arn:*"]), [PROFILE]);
        assert!(shown(&["sonnet"]).is_empty());
    }
}
