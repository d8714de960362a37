//! The table as an OpenAPI 3.1 document.

use outcrop_types::Permission;
use serde_json::{Map, Value, json};

use crate::fields::{beside_others, object, schema};
use crate::{Access, Body, Field, Kind, Operation, caches, operations, policies, prompts, routes};

/// The document. `server` is the address that clients use.
#[must_use]
pub fn document(server: &str) -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Outcrop",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Amazon Bedrock at the surface: the dialects of OpenAI, Anthropic and Amazon, and our own, over any Bedrock model. \
                            Everything below /v1 is also served below /api/v1.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": server }],
        "security": [{ "bearer": [] }, { "key": [] }, { "cookie": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (`ock_…`), an access token of ours or of a configured OIDC issuer."
                },
                "key": { "type": "apiKey", "in": "header", "name": "x-api-key" },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-outcrop_session",
                    "description": "A browser that is logged in; what changes something also needs the header `x-outcrop-csrf`."
                }
            },
            "schemas": {
                "Problem": problem(),
                "Limits": {
                    "type": "object",
                    "properties": { "requests_per_minute": { "type": ["integer", "null"], "minimum": 1 } },
                    "additionalProperties": false
                },
                "Scope": scope(),
                "Target": policies::target(),
                "Rules": policies::rules(),
                "RulesPatch": policies::rules_patch(),
                "Budget": policies::budget(),
                "GuardrailRule": policies::guardrail(),
                "PromptArgument": prompts::argument(),
                "PromptMessage": prompts::message(),
                "Route": routes::route(),
                "RouteOptions": routes::options(),
                "Cache": caches::answers(),
                "PromptCaching": caches::prompts()
            }
        }
    })
}

fn describe(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation_id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    match operation.access {
        Access::Public => described["security"] = json!([]),
        Access::Known => {}
        Access::Needs(permission) => described["x-outcrop-permission"] = permission.name().into(),
    }
    if let Some(body) = request_body(&operation.body) {
        described["requestBody"] = body;
    }
    if let Body::Dialect { name, url, .. } = operation.body {
        described["externalDocs"] = json!({ "description": name, "url": url });
    }
    described
}

/// `get_admin_v1_teams_team`: unique because method and path are.
fn operation_id(operation: &Operation) -> String {
    let path: String = operation
        .path
        .chars()
        .filter(|c| !matches!(c, '{' | '}'))
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{}{path}", operation.method.to_ascii_lowercase())
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation
        .parameters()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = operation.query.iter().map(|field| {
        let mut parameter =
            json!({ "name": field.name, "in": "query", "required": field.required, "schema": schema(field) });
        if field.kind == Kind::Object {
            // `metadata[name]=value`.
            parameter["style"] = "deepObject".into();
            parameter["explode"] = true.into();
        }
        parameter
    });
    let in_header = operation.headers.iter().map(|field| {
        json!({ "name": field.name, "in": "header", "required": field.required, "schema": schema(field) })
    });
    in_path.chain(in_query).chain(in_header).collect()
}

/// A header of an answer.
fn header(field: &Field) -> (String, Value) {
    let mut schema = schema(field);
    let about = schema.as_object_mut().and_then(|it| it.remove("description"));
    (field.name.to_owned(), json!({ "description": about, "required": field.required, "schema": schema }))
}

fn request_body(body: &Body) -> Option<Value> {
    let example = body.example();
    let content = match body {
        Body::None => return None,
        Body::Multipart { fields } => {
            let mut schema = object(fields);
            schema["properties"]["file"] = json!({ "type": "string", "format": "binary" });
            if let Some(required) = schema["required"].as_array_mut() {
                required.push("file".into());
            }
            json!({ "multipart/form-data": { "schema": schema } })
        }
        Body::Fields { fields, .. } => {
            json!({ "application/json": { "schema": object(fields), "example": example } })
        }
        Body::Form { fields, .. } => json!({
            "application/x-www-form-urlencoded": { "schema": object(fields), "example": example },
            "application/json": { "schema": object(fields), "example": example }
        }),
        Body::Dialect { beside, .. } => {
            json!({ "application/json": { "schema": beside_others(beside), "example": example } })
        }
    };
    Some(json!({ "required": true, "content": content }))
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let mut done = json!({ "description": "Done." });
    if !operation.tells.is_empty() {
        done["headers"] = operation.tells.iter().map(header).collect();
    }
    responses.insert(operation.status.to_string(), done);
    if operation.repeatable {
        responses.insert("200".into(), json!({ "description": "It was so already." }));
    }
    for (status, when) in operation.also {
        responses.insert((*status).into(), json!({ "description": when }));
    }
    let mut refused = |status: &str, when: &str| {
        let content = if has_own_errors(operation) {
            json!({ "application/json": { "schema": { "type": "object" } } })
        } else {
            json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } })
        };
        responses.insert(status.into(), json!({ "description": when, "content": content }));
    };
    let sends = !matches!(operation.body, Body::None);
    if sends || !operation.query.is_empty() || operation.parameters().next().is_some() {
        refused("400", "Something in the request is wrong; the answer names it.");
    }
    if operation.method != "GET" && operation.path.starts_with("/admin/") {
        refused("409", "It is in the way of something else, or was changed meanwhile.");
    }
    if sends && operation.path.starts_with("/admin/") {
        refused("404", "Somebody or something that the body names is not there, or another team's.");
    }
    if sends {
        refused("413", "The body is too large.");
    }
    if operation.access != Access::Public {
        refused("401", "No credential, or one that is not good.");
        refused("403", "The credential is not good for this.");
        refused("429", "Too many requests, or too many that were refused.");
        refused("503", "The credential cannot be checked now, or what is behind this is away.");
    }
    if let Access::Needs(permission) = operation.access {
        refused("403", &format!("The credential does not have `{permission}`, or is not good for this."));
    }
    if operation.access == Access::Needs(Permission::InvokeModel) {
        refused("404", "There is no such model, or it is not there for this credential.");
        refused("502", "The model failed.");
        refused("504", "The model did not answer in time.");
    }
    if operation.parameters().next().is_some() {
        refused("404", "It is not there, or another team's.");
    }
    for (status, when) in operation.refusals {
        refused(status, when);
    }
    Value::Object(responses)
}

