//! As whom a job runs, and what keeps it from running.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::contract::samples;
use outcrop_ports::{Changed, KeyFilter, KeyStore, PortError, TeamStore as _};
use outcrop_types::{
    ApiKey, AuditDraft, JobState, KeyId, Limits, Page, Permission, Policy, Principal, Role, Scope, Subject,
};
use serde_json::json;

use crate::world::{World, answer, calls, client, developer, done, ended, scripted, submit, until};

/// A key of the developer of team 1, that the store holds.
async fn key(world: &World, number: u32, scope: Scope) -> ApiKey {
    let owner = developer(1);
    let created_at = world.ports.clock.now();
    let key = ApiKey { subject: owner.subject, scope, created_at, ..samples::key(number, owner.team) };
    done(world.ports.keys.insert_key(&key, &samples::draft("key.create")).await);
    key
}

async fn update(world: &World, key: &ApiKey) {
    done(world.ports.keys.update_key(key, &samples::draft("key.update")).await);
}

async fn be(world: &World, role: Role) {
    let membership = samples::membership(1, 1, role);
    done(world.store.set_membership(&membership, &samples::draft("member.set")).await);
}

fn models(patterns: &[&str]) -> Scope {
    Scope { models: patterns.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
}

fn routes(patterns: &[&str]) -> Scope {
    Scope { routes: patterns.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
}

fn scoped(scope: Scope) -> Principal {
    Principal { scope: Some(Arc::new(scope)), ..developer(1) }
}

/// As whom the one call was made.
fn caller(world: &World) -> Principal {
    let calls = world.model.calls.lock().unwrap();
    assert_eq!(calls.len(), 1);
    calls[0].principal.clone()
}

#[track_caller]
fn barred(job: &outcrop_types::Job, why: &str) {
    assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some(why)));
}

#[actix_web::test]
async fn a_job_dies_with_the_key_that_submitted_it() {
    let world = World::working(scripted([])).await;
    let now = world.ports.clock.now();
    let mut keys = Vec::new();
    for number in 1..=3 {
        keys.push(key(&world, number, Scope::default()).await);
    }
    let [good, revoked, expired] = keys.try_into().unwrap();
    update(&world, &ApiKey { revoked_at: Some(now), ..revoked.clone() }).await;
    update(&world, &ApiKey { expires_at: Some(now), ..expired.clone() }).await;
    let unknown = samples::key(4, developer(1).team);
    for key in [&revoked, &expired, &unknown] {
        let id = submit(&world, key.principal()).await;
        barred(&ended(&world, id).await, "the key that submitted this job is no longer valid");
    }
    assert_eq!(calls(&world), 0);
    let id = submit(&world, good.principal()).await;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    assert_eq!(caller(&world), good.principal());
}

#[actix_web::test]
async fn a_job_dies_with_its_owners_place_in_the_team() {
    let world = World::working(scripted([])).await;
    let key = key(&world, 1, Scope::default()).await;
    let draft = samples::draft("member.remove");
    done(world.store.remove_membership(developer(1).team, samples::user_id(1), &draft).await);
    let program = Subject::ServiceAccount(samples::service_account_id(1));
    // With a key, with a token, and a program that was deleted.
    for owner in [key.principal(), developer(1), Principal { subject: program, ..developer(2) }] {
        let id = submit(&world, owner).await;
        barred(&ended(&world, id).await, "whoever submitted this job may not act for the team any more");
    }
    assert_eq!(calls(&world), 0);
}

#[actix_web::test]
async fn a_job_is_done_in_the_role_that_is_left() {
    let world = World::working(scripted([])).await;
    let id = submit(&world, Principal { role: Role::TeamAdmin, ..developer(1) }).await;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    assert_eq!(caller(&world), developer(1));
    be(&world, Role::Viewer).await;
    for role in [Role::Developer, Role::Service] {
        let id = submit(&world, Principal { role, ..developer(1) }).await;
        barred(&ended(&world, id).await, "whoever submitted this job may not make this call any more");
    }
    assert_eq!(calls(&world), 1);
}

#[actix_web::test]
async fn a_scope_goes_with_the_job() {
    let world = World::working(scripted([])).await;
    let owner = scoped(Scope { routes: routes(&["/generate"]).routes, ..models(&["nova-*"]) });
    let id = submit(&world, owner.clone()).await;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    assert_eq!(caller(&world), owner);
}

