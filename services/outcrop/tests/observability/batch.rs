//! A batch, from whoever submits it over the queue to Bedrock: one trace.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{Client, Consumer, Internal, Producer, Server};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client as Caller, answer, ask};
use crate::spans::Tree;
use crate::wait::until;
use crate::world::{World, begun, post_with};

const LINES: usize = 3;

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_batch_is_one_trace_through_the_queue() {
    let world = World::apart(&[]).await;
    let admin = &world.platform.admin;
    let file = upload(admin).await;
    let body = json!({
        "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"
    });
    let (trace, span, header) = begun(0xba7c);
    let headers = [("traceparent", header.as_str())];
    let batch = post_with(admin, "/v1/batches", &headers, &body).await.expect(200).body;
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let ended = until("the end of the batch", async || {
        let batch = admin.get(&path).await.expect(200).body;
        ["completed", "failed"].iter().any(|it| batch["status"] == *it).then_some(batch)
    });
    assert_eq!(ended.await["request_counts"]["completed"], LINES);

    let tree = world.collector.trace(&trace, complete).await;
    let front =
        tree.named("POST /v1/batches").into_iter().find(|it| it.service == "outcrop-gateway").unwrap();
    assert_eq!(front.parent, span);
    let submitted = tree.down(
        front,
        &[
            ("outcrop-gateway", Client, "POST jobs"),
            ("outcrop-job-worker", Server, "POST /v1/batches"),
            ("outcrop-job-worker", Producer, "send "),
        ],
    );
    let sent = submitted[2];
    assert_eq!(sent.text("messaging.system"), "aws_sqs");
    the_work_belongs_to_it(&tree, front.trace.as_str());
    let attempts = tree.named("Bedrock Runtime.Converse");
    for number in 0..LINES {
        let told = world.call_of(&format!("line-{number}")).await["trace"].clone();
        assert!(
            attempts.iter().any(|it| told == it.xray()),
            "what Bedrock is told of {number}: {told}\n{tree}"
        );
    }
}

fn complete(tree: &Tree) -> bool {
    let ends = tree.named("process ").len() > 1;
    ends && tree.named("Bedrock Runtime.").len() == LINES && tree.holds("outcrop-gateway", "POST /v1/batches")
}

/// Every attempt stands below a line, every line below the work at a part, and all of that in the trace.
fn the_work_belongs_to_it(tree: &Tree, trace: &str) {
    let worked = tree.named("process ");
    for work in &worked {
        assert_eq!((work.kind, work.service.as_str()), (Consumer, "outcrop-job-worker"), "{work:#?}");
        assert!(tree.above(work).is_some(), "below what submitted it:\n{tree}");
    }
    let linked = worked.iter().flat_map(|it| &it.links);
    assert!(linked.clone().count() > 0, "{worked:#?}");
    assert!(linked.clone().any(|(of, _)| of == trace), "the message was of the same trace: {worked:#?}");
    let lines: Vec<_> = tree.named("line").into_iter().filter(|it| it.kind == Internal).collect();
    assert_eq!(lines.len(), LINES, "{tree}");
    for line in lines {
        assert!(tree.above(line).unwrap().name.starts_with("process "), "{tree}");
        assert!(!line.text("batch.line").is_empty() && !line.text("batch.id").is_empty(), "{line:#?}");
        tree.down(
            line,
            &[
                ("outcrop-job-worker", Client, "POST inference"),
                ("outcrop-inference", Server, "POST "),
                ("outcrop-inference", Internal, "chat "),
                ("outcrop-inference", Client, "Bedrock Runtime.Converse"),
            ],
        );
    }
}

/// A file of lines; its id.
async fn upload(client: &Caller) -> String {
    let lines: String = (0..LINES)
        .map(|number| {
            let line = json!({
                "custom_id": number.to_string(), "method": "POST", "url": "/v1/chat/completions",
                "body": ask(&format!("[[id: line-{number}]] [[say: {number}]]")),
            });
            format!("{line}\n")
        })
        .collect();
    let body = format!(
        "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{lines}\r\n--cut--\r\n"
    );
    let request = client.request(Method::POST, "/v1/files");
    let request = request.header("content-type", "multipart/form-data; boundary=cut").body(body);
    answer(request).await.expect(200).body["id"].as_str().unwrap().to_owned()
}