/// Whether errors have the shape of somebody else's dialect.
fn has_own_errors(operation: &Operation) -> bool {
    let path = operation.path;
    [
        "/v1/chat",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/images",
        "/v1/rerank",
        "/v2/rerank",
        "/v1/messages",
    ]
    .iter()
    .any(|family| path.starts_with(family))
        || path.starts_with("/v1/models")
        || path.starts_with("/model/")
        || path == "/auth/token"
        || path == "/mcp"
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. The dialects of others have their own shape.",
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "code": { "type": "string" },
            "param": { "type": ["string", "null"] },
            "request_id": { "type": "string" }
        }
    })
}

fn scope() -> Value {
    let texts = |about: &str| json!({ "type": "array", "items": { "type": "string" }, "maxItems": 32, "description": about });
    json!({
        "type": "object",
        "description": "What a credential is good for, out of what its role allows.",
        "properties": {
            "permissions": texts("Only these permissions; absent means all of the role's."),
            "routes": texts("Only these paths, e.g. `/v1/chat/*`."),
            "models": texts("Only these models, e.g. `claude-*`."),
            "networks": texts("Only from these networks, e.g. `10.0.0.0/8`.")
        },
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_is_described_once() {
        let ids: HashSet<_> = operations().map(operation_id).collect();
        assert_eq!(ids.len(), operations().count());
        let document = document("https://ai.example.com");
        let described =
            document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().keys());
        assert_eq!(described.count(), ids.len());
    }

    #[test]
    fn refusals_of_its_own_are_among_the_answers() {
        let document = document("https://ai.example.com");
        for (path, method, status) in [
            ("/v1/jobs", "post", "409"),
            ("/v1/jobs/{job}/result", "get", "409"),
            ("/v1/jobs/{job}/result", "get", "410"),
            ("/v1/jobs/{job}/redrive", "post", "409"),
            ("/v1/webhooks", "post", "409"),
            ("/v1/webhooks/{webhook}/test", "post", "409"),
        ] {
            assert!(document["paths"][path][method]["responses"][status].is_object(), "{path} {status}");
        }
        let parameters = document["paths"]["/v1/jobs"]["get"]["parameters"].as_array().unwrap();
        let metadata = parameters.iter().find(|it| it["name"] == "metadata").unwrap();
        assert_eq!(metadata["style"], "deepObject");
    }

    #[test]
    fn what_the_cache_takes_and_tells_is_described() {
        let document = document("https://ai.example.com");
        let of = |path: &str| document["paths"][path]["post"].clone();
        for path in [
            "/generate",
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/responses",
            "/v1/embeddings",
            "/v1/rerank",
            "/v1/messages",
        ] {
            let schema = &of(path)["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(schema["properties"]["cache"]["$ref"], "#/components/schemas/Cache", "{path}");
        }
        for path in ["/generate", "/v1/messages", "/v1/embeddings", "/model/{model}/converse"] {
            let described = of(path);
            let parameters = described["parameters"].as_array().unwrap();
            for name in ["x-outcrop-cache-ttl", "x-outcrop-cache-namespace", "cache-control"] {
                assert!(
                    parameters.iter().any(|it| it["name"] == name && it["in"] == "header"),
                    "{path} {name}"
                );
            }
            for name in ["x-outcrop-cache", "age", "x-outcrop-cache-saved-usd", "x-outcrop-attempts"] {
                assert!(described["responses"]["200"]["headers"][name].is_object(), "{path} {name}");
            }
        }
        let refused = &of("/model/{model}/converse")["requestBody"]["content"]["application/json"]["schema"];
        assert!(refused["properties"].is_null(), "Bedrock's dialect has no such field: {refused}");
        for reference in references(&document) {
            let path = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(path).is_some(), "{reference}");
        }
    }

    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(fields) => {
                let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
                own.into_iter().chain(fields.values().flat_map(references)).collect()
            }
            Value::Array(all) => all.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_example_has_what_is_required_and_nothing_unknown() {
        for operation in operations() {
            match operation.body {
                Body::None | Body::Multipart { .. } => {}
                Body::Dialect { .. } => assert!(operation.body.example().is_some(), "{operation:?}"),
                Body::Fields { fields, .. } | Body::Form { fields, .. } => {
                    let example = operation.body.example().unwrap_or_else(|| panic!("{operation:?}"));
                    let example = example.as_object().unwrap();
                    for field in fields.iter().filter(|field| field.required) {
                        assert!(example.contains_key(field.name), "{} {}", operation.path, field.name);
                    }
                    for name in example.keys() {
                        assert!(fields.iter().any(|it| it.name == name), "{} {name}", operation.path);
                    }
                }
            }
        }
    }
}
