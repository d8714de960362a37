//! Every operation of the OpenAPI document refuses whom it should: nobody, somebody without the permission, and
//! somebody of another team. An operation that is not refused somewhere is on a list here, with the reason; the
//! lists can only shrink.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, answer, ask};
use crate::person::{Person, new_team};
use crate::platform::Platform;

/// Open to all: where credentials come from, and what says nothing about anybody.
const PUBLIC: [&str; 16] = [
    "GET /",
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/oauth-protected-resource",
    "GET /.well-known/oauth-protected-resource/mcp",
    "GET /.well-known/openid-configuration",
    "GET /api/v1/health",
    "GET /auth/callback/{issuer}",
    "GET /auth/login/{issuer}",
    "GET /healthz",
    "GET /openapi.json",
    "GET /readyz",
    "POST /auth/login",
    "POST /auth/logout",
    "POST /auth/password",
    "POST /auth/token",
];

/// Open to whoever is known: they show what the caller itself is, or what everybody may know.
const KNOWN: [&str; 3] = ["GET /admin/v1/roles", "GET /auth/me", "GET /v1/usage/me"];

pub(crate) async fn journey(platform: &Platform) {
    let document = platform.admin.without_key().get("/openapi.json").await.expect(200).body;
    let operations = operations(&document);
    assert!(operations.len() > 50, "{}", operations.len());
    let world = World::new(platform).await;
    let (mut public, mut known) = (BTreeSet::new(), BTreeSet::new());
    for operation in &operations {
        if operation.described["security"] == json!([]) {
            public.insert(operation.name.clone());
            continue;
        }
        refuses_nobody(&world, operation).await;
        match operation.described["x-outcrop-permission"].as_str() {
            Some(permission) => refuses_who_may_not(&world, operation, permission).await,
            None => drop(known.insert(operation.name.clone())),
        }
        hides_what_is_anothers(&world, operation).await;
    }
    let listed =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(public, listed(&PUBLIC), "an operation is public that was not, or is so no more");
    assert_eq!(known, listed(&KNOWN), "an operation asks for no permission that did, or does so now");
}

