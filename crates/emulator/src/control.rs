//! Lists of models and profiles (the control plane), and the emulator's own routes.

use crate::errors::{Exception, Refusal};
use crate::listing::{self, Listing};
use crate::models::{Arn, Model, ModelKind};
use crate::reply;
use crate::routes::decode;
use crate::state::State;
use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// What is the emulator's own: health, faults, counters and usage. Nothing when the path is not.
pub(crate) fn own(state: &State, method: &Method, path: &str, body: &[u8]) -> Option<HttpResponse> {
    let answer = match (method.as_str(), path) {
        ("GET" | "HEAD", "/healthz" | "/readyz") => json!({"status": "ok"}),
        ("GET", "/_emulator/faults") => json!(state.faults.get()),
        ("POST" | "PUT", "/_emulator/faults") => match serde_json::from_slice(body) {
            Ok(faults) => {
                state.faults.set(faults);
                json!(state.faults.get())
            }
            Err(error) => return Some(bad_request(&error.to_string())),
        },
        ("DELETE", "/_emulator/faults") => {
            state.faults.set(crate::Faults::default());
            json!(state.faults.get())
        }
        ("GET", "/_emulator/guardrails") => json!(*state.guardrails.get()),
        ("PUT" | "POST", "/_emulator/guardrails") => match serde_json::from_slice(body) {
            Ok(guardrails) => {
                state.guardrails.set(Some(guardrails));
                json!(*state.guardrails.get())
            }
            Err(error) => return Some(bad_request(&error.to_string())),
        },
        ("DELETE", "/_emulator/guardrails") => {
            state.guardrails.set(None);
            json!(*state.guardrails.get())
        }
        ("GET", "/_emulator/listing") => json!(*state.listing.get()),
        ("PUT" | "POST", "/_emulator/listing") => match serde_json::from_slice(body) {
            Ok(listing) => {
                state.listing.set(listing);
                json!(*state.listing.get())
            }
            Err(error) => return Some(bad_request(&error.to_string())),
        },
        ("GET", "/_emulator/batches") => json!(*state.batches.get()),
        ("PUT" | "POST", "/_emulator/batches") => match serde_json::from_slice(body) {
            Ok(batches) => {
                state.batches.set(batches);
                json!(*state.batches.get())
            }
            Err(error) => return Some(bad_request(&error.to_string())),
        },
        ("POST", "/_emulator/profiles") => {
            let new = serde_json::from_slice(body).map_err(|error| error.to_string());
            let added =
                new.and_then(|new| listing::add_profile(state, new).ok_or("no such model".to_owned()));
            match added {
                Ok(arn) => json!({"inferenceProfileArn": arn, "status": "ACTIVE"}),
                Err(error) => return Some(bad_request(&error)),
            }
        }
        ("GET", "/_emulator/usage") => json!(state.charges.snapshot()),
        ("DELETE", "/_emulator/usage") => {
            state.charges.clear();
            json!(state.charges.snapshot())
        }
        ("GET", "/_emulator/counters") => json!(state.counters.snapshot()),
        _ if path.starts_with("/_emulator/") => {
            return Some(HttpResponse::NotFound().json(json!({"message": "no such route of the emulator"})));
        }
        _ => return None,
    };
    Some(HttpResponse::Ok().json(answer))
}

fn bad_request(message: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"message": message}))
}

/// The value of a query parameter.
pub(crate) fn parameter(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let pair = query.split('&').find_map(|it| it.split_once('=').filter(|(key, _)| *key == name));
    pair.map(|(_, value)| decode(&value.replace('+', " ")).map(std::borrow::Cow::into_owned)).transpose()
}

/// A query parameter that must be one of few words.
pub(crate) fn choice(query: &str, name: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
    let value = parameter(query, name)?;
    match &value {
        Some(it) if !words.contains(&it.as_str()) => {
            let constraint = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            Err(Refusal::constraint(name, Some(it), &constraint))
        }
        _ => Ok(value),
    }
}

fn model_arn(region: &str, model: &Model) -> String {
    format!("arn:aws:bedrock:{region}::foundation-model/{}", model.id)
}

