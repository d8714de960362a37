//! Request ids and bounds.

use crate::world::{World, client};

#[actix_web::test]
async fn every_answer_carries_an_id_and_a_usable_one_is_kept() {
    let world = World::new();
    let id_of = async |path: &str, given: Option<&str>| {
        let mut request = client().get(world.at(path));
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id_of("/healthz", Some("abc-1")).await, "abc-1");
    assert_eq!(id_of("/nowhere", Some("abc-2")).await, "abc-2");
    let own = id_of("/healthz", None).await;
    assert_eq!(own.len(), 36, "{own}");
    let refused = id_of("/healthz", Some(&"x".repeat(129))).await;
    assert_eq!(refused.len(), 36, "an unusable id is replaced: {refused}");
    assert_ne!(own, refused);
}

#[actix_web::test]
async fn each_sdk_finds_the_id_under_its_own_name() {
    let world = World::new();
    for (path, name) in [("/v1/messages", "request-id"), ("/model/a:b/converse", "x-amzn-requestid")] {
        let request = client().post(world.at(path)).header("x-request-id", "abc").body("{}");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()[name], "abc", "{path}");
        assert_eq!(answer.headers()["x-request-id"], "abc", "{path}");
    }
}

#[actix_web::test]
async fn a_body_up_to_the_limit_is_read_however_it_comes() {
    let world = World::new();
    let body = format!("\"{}\"", "a".repeat(1022));
    let announced = client().post(world.at("/generate")).body(body.clone()).send().await.unwrap();
    assert_eq!(announced.text().await.unwrap(), r#"{"bytes":1024}"#);
    let answer = client().post(world.at("/generate")).body(chunked(&body)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"bytes":1024}"#);
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let world = World::new();
    let body = "a".repeat(1025);
    for path in ["/generate", "/v1/jobs/raw"] {
        let announced = client().post(world.at(path)).body(body.clone()).send().await.unwrap();
        assert_eq!(announced.status(), 413, "{path}");
        let answer = client().post(world.at(path)).body(chunked(&body)).send().await.unwrap();
        assert_eq!(answer.status(), 413, "{path}");
    }
}

#[actix_web::test]
async fn an_announced_excess_is_refused_before_a_byte_is_sent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new();
    let address = world.url.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /generate HTTP/1.1\r\nhost: x\r\ncontent-length: 1025\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[actix_web::test]
async fn nesting_is_bounded() {
    let world = World::new();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let status =
        async |body: String| client().post(world.at("/generate")).body(body).send().await.unwrap().status();
    assert_eq!(status(nested(8)).await, 200);
    assert_eq!(status(nested(9)).await, 400);
}

#[actix_web::test]
async fn only_what_is_clearly_no_json_is_refused_by_its_type() {
    let world = World::new();
    let status = async |name: &str, value: &str| {
        let request = client().post(world.at("/generate")).header(name, value).body("{}");
        request.send().await.unwrap().status().as_u16()
    };
    for fine in [
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/plain",
    ] {
        assert_eq!(status("content-type", fine).await, 200, "{fine}");
    }
    for bad in ["multipart/form-data; boundary=x", "image/png"] {
        assert_eq!(status("content-type", bad).await, 415, "{bad}");
    }
    assert_eq!(status("content-encoding", "gzip").await, 415);
}

fn chunked(body: &str) -> reqwest::Body {
    let pieces: Vec<_> =
        body.as_bytes().chunks(100).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    reqwest::Body::wrap_stream(futures::stream::iter(pieces))
}
