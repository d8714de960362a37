//! `/admin/v1/prompts`: create, list, read, write a version, say which one is served, remove.

use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use outcrop_http::{ApiError, JsonBytes};
use outcrop_ports::PromptFilter;
use outcrop_types::{
    OutlinedArgument, Prompt, PromptArgument, PromptId, PromptMessage, PromptOutline, PromptTemplate,
    PromptVersion, TeamId,
};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::{List, given, path_id};
use super::query::{Flag, Limit, Number, Query};
use crate::{AuthService, NewPrompt, NewPromptVersion, ServedVersion};

const WHAT: &str = "prompt";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatePrompt {
    team: Option<TeamId>,
    name: String,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    arguments: Vec<PromptArgument>,
    messages: Vec<PromptMessage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddVersion {
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    arguments: Vec<PromptArgument>,
    messages: Vec<PromptMessage>,
    serve: Option<bool>,
    revision: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServeVersion {
    #[serde(default, deserialize_with = "given")]
    version: Option<Option<u32>>,
    revision: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListPrompts {
    team: Option<TeamId>,
    name: Option<String>,
    archived: Option<Flag>,
    after: Option<PromptId>,
    limit: Limit,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListVersions {
    after: Option<Number>,
    limit: Limit,
}

/// A prompt as it is shown, with the version that is served; an archived one with its newest. `A` is what is told of arguments.
#[derive(Debug, Serialize)]
pub(super) struct PromptView<A> {
    id: PromptId,
    team: TeamId,
    name: String,
    current: Option<u32>,
    latest: u32,
    archived: bool,
    version: VersionView<A>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revision: u32,
}

/// A version as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct VersionView<A> {
    version: u32,
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<A>,
    /// Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<PromptMessage>>,
    served_after: Option<u32>,
    created_at: DateTime<Utc>,
    created_by: String,
}

/// All that is told of a prompt or a version, and what lists tell.
type Shown = PromptView<PromptArgument>;
type Listed = PromptView<OutlinedArgument>;
type ShownVersion = VersionView<PromptArgument>;
type ListedVersion = VersionView<OutlinedArgument>;

impl<T, A> From<Prompt<T>> for PromptView<A>
where
    VersionView<A>: From<PromptVersion<T>>,
{
    fn from(prompt: Prompt<T>) -> Self {
        let archived = prompt.is_archived();
        let Prompt { id, team, name, current, latest, version, created_at, updated_at, revision, .. } =
            prompt;
        let version = version.into();
        Self { id, team, name, current, latest, archived, version, created_at, updated_at, revision }
    }
}

impl From<PromptVersion> for ShownVersion {
    fn from(version: PromptVersion) -> Self {
        let PromptVersion { number, template, served_after, created_at, created_by } = version;
        let PromptTemplate { title, description, arguments, messages } = template;
        let messages = Some(messages);
        Self {
            version: number,
            title,
            description,
            arguments,
            messages,
            served_after,
            created_at,
            created_by,
        }
    }
}

impl From<PromptVersion<PromptOutline>> for ListedVersion {
    fn from(version: PromptVersion<PromptOutline>) -> Self {
        let PromptVersion { number, template, served_after, created_at, created_by } = version;
        let PromptOutline { title, description, arguments } = template;
        let messages = None;
        Self {
            version: number,
            title,
            description,
            arguments,
            messages,
            served_after,
            created_at,
            created_by,
        }
    }
}

/// Makes a prompt.
#[post("/prompts")]
pub(super) async fn create(
    By(acting): By,
    auth: web::Data<AuthService>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let CreatePrompt { team, name, title, description, arguments, messages } =
        outcrop_wire::json::parse(&body)?;
    let template = PromptTemplate { title, description, arguments, messages };
    let prompt = auth.create_prompt(&acting, NewPrompt { team, name, template }).await?;
    Ok(HttpResponse::Created().json(Shown::from(prompt)))
}

/// Lists outlines of the prompts of the caller's team, or, for a platform admin, of any team or all.
#[get("/prompts")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListPrompts>,
) -> Result<web::Json<List<Listed>>, ApiError> {
    let ListPrompts { team, name, archived, after, limit } = query;
    let filter = PromptFilter { team, name, archived: archived.map(|it| it.0) };
    let page = auth.list_prompts(&acting, filter, after, limit.0).await?;
    Ok(List::of(page, |prompt| prompt.id, Listed::from))
}

/// Shows one prompt.
#[get("/prompts/{prompt}")]
pub(super) async fn get(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<web::Json<Shown>, ApiError> {
    Ok(web::Json(auth.get_prompt(&acting, path_id(&id, WHAT)?).await?.into()))
}

/// Lists outlines of the versions of a prompt, newest first.
#[get("/prompts/{prompt}/versions")]
pub(super) async fn list_versions(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    Query(ListVersions { after, limit }): Query<ListVersions>,
) -> Result<web::Json<List<ListedVersion>>, ApiError> {
    // What is beyond every number has all before it.
    let after = after.map(|it| u32::try_from(it.0).unwrap_or(u32::MAX));
    let page = auth.list_prompt_versions(&acting, path_id(&id, WHAT)?, after, limit.0).await?;
    Ok(List::of(page, |version| version.number, ListedVersion::from))
}

/// Shows one version of a prompt.
#[get("/prompts/{prompt}/versions/{version}")]
pub(super) async fn get_version(
    By(acting): By,
    auth: web::Data<AuthService>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<ShownVersion>, ApiError> {
    let (id, number) = path.into_inner();
    // A number that does not read is told of only to whoever may know of the prompt.
    let number = number.parse().unwrap_or(0);
    Ok(web::Json(auth.get_prompt_version(&acting, path_id(&id, WHAT)?, number).await?.into()))
}

/// Writes a new version of a prompt.
#[post("/prompts/{prompt}/versions")]
pub(super) async fn add_version(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let AddVersion { title, description, arguments, messages, serve, revision } =
        outcrop_wire::json::parse(&body)?;
    let template = PromptTemplate { title, description, arguments, messages };
    let new = NewPromptVersion { template, serve: serve.unwrap_or(true), revision };
    let prompt = auth.add_prompt_version(&acting, path_id(&id, WHAT)?, new).await?;
    Ok(HttpResponse::Created().json(Shown::from(prompt)))
}

/// Says which version of a prompt is served; `null` archives it.
#[put("/prompts/{prompt}/current")]
pub(super) async fn serve_version(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<web::Json<Shown>, ApiError> {
    let ServeVersion { version, revision } = outcrop_wire::json::parse(&body)?;
    let number = version.ok_or_else(|| required("version"))?;
    let served = ServedVersion { number, revision };
    Ok(web::Json(auth.serve_prompt_version(&acting, path_id(&id, WHAT)?, served).await?.into()))
}

/// Removes a prompt with all of its versions.
#[delete("/prompts/{prompt}")]
pub(super) async fn delete(
    By(acting): By,
    auth: web::Data<AuthService>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    auth.delete_prompt(&acting, path_id(&id, WHAT)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is not there where `null` would mean something.
fn required(field: &'static str) -> ApiError {
    ApiError::new(outcrop_types::ErrorCode::InvalidRequest, format!("`{field}` is required"))
        .with_param(field)
}