/// A model that nobody can call yet.
fn unknown_summary(region: &str, id: &str) -> Value {
    json!({
        "modelArn": format!("arn:aws:bedrock:{region}::foundation-model/{id}"),
        "modelId": id,
        "modelName": "New",
        "providerName": id.split('.').next(),
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": false,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    })
}

fn lifecycle(listing: &Listing, model: &Model) -> Value {
    match listing.legacy.get(&model.id) {
        Some(end) => json!({"status": "LEGACY", "endOfLifeTime": end}),
        None => json!({"status": "ACTIVE"}),
    }
}

fn summary(region: &str, model: &Model, listing: &Listing) -> Value {
    let mut inference = Vec::new();
    if model.on_demand {
        inference.push("ON_DEMAND");
    }
    if !model.profiles.is_empty() {
        // Not in the enumeration of the service model, and what the service sends all the same.
        inference.push("INFERENCE_PROFILE");
    }
    json!({
        "modelArn": model_arn(region, model),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": model.input,
        "outputModalities": model.output,
        "responseStreamingSupported": model.kind == ModelKind::Chat,
        "customizationsSupported": [],
        "inferenceTypesSupported": inference,
        "modelLifecycle": lifecycle(listing, model),
    })
}

/// `GET /foundation-models`
pub(crate) fn list_foundation_models(
    state: &State,
    region: &str,
    query: &str,
) -> Result<HttpResponse, Refusal> {
    let provider = parameter(query, "byProvider")?;
    let output = choice(query, "byOutputModality", &["TEXT", "IMAGE", "EMBEDDING"])?;
    let inference = choice(query, "byInferenceType", &["ON_DEMAND", "PROVISIONED"])?;
    let customization =
        choice(query, "byCustomizationType", &["FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"])?;
    let listing = state.listing.get();
    let wanted = |model: &&Model| {
        !listing.hidden.contains(&model.id)
            && provider.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(&model.provider))
            && output.as_ref().is_none_or(|it| model.output.contains(it))
            && inference.as_ref().is_none_or(|it| it == "ON_DEMAND" && model.on_demand)
            // None of these can be customised.
            && customization.is_none()
    };
    let known = state.catalog.models.iter().filter(wanted).map(|it| summary(region, it, &listing));
    let models: Vec<_> = known.chain(listing.new.iter().map(|it| unknown_summary(region, it))).collect();
    reply::value(state, &json!({"modelSummaries": models}))
}

/// `GET /foundation-models/{id}`
pub(crate) fn get_foundation_model(state: &State, region: &str, name: &str) -> Result<HttpResponse, Refusal> {
    let model = state.catalog.foundation(name).ok_or_else(|| {
        let message = format!("Could not resolve the foundation model from the model identifier: {name}");
        Refusal::new(Exception::ResourceNotFound, message)
    })?;
    reply::value(state, &json!({"modelDetails": summary(region, model, &state.listing.get())}))
}

/// Geographies whose profiles a region can call.
pub(crate) fn reachable(region: &str, geography: &str) -> bool {
    match geography {
        "global" => !region.starts_with("us-gov-"),
        "us" => (region.starts_with("us-") && !region.starts_with("us-gov-")) || region.starts_with("ca-"),
        "us-gov" => region.starts_with("us-gov-"),
        "eu" => region.starts_with("eu-"),
        "apac" => region.starts_with("ap-") || region == "me-central-1",
        "au" => ["ap-southeast-2", "ap-southeast-4", "ap-southeast-6"].contains(&region),
        "jp" => ["ap-northeast-1", "ap-northeast-3"].contains(&region),
        "in" => ["ap-south-1", "ap-south-2"].contains(&region),
        "ca" => region.starts_with("ca-"),
        _ => true,
    }
}

/// Regions a geography's profile routes to; the first few of what the service lists.
fn destinations<'a>(geography: &str, region: &'a str) -> Vec<&'a str> {
    match geography {
        // The region that is called is among them, though it lies outside.
        "us" if region.starts_with("ca-") => vec![region, "us-east-1", "us-east-2", "us-west-2"],
        "us" => vec!["us-east-1", "us-east-2", "us-west-2"],
        "eu" => vec!["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"],
        "apac" => vec!["ap-northeast-1", "ap-southeast-1", "ap-southeast-2"],
        "au" => vec!["ap-southeast-2", "ap-southeast-4", "ap-southeast-6"],
        "jp" => vec!["ap-northeast-1", "ap-northeast-3"],
        "in" => vec!["ap-south-1", "ap-south-2"],
        "us-gov" => vec!["us-gov-east-1", "us-gov-west-1"],
        // The last of a global profile's targets names no region.
        "global" => vec![region, ""],
        _ => vec![region],
    }
}

const CREATED: &str = "2026-01-15T00:00:00Z";