#[actix_web::test]
async fn what_a_key_has_lost_its_jobs_have_lost() {
    let world = World::working(scripted([])).await;
    let wide = key(&world, 1, models(&["claude-*"])).await;
    let limits = Limits { requests_per_minute: Some(7) };
    update(&world, &ApiKey { scope: models(&["claude-haiku-*"]), limits, ..wide.clone() }).await;
    let id = submit(&world, wide.principal()).await;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    let called = caller(&world);
    assert_eq!((called.scope(), called.limits), (&models(&["claude-haiku-*"]), limits));

    let elsewhere = key(&world, 2, Scope::default()).await;
    update(&world, &ApiKey { scope: routes(&["/v1/chat/*"]), ..elsewhere.clone() }).await;
    let id = submit(&world, elsewhere.principal()).await;
    barred(&ended(&world, id).await, "whoever submitted this job may not make this call any more");
    let other = key(&world, 3, models(&["nova-*"])).await;
    let id = submit(&world, Principal { key: Some(other.id), ..scoped(models(&["claude-*"])) }).await;
    barred(&ended(&world, id).await, "the key that submitted this job was narrowed since");
    assert_eq!(calls(&world), 1);
}

#[actix_web::test]
async fn a_token_narrower_than_its_key_stays_so() {
    let world = World::working(scripted([])).await;
    let key = key(&world, 1, models(&["claude-*"])).await;
    let narrow = Principal { key: Some(key.id), ..scoped(models(&["claude-haiku-*"])) };
    let id = submit(&world, narrow).await;
    assert_eq!(ended(&world, id).await.state, JobState::Succeeded);
    assert_eq!(caller(&world).scope(), &models(&["claude-haiku-*"]));
}

#[actix_web::test]
async fn a_job_is_submitted_only_where_its_call_could_be_made() {
    let world = World::idle().await;
    let with =
        |permissions: &[Permission]| Scope { permissions: Some(permissions.to_vec()), ..Scope::default() };
    let jobs = [Permission::WriteJobs, Permission::ReadJobs];
    let cases = [
        (routes(&["/v1/jobs*"]), 403),
        (routes(&["/v1/jobs*", "/v1/chat/*"]), 403),
        (routes(&["/v1/jobs*", "/generate"]), 202),
        (with(&jobs), 403),
        (with(&[jobs[0], Permission::InvokeModel]), 202),
    ];
    let job = json!({"path": "/generate", "body": {"prompt": "Hi"}});
    for (scope, expected) in cases {
        let server = world.serve(scoped(scope.clone()));
        let (status, answer) = answer(client().post(format!("{}/v1/jobs", server.url)).json(&job)).await;
        assert_eq!(status, expected, "{scope:?}: {answer}");
        if status == 403 {
            assert_eq!(answer["param"], "path", "{answer}");
            assert!(!answer.to_string().contains("/v1/chat"), "what is in scope is not told: {answer}");
        }
    }
}

/// A store that cannot be reached.
struct Away;

fn away<T>() -> Result<T, PortError> {
    Err(PortError::unavailable("use the database", "it is away"))
}

#[async_trait]
impl KeyStore for Away {
    async fn insert_key(&self, _: &ApiKey, _: &AuditDraft) -> Result<Changed, PortError> {
        away()
    }

    async fn lookup_key(&self, _: &KeyId) -> Result<Option<ApiKey>, PortError> {
        away()
    }

    async fn list_keys(&self, _: &KeyFilter, _: Option<&KeyId>, _: usize) -> Result<Page<ApiKey>, PortError> {
        away()
    }

    async fn update_key(&self, _: &ApiKey, _: &AuditDraft) -> Result<Changed, PortError> {
        away()
    }

    async fn replace_key(
        &self,
        _: &ApiKey,
        _: &ApiKey,
        _: &[Policy],
        _: &AuditDraft,
    ) -> Result<Changed, PortError> {
        away()
    }

    async fn touch_keys(&self, _: &[(KeyId, DateTime<Utc>)]) -> Result<(), PortError> {
        away()
    }
}

#[actix_web::test]
async fn a_job_whose_owner_cannot_be_looked_up_waits() {
    let config = outcrop_config::JobsConfig { max_attempts: 1, ..Default::default() };
    let world = World::new(scripted([]), Some(config), |ports| ports.keys = Arc::new(Away)).await;
    let id = submit(&world, samples::key(1, developer(1).team).principal()).await;
    let job = until(&world, id, |job| job.state == JobState::Queued && job.updated_at > job.created_at).await;
    assert_eq!((job.attempts, job.error, calls(&world)), (0, None, 0));
    let later = world.ports.clock.now() + TimeDelta::days(2);
    let stale = world.ports.jobs.nudge_stale_jobs(later, later, 10).await.unwrap();
    assert_eq!(stale, [id], "it is looked at again");
}
