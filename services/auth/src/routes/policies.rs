//! `/admin/v1/policies`: create, list, read, change, remove.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::PolicyFilter;
use outcrop_types::{
    Budget, CacheRule, ErrorCode, GuardrailRule, KeyId, Level, MalformedId, Pattern, Policy, PolicyId,
    Residency, Rules, Subject, Target, TeamId, Way,
};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, given, path_id};
use super::query::{Limit, Query};
use crate::{AuthService, NewPolicy, PolicyPatch, RulesPatch};

const WHAT: &str = "policy";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatePolicy {
    target: WrittenTarget,
    model: Option<Pattern>,
    rules: Rules,
}

/// A target as it is written: every field is looked at whatever the level, so that none is passed over in silence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTarget {
    level: WrittenLevel,
    team: Option<TeamId>,
    user: Option<WrittenSubject>,
    key: Option<KeyId>,
}

/// Read as text first: an enum would call a number in its place no JSON.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct WrittenLevel(Level);

impl TryFrom<String> for WrittenLevel {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let level = Level::ALL.into_iter().find(|level| level.name() == text);
        level.map(Self).ok_or("must be `platform`, `team`, `user` or `key`")
    }
}

/// `user_…` or `svc_…`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct WrittenSubject(Subject);

impl TryFrom<String> for WrittenSubject {
    type Error = MalformedId;

    fn try_from(text: String) -> Result<Self, MalformedId> {
        text.parse().map(Self)
    }
}

impl TryFrom<WrittenTarget> for Target {
    type Error = ApiError;

    fn try_from(written: WrittenTarget) -> Result<Self, ApiError> {
        let WrittenTarget { level: WrittenLevel(level), team, user, key } = written;
        let refuse = |given: bool, field: &str| {
            if !given {
                return Ok(());
            }
            let message = format!("`{field}` is not for a policy of the level `{level}`");
            Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(field))
        };
        refuse(team.is_some() && level == Level::Platform, "target.team")?;
        refuse(user.is_some() && level != Level::User, "target.user")?;
        refuse(key.is_some() && level != Level::Key, "target.key")?;
        Ok(match level {
            Level::Platform => Self::Platform,
            Level::Team => Self::Team { team },
            Level::User => Self::User { user: user.map(|it| it.0), team },
            Level::Key => Self::Key { key, team },
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchPolicy {
    rules: PatchRules,
    revision: Option<u32>,
}

/// A JSON merge patch (RFC 7396) of the rules: `null` removes one, and lists are replaced as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PatchRules {
    #[serde(deserialize_with = "given")]
    requests_per_minute: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    tokens_per_minute: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    concurrent_requests: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    budgets: Option<Option<Vec<Budget>>>,
    #[serde(deserialize_with = "given")]
    max_output_tokens: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    default_output_tokens: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    models: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "given")]
    allow_unpriced: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "given")]
    residency: Option<Option<Residency>>,
    #[serde(deserialize_with = "given")]
    guardrails: Option<Option<Vec<GuardrailRule>>>,
    #[serde(deserialize_with = "given")]
    cache: Option<Option<CacheRule>>,
    #[serde(deserialize_with = "given")]
    ways: Option<Option<Vec<Way>>>,
}

impl From<PatchRules> for RulesPatch {
    fn from(asked: PatchRules) -> Self {
        Self {
            requests_per_minute: asked.requests_per_minute,
            tokens_per_minute: asked.tokens_per_minute,
            concurrent_requests: asked.concurrent_requests,
            budgets: asked.budgets,
            max_output_tokens: asked.max_output_tokens,
            default_output_tokens: asked.default_output_tokens,
            models: asked.models,
            allow_unpriced: asked.allow_unpriced,
            residency: asked.residency,
            guardrails: asked.guardrails,
            cache: asked.cache,
            ways: asked.ways,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListPolicies {
    team: Option<TeamId>,
    level: Option<WrittenLevel>,
    user: Option<WrittenSubject>,
    key: Option<KeyId>,
    model: Option<Pattern>,
    after: Option<PolicyId>,
    limit: Limit,
}

/// A policy as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct PolicyView {
    id: PolicyId,
    target: Target,
    model: Option<Pattern>,
    rules: Rules,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revision: u32,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        let Policy { id, target, model, rules, created_at, updated_at, revision } = policy;
        Self { id, target, model, rules, created_at, updated_at, revision }
    }
}

/// Makes a policy.
#[post("/policies")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let CreatePolicy { target, model, rules } = outcrop_wire::json::parse(&body)?;
    let new = NewPolicy { target: target.try_into()?, model, rules };
    let policy = auth.create_policy(&acting, new).await?;
    Ok(HttpResponse::Created().json(PolicyView::from(policy)))
}

/// Lists the policies that are the caller's team's affair, or, for a platform admin, any team's or all.
#[get("/policies")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListPolicies>,
) -> Result<web::Json<List<PolicyView>>, ApiError> {
    let filter = PolicyFilter {
        team: query.team,
        level: query.level.map(|it| it.0),
        subject: query.user.map(|it| it.0),
        key: query.key,
        target: None,
        model: query.model.map(Some),
    };
    let page = auth.list_policies(&acting, filter, query.after, query.limit.0).await?;
    Ok(List::of(page, |policy| policy.id, PolicyView::from))
}

/// Shows one policy.
#[get("/policies/{policy}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<PolicyView>, ApiError> {
    Ok(web::Json(auth.get_policy(&acting, path_id(&id, WHAT)?).await?.into()))
}

/// Changes a policy's rules.
#[patch("/policies/{policy}")]
pub(super) async fn update(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<PolicyView>, ApiError> {
    let PatchPolicy { rules, revision } = outcrop_wire::json::parse(&body)?;
    let patch = PolicyPatch { rules: rules.into(), revision };
    Ok(web::Json(auth.update_policy(&acting, path_id(&id, WHAT)?, patch).await?.into()))
}

/// Removes a policy.
#[delete("/policies/{policy}")]
pub(super) async fn delete(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    auth.delete_policy(&acting, path_id(&id, WHAT)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