fn system_profile(state: &State, region: &str, geography: &str, model: &Model) -> Value {
    let id = format!("{geography}.{}", model.id);
    let label = if geography == "global" { "Global".to_owned() } else { geography.to_uppercase() };
    let models: Vec<_> = destinations(geography, region)
        .into_iter()
        .map(|it| json!({"modelArn": format!("arn:aws:bedrock:{it}::foundation-model/{}", model.id)}))
        .collect();
    let name: String = format!("{label} {} {}", model.provider, model.name).replace('.', "-");
    json!({
        "inferenceProfileName": name.chars().take(64).collect::<String>(),
        "description": format!("Routes requests to {} in {label} regions.", model.name),
        "createdAt": CREATED,
        "updatedAt": CREATED,
        "inferenceProfileArn": format!("arn:aws:bedrock:{region}:{}:inference-profile/{id}", state.account_id),
        "models": models,
        "inferenceProfileId": id,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    })
}

fn application_profile(state: &State, region: &str, profile: &crate::models::ApplicationProfile) -> Value {
    let models: Vec<_> = profile
        .models
        .iter()
        .flat_map(|model| {
            let regions = profile.geography.as_deref().map_or(vec![region], |it| destinations(it, region));
            let arn = |it| json!({"modelArn": format!("arn:aws:bedrock:{it}::foundation-model/{model}")});
            regions.into_iter().map(arn).collect::<Vec<_>>()
        })
        .collect();
    json!({
        "inferenceProfileName": profile.name,
        "createdAt": CREATED,
        "updatedAt": CREATED,
        "inferenceProfileArn": state.application_arn(region, &profile.id),
        "models": models,
        "inferenceProfileId": profile.id,
        "status": "ACTIVE",
        "type": "APPLICATION",
    })
}

/// `GET /inference-profiles`: those of the caller's region, `maxResults` at a time.
pub(crate) fn list_inference_profiles(
    state: &State,
    region: &str,
    query: &str,
) -> Result<HttpResponse, Refusal> {
    // The service lists the system-defined ones when no type is given.
    let kind = choice(query, "type", &["SYSTEM_DEFINED", "APPLICATION"])?;
    let limit = match parameter(query, "maxResults")? {
        None => 1000,
        Some(text) => match text.parse::<usize>() {
            Ok(limit @ 1..=1000) => limit,
            _ => {
                return Err(Refusal::constraint(
                    "maxResults",
                    Some(&text),
                    "Member must have value between 1 and 1000",
                ));
            }
        },
    };
    let start = match parameter(query, "nextToken")? {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|it| it.parse::<usize>().ok())
            .ok_or_else(|| Refusal::validation("The nextToken provided is invalid."))?,
    };
    let listing = state.listing.get();
    let limit = if listing.page == 0 { limit } else { limit.min(listing.page) };
    let all: Vec<_> = if kind.as_deref() == Some("APPLICATION") {
        let profiles = state.catalog.application_profiles.read().unwrap_or_else(PoisonError::into_inner);
        profiles.iter().map(|it| application_profile(state, region, it)).collect()
    } else {
        let models = state.catalog.models.iter().filter(|model| !listing.hidden.contains(&model.id));
        let profiles =
            models.flat_map(|model| model.profiles.iter().map(move |geography| (geography, model)));
        let reachable = profiles.filter(|(geography, _)| reachable(region, geography));
        reachable.map(|(geography, model)| system_profile(state, region, geography, model)).collect()
    };
    let end = all.len().min(start.saturating_add(limit));
    let page = all.get(start..end).unwrap_or_default();
    let mut body = json!({"inferenceProfileSummaries": page});
    if end < all.len() {
        body["nextToken"] = json!(format!("page-{end}"));
    }
    reply::value(state, &body)
}

/// `GET /inference-profiles/{id}`, where the id may be an ARN.
pub(crate) fn get_inference_profile(
    state: &State,
    region: &str,
    name: &str,
) -> Result<HttpResponse, Refusal> {
    let arn = Arn::parse(name);
    let (kind, id) = arn.as_ref().map_or(("", name), |it| (it.kind, it.id));
    let own_region = arn.as_ref().is_none_or(|it| it.region == region);
    if kind != "inference-profile"
        && own_region
        && let Some(profile) = state.catalog.application_profile(id)
    {
        return reply::value(state, &application_profile(state, region, &profile));
    }
    let geography = id.split_once('.').map(|it| it.0).unwrap_or_default();
    let here = kind != "application-inference-profile" && own_region && reachable(region, geography);
    match state.catalog.profile(id).filter(|_| here) {
        Some(model) => reply::value(state, &system_profile(state, region, geography, model)),
        None => {
            let message = format!(
                "Unable to find an inference profile with the identifier {name}. Check the identifier and try again."
            );
            Err(Refusal::new(Exception::ResourceNotFound, message))
        }
    }
}
