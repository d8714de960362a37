//! The desk for services of this process: it answers as `/v1/jobs` does.

use bytes::Bytes;
use outcrop_job_worker::LocalDesk;
use outcrop_ports::{JobAnswer, JobAsk, JobDesk as _, PortFailure};
use outcrop_types::{JobId, Principal, RequestId, ResponseId, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, answer, client, developer, ended, scripted};

fn ask(principal: Principal, body: &Value) -> JobAsk {
    JobAsk {
        principal,
        request_id: RequestId::parse("r-1").unwrap(),
        body: Bytes::from(body.to_string()),
        idempotency_key: Some("k".parse().unwrap()),
        response: Some(ResponseId::new(Uuid::from_u128(7))),
    }
}

fn background() -> Value {
    json!({"path": "/v1/responses", "body": {"input": "Hi", "background": true}})
}

fn shown(answer: &JobAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[actix_web::test]
async fn what_is_handed_over_is_a_job_as_any_other() {
    let world = World::idle().await;
    let server = world.serve(developer(1));
    let desk = LocalDesk::default();
    let closed = desk.submit(ask(developer(1), &background())).await.unwrap_err();
    assert_eq!(closed.failure, PortFailure::Unavailable);
    desk.open(world.worker.clone());
    let taken = desk.submit(ask(developer(1), &background())).await.unwrap();
    let job = shown(&taken);
    let id = JobId::new(Uuid::from_u128(7));
    assert_eq!((taken.status, &job["id"], &job["status"]), (202, &json!(id), &json!("queued")), "{job}");
    assert_eq!(job["response_id"], json!(ResponseId::new(Uuid::from_u128(7))));
    assert_eq!(answer(client().get(format!("{}/v1/jobs/{id}", server.url))).await.1, job);
    let again = desk.submit(ask(developer(1), &background())).await.unwrap();
    assert_eq!((again.status, shown(&again)), (202, job.clone()));
    let looked = desk.look(&developer(1), id).await.unwrap();
    assert_eq!((looked.status, shown(&looked)), (200, job));
    let cancelled = desk.cancel(&developer(1), id).await.unwrap();
    assert_eq!((cancelled.status, &shown(&cancelled)["status"]), (200, &json!("cancelled")));
}

#[actix_web::test]
async fn what_is_refused_is_refused_in_the_same_words() {
    let world = World::idle().await;
    let desk = LocalDesk::default();
    desk.open(world.worker.clone());
    let viewer = Principal { role: Role::Viewer, ..developer(1) };
    let refused = desk.submit(ask(viewer, &background())).await.unwrap();
    assert_eq!((refused.status, &shown(&refused)["code"]), (403, &json!("forbidden")));
    let wrong = json!({"path": "/v1/responses", "body": {"stream": true}});
    let refused = desk.submit(ask(developer(1), &wrong)).await.unwrap();
    assert_eq!((refused.status, &shown(&refused)["param"]), (400, &json!("body.stream")));
    assert_eq!(shown(&refused)["request_id"], "r-1");
    desk.submit(ask(developer(1), &background())).await.unwrap();
    let id = JobId::new(Uuid::from_u128(7));
    for stranger in [desk.look(&developer(2), id).await, desk.cancel(&developer(2), id).await] {
        assert_eq!(stranger.unwrap().status, 404);
    }
}

#[actix_web::test]
async fn what_a_response_was_asked_and_answered_goes_with_it() {
    let world = World::working(scripted([])).await;
    let desk = LocalDesk::default();
    desk.open(world.worker.clone());
    let id = JobId::new(Uuid::from_u128(7));
    desk.submit(ask(developer(1), &background())).await.unwrap();
    let job = ended(&world, id).await;
    let kept = [Some(job.input.clone()), job.output.clone()].map(Option::unwrap);
    for key in &kept {
        assert!(world.ports.blobs.get(key).await.unwrap().is_some(), "{key}");
    }
    assert_eq!(desk.forget(&developer(2), id).await.unwrap().status, 404, "it is another team's");
    let forgotten = desk.forget(&developer(1), id).await.unwrap();
    assert_eq!((forgotten.status, &shown(&forgotten)["status"]), (200, &json!("succeeded")));
    for key in &kept {
        assert_eq!(world.ports.blobs.get(key).await.unwrap(), None, "{key}");
    }
    let server = world.serve(developer(1));
    let result = client().get(format!("{}/v1/jobs/{id}/result", server.url)).send().await.unwrap();
    assert_eq!(result.status(), 410);
}
