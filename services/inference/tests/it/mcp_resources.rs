//! What clients of `/mcp` can read: models, usage, jobs and their answers, batches, files.

use std::sync::Arc;
use std::time::Duration;

use outcrop_types::{Permission, Scope};
use serde_json::{Value, json};

use crate::desk::MemoryDesk;
use crate::harness::{MODEL, Setup, TestApp};
use crate::mcp_client::Mcp;

fn id(kind: &str, number: u32) -> String {
    format!("{kind}_{number:032}")
}

async fn started() -> (TestApp, Arc<MemoryDesk>) {
    let desk = Arc::new(MemoryDesk::default());
    let app = TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await;
    (app, desk)
}

fn job(number: u32) -> Value {
    json!({ "id": id("job", number), "kind": "call", "status": "succeeded", "path": "/generate" })
}

fn file(number: u32, name: &str, bytes: usize) -> Value {
    json!({
        "id": id("file", number), "filename": name, "bytes": bytes, "purpose": "user_data",
        "status": "processed", "created_at": 1_767_225_600,
    })
}

fn list(items: &[Value], has_more: bool) -> String {
    json!({ "object": "list", "data": items, "has_more": has_more }).to_string()
}

/// Keeps a file of these bytes.
fn keep(desk: &MemoryDesk, number: u32, name: &str, bytes: &'static [u8]) -> String {
    let path = format!("/v1/files/{}", id("file", number));
    desk.keeps(&path, file(number, name, bytes.len()).to_string());
    desk.keeps(format!("{path}/content"), bytes);
    format!("outcrop://files/{}", id("file", number))
}

async fn read(client: &Mcp<'_>, uri: &str) -> Value {
    let result = client.result("resources/read", json!({ "uri": uri })).await;
    assert_eq!(result["contents"][0]["uri"], uri, "{result}");
    result["contents"][0].clone()
}

/// The same where it is JSON.
async fn read_json(client: &Mcp<'_>, uri: &str) -> Value {
    let contents = read(client, uri).await;
    assert_eq!(contents["mimeType"], "application/json", "{contents}");
    serde_json::from_str(contents["text"].as_str().unwrap()).unwrap()
}

async fn refused(client: &Mcp<'_>, uri: &str) -> Value {
    let heard = client.request("resources/read", json!({ "uri": uri })).await;
    assert!(heard.answer.get("error").is_some(), "{uri}: {heard:?}");
    heard.answer["error"].clone()
}

#[tokio::test]
async fn models_and_usage_are_read_as_over_http() {
    let (app, _) = started().await;
    for client in Mcp::both(&app).await {
        assert_eq!(read_json(&client, "outcrop://models").await, app.get("/v1/models").await.json());
        let one = app.get(&format!("/v1/models/{MODEL}")).await.json();
        assert_eq!(read_json(&client, &format!("outcrop://models/{MODEL}")).await, one);
        let by_bedrock_id = "anthropic.claude-haiku-4-5-20251001-v1:0";
        let expected = app.get(&format!("/v1/models/{by_bedrock_id}")).await;
        for spelt in [by_bedrock_id.to_owned(), by_bedrock_id.replace(':', "%3A")] {
            let uri = format!("outcrop://models/{spelt}");
            match expected.status {
                200 => assert_eq!(read_json(&client, &uri).await, expected.json()),
                _ => panic!("{}", expected.text),
            }
        }
        assert_eq!(read_json(&client, "outcrop://usage/me").await["object"], "usage.me");
    }
}

#[tokio::test]
async fn a_job_and_its_answer_are_two_things() {
    let (app, desk) = started().await;
    let (uri, result) =
        (format!("outcrop://jobs/{}", id("job", 5)), format!("outcrop://jobs/{}/result", id("job", 5)));
    let mut stands = job(5);
    stands["response"] = json!({ "status_code": 200, "body": { "text": "said" } });
    desk.stands(stands.clone());
    for client in Mcp::both(&app).await {
        let shown = read_json(&client, &uri).await;
        assert_eq!((&shown["id"], &shown["status"]), (&json!(id("job", 5)), &json!("succeeded")));
        assert!(shown.get("response").is_none(), "{shown}");
        assert_eq!(read_json(&client, &result).await, json!({ "text": "said" }));
    }
    let client = Mcp::modern(&app, json!({}));
    stands["response"]["body"] = json!("<h1>bad</h1>");
    desk.stands(stands.clone());
    let contents = read(&client, &result).await;
    assert_eq!((&contents["mimeType"], &contents["text"]), (&json!("text/plain"), &json!("<h1>bad</h1>")));
    stands["response"]["body"] = json!({ "text": "x".repeat(2 << 20) });
    desk.stands(stands.clone());
    let error = refused(&client, &result).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(413), &json!("payload_too_large")));
    assert!(error["message"].as_str().unwrap().contains("/result"), "{error}");
    stands["response"]["body"] = Value::Null;
    desk.stands(stands.clone());
    assert_eq!(refused(&client, &result).await["code"], 410);
    stands["status"] = "running".into();
    stands["response"] = Value::Null;
    desk.stands(stands);
    assert_eq!(refused(&client, &result).await["code"], 409);
}

