//! The desk for services of this process: it answers as `/v1/jobs` does.

use std::sync::Arc;

use bytes::Bytes;
use outcrop_config::FilesConfig;
use outcrop_job_worker::LocalDesk;
use outcrop_ports::{DeskRead, JobAnswer, JobAsk, JobDesk as _, PortFailure};
use outcrop_types::{BatchId, FileId, JobId, Permission, Principal, RequestId, ResponseId, Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::files_world::Files;
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
async fn what_is_kept_is_read_as_the_rest_face_shows_it() {
    let files = Files::new(FilesConfig::default()).await;
    let desk = LocalDesk::default();
    desk.open(files.worker.clone());
    let lines = "{}\n{}\n";
    let file = files.upload("a.jsonl", lines).await;
    let batch = json!({"input_file_id": file, "endpoint": "/v1/responses", "completion_window": "24h"});
    let (status, batch) = answer(files.ask(Method::POST, "/v1/batches").json(&batch)).await;
    assert_eq!(status, 200, "{batch}");
    desk.submit(ask(developer(1), &background())).await.unwrap();
    let (file, batch) = (file.parse().unwrap(), batch["id"].as_str().unwrap().parse().unwrap());
    let reads = [
        DeskRead::Jobs(String::new()),
        DeskRead::Jobs("limit=1&kind=batch".into()),
        DeskRead::Jobs("stauts=queued".into()),
        DeskRead::Batch(batch),
        DeskRead::Batch(BatchId::new(Uuid::from_u128(9))),
        DeskRead::Files("limit=1".into()),
        DeskRead::Files("limit=0".into()),
        DeskRead::File(file),
        DeskRead::File(FileId::new(Uuid::from_u128(9))),
    ];
    let mut statuses = Vec::new();
    for read in reads {
        let (path, query) = read.address();
        let address = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        let (status, mut shown_over_http) = files.get(&address).await;
        let read = desk.read(&developer(1), &read).await.unwrap();
        // Read by nobody's request.
        shown_over_http.as_object_mut().unwrap().remove("request_id");
        assert_eq!((read.status, shown(&read)), (status, shown_over_http), "{address}");
        statuses.push(status);
    }
    assert_eq!(statuses, [200, 200, 400, 200, 404, 200, 400, 200, 404]);
    let content = |most| DeskRead::Content(file, most);
    let read = desk.read(&developer(1), &content(lines.len() as u64)).await.unwrap();
    assert_eq!((read.status, &*read.body), (200, lines.as_bytes()));
    let large = desk.read(&developer(1), &content(lines.len() as u64 - 1)).await.unwrap();
    assert_eq!(large.status, 413);
    let told = shown(&large)["error"]["message"].to_string();
    assert!(told.contains("6 bytes; at most 5"), "{told}");
}

#[actix_web::test]
async fn what_is_kept_is_a_teams_own() {
    let files = Files::new(FilesConfig::default()).await;
    let desk = LocalDesk::default();
    desk.open(files.worker.clone());
    let file = files.upload("a.jsonl", "{}").await.parse().unwrap();
    let batch = json!({"input_file_id": file, "endpoint": "/v1/responses", "completion_window": "24h"});
    let (_, batch) = answer(files.ask(Method::POST, "/v1/batches").json(&batch)).await;
    let batch = batch["id"].as_str().unwrap().parse().unwrap();
    let things = [DeskRead::Batch(batch), DeskRead::File(file), DeskRead::Content(file, 9)];
    for thing in &things {
        assert_eq!(desk.read(&developer(1), thing).await.unwrap().status, 200, "{thing:?}");
        assert_eq!(desk.read(&developer(2), thing).await.unwrap().status, 404, "{thing:?}");
    }
    for list in [DeskRead::Jobs(String::new()), DeskRead::Files(String::new())] {
        let read = async |team| shown(&desk.read(&developer(team), &list).await.unwrap());
        let count = async |team| read(team).await["data"].as_array().unwrap().len();
        assert_eq!((count(1).await, count(2).await), (1, 0), "{list:?}");
        let scope =
            Some(Arc::new(Scope { permissions: Some(vec![Permission::InvokeModel]), ..Scope::default() }));
        let narrow = Principal { scope, ..developer(1) };
        assert_eq!(desk.read(&narrow, &list).await.unwrap().status, 403, "{list:?}");
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