struct Operation {
    /// `GET /v1/models`
    name: String,
    method: Method,
    path: String,
    described: Value,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let method = method.to_ascii_uppercase();
            operations.push(Operation {
                name: format!("{method} {path}"),
                method: method.parse().unwrap(),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    operations
}

/// Two teams, each with one of everything, and their admins.
struct World {
    nobody: Client,
    /// A key of a platform admin that is good for nothing.
    powerless: Client,
    /// By role, in the first team.
    callers: Vec<(&'static str, Client)>,
    /// Admin of the second team.
    stranger: Client,
    /// What is the first team's: parameter and id.
    things: Vec<(&'static str, String)>,
}

impl World {
    async fn new(platform: &Platform) -> Self {
        let (team, others) = (new_team(platform).await, new_team(platform).await);
        let person = Person::new(platform, &team, "developer").await;
        let stranger = Person::new(platform, &others, "team_admin").await;
        let post = async |path: &str, body: Value| platform.admin.post(path, &body).await;
        let account =
            post("/admin/v1/service-accounts", json!({ "name": "a", "team": team })).await.expect(201).body;
        let key = |role: &str| json!({ "name": role, "team": team, "role": role });
        let mut callers = Vec::new();
        for role in ["team_admin", "developer", "viewer", "service"] {
            let created = platform.create_key(&key(role)).await;
            callers.push((role, platform.admin.with_key(created.body["key"].as_str().unwrap())));
        }
        let owned = platform.create_key(&key("developer")).await.body;
        let job = json!({ "path": "/generate", "body": { "prompt": "[[say: ok]]" } });
        let job = callers[1].1.post("/v1/jobs", &job).await.expect(202).body;
        let response = json!({ "model": "claude-haiku-4-5", "input": "[[say: ok]]" });
        let response = callers[1].1.post("/v1/responses", &response).await.expect(200).body;
        let policy = json!({
            "target": { "level": "key", "team": team }, "rules": { "requests_per_minute": 1_000_000 }
        });
        let policy = post("/admin/v1/policies", policy).await.expect(201).body;
        let prompt = json!({
            "name": "p", "team": team, "messages": [{ "role": "user", "text": "Hello." }]
        });
        let prompt = post("/admin/v1/prompts", prompt).await.expect(201).body;
        let file = upload(&callers[1].1).await;
        let batch = json!({
            "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"
        });
        let batch = callers[1].1.post("/v1/batches", &batch).await.expect(200).body;
        let webhook = json!({ "url": "https://hooks.example.com/outcrop" });
        let webhook = callers[0].1.post("/v1/webhooks", &webhook).await.expect(201).body;
        let delivery = format!("/v1/webhooks/{}/test", webhook["id"].as_str().unwrap());
        let delivery = answer(callers[0].1.request(Method::POST, &delivery)).await.expect(202).body;
        let powerless =
            json!({ "name": "powerless", "role": "platform_admin", "scope": { "permissions": [] } });
        let powerless = platform.create_key(&powerless).await;
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        Self {
            nobody: platform.admin.without_key(),
            powerless: platform.admin.with_key(powerless.body["key"].as_str().unwrap()),
            callers,
            stranger: stranger.log_in(platform).await.client,
            things: vec![
                ("team", team),
                ("user", person.id),
                ("account", id(&account)),
                ("key", id(&owned)),
                ("policy", id(&policy)),
                ("prompt", id(&prompt)),
                ("version", "1".to_owned()),
                ("job", id(&job)),
                ("response", id(&response)),
                ("file", file),
                ("batch", id(&batch)),
                ("webhook", id(&webhook)),
                ("delivery", id(&delivery)),
                ("model", "claude-haiku-4-5".to_owned()),
            ],
        }
    }

    async fn call(&self, client: &Client, operation: &Operation) -> Answer {
        let mut path = operation.path.clone();
        for (name, id) in &self.things {
            path = path.replace(&format!("{{{name}}}"), id);
        }
        assert!(!path.contains('{'), "{path}: a parameter that this test knows nothing for");
        let request = client.request(operation.method.clone(), &path);
        let body = &operation.described["requestBody"]["content"]["application/json"]["example"];
        let request = if body.is_null() { request } else { request.json(body) };
        answer(request).await
    }
}

/// A file with one line of a batch; its id.
async fn upload(client: &Client) -> String {
    let line = json!({
        "custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": ask("[[say: ok]]")
    });
    let body = format!(
        "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{line}\r\n--cut--\r\n"
    );
    let request = client.request(Method::POST, "/v1/files");
    let request = request.header("content-type", "multipart/form-data; boundary=cut").body(body);
    let file = answer(request).await.expect(200).body;
    file["id"].as_str().unwrap().to_owned()
}

async fn refuses_nobody(world: &World, operation: &Operation) {
    let refused = world.call(&world.nobody, operation).await;
    assert_eq!(refused.status, 401, "{}: {refused:#?}", operation.name);
    let mistyped = world.nobody.with_key("ock_of_nobody");
    let refused = world.call(&mistyped, operation).await;
    assert_eq!(refused.status, 401, "{}: {refused:#?}", operation.name);
}

/// Whoever does not have the permission, by role or by the scope of its key.
async fn refuses_who_may_not(world: &World, operation: &Operation, permission: &str) {
    let refused = world.call(&world.powerless, operation).await;
    assert_eq!(refused.status, 403, "{} with no permission: {refused:#?}", operation.name);
    let permission: outcrop_types::Permission = permission.parse().unwrap();
    for (role, client) in &world.callers {
        let granted = outcrop_policy::reach(role.parse().unwrap(), permission);
        if granted == outcrop_policy::Reach::None {
            let refused = world.call(client, operation).await;
            assert_eq!(refused.status, 403, "{} as {role}: {refused:#?}", operation.name);
        }
    }
}

/// What names a thing of the first team is not there for the second.
async fn hides_what_is_anothers(world: &World, operation: &Operation) {
    let of_a_team = [
        "{team}",
        "{user}",
        "{account}",
        "{key}",
        "{policy}",
        "{prompt}",
        "{job}",
        "{response}",
        "{file}",
        "{batch}",
        "{webhook}",
    ];
    if of_a_team.iter().any(|it| operation.path.contains(it)) {
        let refused = world.call(&world.stranger, operation).await;
        assert_eq!(refused.status, 404, "{} of another team: {refused:#?}", operation.name);
    }
}