#[tokio::test]
async fn a_file_is_text_or_bytes_and_no_larger_than_it_may_be() {
    let (app, desk) = started().await;
    let lines = keep(&desk, 1, "a.jsonl", b"{}\n{}\n");
    let plain = keep(&desk, 2, "notes", "Grüezi".as_bytes());
    let image = keep(&desk, 3, "a.png", b"\x89PNG\0");
    let large = keep(&desk, 4, "a.bin", &[0; (1 << 20) + 1]);
    let client = Mcp::legacy(&app, json!({})).await;
    let cases = [
        (lines, "application/jsonl", "text", "{}\n{}\n"),
        (plain, "text/plain", "text", "Grüezi"),
        (image, "image/png", "blob", "iVBORwA="),
    ];
    for (uri, mime_type, kind, content) in cases {
        let contents = read(&client, &uri).await;
        assert_eq!(contents["mimeType"], mime_type);
        assert_eq!((&contents[kind], contents.as_object().unwrap().len()), (&json!(content), 3), "{uri}");
    }
    let error = refused(&client, &large).await;
    assert_eq!(error["code"], 413);
    let words = error["message"].as_str().unwrap();
    assert!(words.contains("1048577 bytes") && words.contains("/content"), "{words}");
}

#[tokio::test]
async fn what_is_not_there_is_no_resource() {
    let (app, desk) = started().await;
    desk.stands(Value::Null);
    let [legacy, modern] = Mcp::both(&app).await;
    let uris = [
        "outcrop://models/nonesuch".to_owned(),
        format!("outcrop://jobs/{}", id("job", 5)),
        format!("outcrop://jobs/{}/result", id("job", 5)),
        format!("outcrop://files/{}", id("file", 5)),
        format!("outcrop://batches/{}", id("batch", 5)),
        "outcrop://jobs/5".to_owned(),
        "outcrop://secrets".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for uri in uris {
        assert_eq!(refused(&legacy, &uri).await["code"], -32002, "{uri}");
        assert_eq!(refused(&modern, &uri).await["code"], -32602, "{uri}");
    }
    *desk.away.lock().unwrap() = true;
    let error = refused(&legacy, &format!("outcrop://jobs/{}", id("job", 5))).await;
    assert_eq!(error["code"], 503, "a desk that is away is no job that is not there");
}

#[tokio::test]
async fn resources_are_listed_page_by_page() {
    let (app, desk) = started().await;
    let mut batch = job(2);
    batch["kind"] = "batch".into();
    batch["batch_id"] = id("batch", 2).into();
    desk.keeps("/v1/jobs?limit=50", list(&[job(3), batch], true));
    desk.keeps(format!("/v1/jobs?limit=50&after={}", id("job", 2)), list(&[job(1)], false));
    desk.keeps("/v1/files?limit=50", list(&[file(9, "b.jsonl", 5)], true));
    desk.keeps(format!("/v1/files?limit=50&after={}", id("file", 9)), list(&[file(8, "a", 6)], false));
    let expected: [&[String]; 4] = [
        &[
            "outcrop://models".into(),
            "outcrop://usage/me".into(),
            "outcrop://jobs".into(),
            "outcrop://files".into(),
            format!("outcrop://jobs/{}", id("job", 3)),
            format!("outcrop://batches/{}", id("batch", 2)),
        ],
        &[format!("outcrop://jobs/{}", id("job", 1))],
        &[format!("outcrop://files/{}", id("file", 9))],
        &[format!("outcrop://files/{}", id("file", 8))],
    ];
    for client in Mcp::both(&app).await {
        let mut params = json!({});
        for (number, uris) in expected.iter().enumerate() {
            let page = client.result("resources/list", params.clone()).await;
            let listed = page["resources"].as_array().unwrap();
            let listed: Vec<_> = listed.iter().map(|it| it["uri"].as_str().unwrap()).collect();
            assert_eq!(listed, *uris, "page {number}");
            assert_eq!(page.get("nextCursor").is_some(), number < 3, "page {number}: {page}");
            params["cursor"] = page["nextCursor"].clone();
        }
        let wrong = client.request("resources/list", json!({ "cursor": "nonsense" })).await.answer;
        assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
    }
    let page = Mcp::modern(&app, json!({})).result("resources/list", json!({})).await;
    assert_eq!(page["resources"][4]["description"], "Call of /generate, succeeded");
}

#[tokio::test]
async fn the_blanks_of_templates_are_completed() {
    let (app, desk) = started().await;
    let mut running = job(12);
    running["status"] = "running".into();
    desk.keeps("/v1/jobs?limit=100", list(&[running.clone(), job(11), job(21)], false));
    desk.keeps("/v1/jobs?limit=100&kind=call", list(&[running, job(11)], false));
    let batch = json!({ "id": id("job", 7), "status": "running", "batch_id": id("batch", 7) });
    desk.keeps("/v1/jobs?limit=100&kind=batch", list(&[batch], true));
    desk.keeps("/v1/files?limit=100", list(&[file(4, "a", 1)], false));
    let some = &id("job", 11)[..35];
    let cases = [
        ("outcrop://models/{id}", MODEL, vec![MODEL.to_owned()], true),
        ("outcrop://jobs/{id}", some, vec![id("job", 12), id("job", 11)], true),
        ("outcrop://jobs/{id}/result", some, vec![id("job", 11)], true),
        ("outcrop://files/{id}", "", vec![id("file", 4)], true),
        ("outcrop://batches/{id}", "batch_", vec![id("batch", 7)], false),
        ("outcrop://batches/{id}", "x", vec![], false),
    ];
    for client in Mcp::both(&app).await {
        let listed = client.result("resources/templates/list", json!({})).await;
        for (template, written, values, is_whole) in &cases {
            assert!(listed.to_string().contains(&json!(template).to_string()), "{listed}");
            let params = json!({
                "ref": { "type": "ref/resource", "uri": template },
                "argument": { "name": "id", "value": written },
            });
            let completion = client.result("completion/complete", params).await["completion"].clone();
            let found = completion["values"].as_array().unwrap();
            assert!(found.len() <= 100);
            for value in values {
                assert!(found.contains(&json!(value)), "{template} {written}: {completion}");
            }
            if *template != "outcrop://models/{id}" {
                assert_eq!(found.len(), values.len(), "{template} {written}: {completion}");
            }
            assert_eq!(completion["hasMore"], !is_whole, "{template} {written}: {completion}");
        }
        let reference = json!({ "type": "ref/resource", "uri": "outcrop://jobs/{id}" });
        let params = json!({ "ref": reference, "argument": { "name": "uuid", "value": "" } });
        let answer = client.request("completion/complete", params).await.answer;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
}

#[tokio::test]
async fn who_may_not_read_work_sees_nothing_of_it() {
    let desk = Arc::new(MemoryDesk::default());
    desk.stands(job(5));
    desk.keeps("/v1/jobs", list(&[job(5)], false));
    let permissions = Some(vec![Permission::UseMcp, Permission::ReadModels]);
    let scope = Scope { permissions, ..Scope::default() };
    let app = TestApp::with(Setup { desk, scope, ..Setup::default() }).await;
    for client in Mcp::both(&app).await {
        let page = client.result("resources/list", json!({})).await;
        let listed: Vec<_> = page["resources"].as_array().unwrap().iter().map(|it| &it["uri"]).collect();
        assert_eq!(listed, ["outcrop://models", "outcrop://usage/me"]);
        assert!(page.get("nextCursor").is_none(), "{page}");
        let templates = client.result("resources/templates/list", json!({})).await;
        assert_eq!(templates["resourceTemplates"].as_array().unwrap().len(), 1, "{templates}");
        for uri in ["outcrop://jobs".to_owned(), format!("outcrop://jobs/{}", id("job", 5))] {
            assert!(refused(&client, &uri).await["code"].as_i64().unwrap() < 0, "{uri}");
        }
    }
}

#[tokio::test]
async fn a_subscriber_hears_of_the_end_of_a_job() {
    let (app, desk) = started().await;
    let mut stands = job(5);
    stands["status"] = "running".into();
    desk.stands(stands);
    let client = Mcp::legacy(&app, json!({})).await;
    let uri = format!("outcrop://jobs/{}", id("job", 5));
    client.result("resources/subscribe", json!({ "uri": uri })).await;
    let mut news = client.listen().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    desk.stands(job(5));
    let heard = async {
        let mut heard = String::new();
        while !heard.contains("notifications/resources/updated") {
            heard.push_str(&String::from_utf8_lossy(&news.chunk().await.unwrap().unwrap()));
        }
        heard
    };
    let heard = tokio::time::timeout(Duration::from_secs(15), heard).await.unwrap();
    assert!(heard.contains(&uri), "{heard}");
}
