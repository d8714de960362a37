//! What a client of the new era (2026-07-28) can rely on: one request, one answer.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::modern_world::{Events, Modern, error, message, read, with_meta};

#[actix_web::test]
async fn the_server_says_who_it_is_and_what_it_can() {
    let result = Modern::start().result("server/discover", json!({})).await;
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["supportedVersions"][0], "2026-07-28");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "outcrop");
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(result["capabilities"]["resources"], json!({ "subscribe": true }));
    assert_eq!(result["cacheScope"], "private");
    assert!(result["ttlMs"].is_u64() && result["instructions"].is_string(), "{result}");
}

#[actix_web::test]
async fn what_is_listed_can_be_used() {
    let modern = Modern::start();
    let tools = modern.result("tools/list", json!({})).await;
    assert_eq!(tools["tools"][0]["name"], "test_simple_text");
    assert_eq!(tools["cacheScope"], "private");
    let result = modern.result("tools/call", json!({ "name": "test_simple_text" })).await;
    assert_eq!(result["content"][0]["text"], "This is a simple text response for testing.");
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "outcrop");
    let read = modern.result("resources/read", json!({ "uri": "test://static-text" })).await;
    assert_eq!(read["contents"][0]["mimeType"], "text/plain");
    assert!(read["ttlMs"].as_u64().is_some_and(|it| it > 0), "{read}");
    let argument = json!({ "name": "arg1", "value": "par" });
    let reference = json!({ "type": "ref/prompt", "name": "test_prompt_with_arguments" });
    let completed =
        modern.result("completion/complete", json!({ "ref": reference, "argument": argument })).await;
    assert_eq!(
        completed["completion"],
        json!({ "values": ["paris", "park", "party"], "total": 3, "hasMore": false })
    );
}

#[actix_web::test]
async fn headers_that_do_not_say_what_the_body_says_are_refused() {
    let modern = Modern::start();
    let call = message("tools/call", with_meta(json!({ "name": "test_simple_text" }), json!({})));
    let spoilt = |name: &'static str, value: Option<&'static str>| {
        let mut request = modern.client.post(&modern.url).header("Accept", "*/*").json(&call);
        let good = [
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "test_simple_text"),
        ];
        for (header, good) in good {
            let value = if header == name { value } else { Some(good) };
            request = value.into_iter().fold(request, |request, value| request.header(header, value));
        }
        request
    };
    for (header, value) in [
        ("MCP-Protocol-Version", None),
        ("MCP-Protocol-Version", Some("2025-11-25")),
        ("MCP-Protocol-Version", Some("2099-01-01")),
        ("Mcp-Method", None),
        ("Mcp-Method", Some("TOOLS/CALL")),
        ("Mcp-Method", Some("tools/list")),
        ("Mcp-Name", None),
        ("Mcp-Name", Some("test_error_handling")),
        ("Mcp-Name", Some("=?base64?dGVzdA?=")),
    ] {
        let (status, error) = error(spoilt(header, value)).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32020)), "{header}: {value:?}: {error}");
    }
    let twice = spoilt("Mcp-Name", Some("test_simple_text")).header("Mcp-Name", "test_error_handling");
    assert_eq!(error(twice).await.1["code"], -32020);
    for value in ["  test_simple_text ", "=?base64?dGVzdF9zaW1wbGVfdGV4dA==?="] {
        let response = spoilt("Mcp-Name", Some(value)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{value}");
    }
}

#[actix_web::test]
async fn arguments_that_are_repeated_in_headers_are_compared() {
    let modern = Modern::start();
    let call = |arguments: Value, headers: &[(&'static str, &'static str)]| {
        let params = json!({ "name": "test_custom_headers", "arguments": arguments });
        let request = modern.request("tools/call", params);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let arguments = json!({ "region": "eu ", "count": 42, "dry": true });
    let region = ("Mcp-Param-Region", "=?base64?ZXUg?=");
    let good = call(arguments.clone(), &[region, ("mcp-param-count", "42.0"), ("MCP-PARAM-DRY", "true")]);
    assert_eq!(read(good.send().await.unwrap()).await.0, StatusCode::OK);
    let bad = [
        call(arguments.clone(), &[region, ("Mcp-Param-Count", "42")]),
        call(arguments.clone(), &[region, ("Mcp-Param-Count", "43"), ("Mcp-Param-Dry", "true")]),
        call(json!({ "region": "eu" }), &[("Mcp-Param-Region", "us")]),
        call(json!({ "region": null }), &[("Mcp-Param-Region", "us")]),
    ];
    for request in bad {
        let (status, error) = error(request).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32020)), "{error}");
    }
    let none = call(json!({}), &[("Mcp-Param-Other", "is nobody's business")]);
    assert_eq!(read(none.send().await.unwrap()).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_request_says_its_revision_and_what_the_client_offers() {
    let modern = Modern::start();
    let with = |meta: Value| modern.bare("tools/list", &message("tools/list", json!({ "_meta": meta })));
    let (version, offers) =
        ("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities");
    let level = "io.modelcontextprotocol/logLevel";
    for (meta, code) in [
        (json!(null), -32602),
        (json!({ offers: {} }), -32602),
        (json!({ version: "2026-07-28" }), -32602),
        (json!({ version: "2026-07-28", offers: [] }), -32602),
        (json!({ version: "2026-07-28", offers: {}, level: "loud" }), -32602),
        (json!({ version: "2026-07-28", offers: {}, "progressToken": {} }), -32602),
        (json!({ version: "2026-07-28", offers: {}, "progressToken": 1.5 }), -32602),
        (json!({ version: "2026-07-28", offers: {}, "progressToken": "x".repeat(257) }), -32602),
        (json!({ version: "2099-01-01", offers: {} }), -32020),
    ] {
        let (status, error) = error(with(meta.clone())).await;
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{meta}: {error}");
    }
    let anonymous = with(json!({ version: "2026-07-28", offers: {} }));
    assert_eq!(read(anonymous.send().await.unwrap()).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_revision_that_is_not_spoken_is_refused_with_those_that_are() {
    let modern = Modern::start();
    let of = |version: &str| {
        let meta = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": version } });
        let message = message("server/discover", with_meta(meta, json!({})));
        let request = modern.client.post(&modern.url).header("Mcp-Method", "server/discover");
        request.header("MCP-Protocol-Version", version).json(&message)
    };
    let (status, refused) = error(of("2099-01-01")).await;
    assert_eq!((status, &refused["code"]), (400, &json!(-32022)));
    assert_eq!(refused["data"]["requested"], "2099-01-01");
    assert!(refused["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    // It is spoken, but not like this; the error is none that says "modern", so that clients fall back to `initialize`.
    let (status, error) = error(of("2025-11-25")).await;
    assert_eq!((status, &error["code"]), (400, &json!(-32602)));
    assert!(error["message"].as_str().unwrap().contains("initialize"), "{error}");
}

#[actix_web::test]
async fn methods_that_are_not_there_are_404_and_say_whose_answer_it_is() {
    let modern = Modern::start();
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/get", "no/such"] {
        let (status, answer) = read(modern.request(method, json!({})).send().await.unwrap()).await;
        assert_eq!((status.as_u16(), &answer["id"]), (404, &json!(1)), "{method}");
        assert_eq!(answer["error"]["code"], -32601, "{method}");
    }
}

#[actix_web::test]
async fn things_that_are_not_there_are_named() {
    let modern = Modern::start();
    let (status, error) = modern.refused("tools/call", json!({ "name": "no-such" })).await;
    assert_eq!(
        (status, &error["code"], &error["data"]["param"]),
        (400, &json!(-32602), &json!("params.name"))
    );
    let (_, error) = modern.refused("resources/read", json!({ "uri": "test://no-such" })).await;
    assert_eq!((&error["code"], &error["data"]["uri"]), (&json!(-32602), &json!("test://no-such")));
    let (_, error) = modern.refused("prompts/get", json!({ "name": "no-such" })).await;
    assert_eq!(error["code"], -32602);
    let (_, error) = modern.refused("tools/list", json!({ "cursor": "no-such" })).await;
    assert_eq!((&error["code"], &error["data"]["param"]), (&json!(-32602), &json!("params.cursor")));
}

#[actix_web::test]
async fn only_requests_are_answered_and_only_one_at_a_time() {
    let modern = Modern::start();
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let response = modern.bare("notifications/cancelled", &note).send().await.unwrap();
    assert_eq!((response.status(), response.text().await.unwrap().len()), (StatusCode::ACCEPTED, 0));
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    let batch = json!([message("tools/list", with_meta(json!({}), json!({})))]);
    for body in [answer, batch, json!({ "id": 1 }), json!([]), json!(7)] {
        let (status, error) = error(modern.bare("tools/list", &body)).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32600)), "{body}");
    }
    let broken = modern.bare("tools/list", &json!({})).body("{");
    assert_eq!(error(broken).await.1["code"], -32700);
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = modern.client.request(method, &modern.url);
        let response = request.header("MCP-Protocol-Version", "2026-07-28").send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["allow"].to_str().unwrap()),
            (405, "POST")
        );
    }
}

#[actix_web::test]
async fn a_notification_says_one_thing_or_is_refused() {
    let modern = Modern::start();
    let note = |version: &str| {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": version });
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "_meta": meta } })
    };
    let good = modern.bare("notifications/cancelled", &note("2026-07-28"));
    assert_eq!(good.send().await.unwrap().status(), StatusCode::ACCEPTED);
    for (method, version, code) in [
        ("tools/call", "2026-07-28", -32020),
        ("notifications/cancelled", "2099-01-01", -32020),
        ("notifications/cancelled", "2025-11-25", -32020),
    ] {
        let (status, answer) = read(modern.bare(method, &note(version)).send().await.unwrap()).await;
        assert_eq!((status.as_u16(), &answer["error"]["code"]), (400, &json!(code)), "{method} {version}");
        assert!(answer.get("id").is_none(), "{answer}");
    }
    // Its headers need not be there; what it says itself is looked at all the same.
    let alone = modern.client.post(&modern.url).json(&note("2099-01-01"));
    assert_eq!(error(alone).await.1["code"], -32022);
}

#[actix_web::test]
async fn a_list_is_no_object() {
    let modern = Modern::start();
    let reference = json!({ "type": "ref/prompt", "name": "test_prompt_with_arguments" });
    let argument = json!({ "name": "arg1", "value": "par" });
    for (params, param) in [
        (json!({ "ref": reference, "argument": ["arg1", "par"] }), "params.argument"),
        (json!({ "ref": ["ref/prompt", "test_prompt_with_arguments"], "argument": argument }), "params.ref"),
        (json!({ "ref": reference, "argument": argument, "context": [{}] }), "params.context"),
    ] {
        let (status, error) = modern.refused("completion/complete", params.clone()).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)), "{params}");
        assert_eq!(error["data"]["param"], param);
    }
}

#[actix_web::test]
async fn a_message_that_is_too_large_or_too_deep_is_refused() {
    let modern = Modern::with("one", |config| config.mcp.max_message_bytes = 200_000);
    let large = modern.call("test_simple_text", json!({ "more": "x".repeat(300_000) }));
    assert_eq!(large.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}1{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    let deep = modern.bare("tools/list", &json!({})).body(deep);
    assert_eq!(deep.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        modern.result("tools/call", json!({ "name": "test_simple_text" })).await["resultType"],
        "complete"
    );
}

#[actix_web::test]
async fn a_client_takes_both_kinds_of_answers() {
    let modern = Modern::start();
    let list = message("tools/list", with_meta(json!({}), json!({})));
    let accepting = |accept: &'static str| {
        let request = modern.client.post(&modern.url).header("Accept", accept).json(&list);
        request.header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", "tools/list")
    };
    for accept in ["application/json", "text/event-stream", "text/html"] {
        assert_eq!(error(accepting(accept)).await.0, 406, "{accept}");
    }
    assert_eq!(accepting("text/*, application/json").send().await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn progress_is_told_to_whoever_wants_it_before_the_answer() {
    let modern = Modern::start();
    let token = json!({ "_meta": { "progressToken": "p" } });
    let events = Events::of(modern.call("test_tool_with_progress", token)).await.all().await;
    let told: Vec<_> =
        events.iter().map(|it| (&it["params"]["progressToken"], &it["params"]["progress"])).collect();
    let p = &json!("p");
    assert_eq!(told[..3], [(p, &json!(0.0)), (p, &json!(50.0)), (p, &json!(100.0))]);
    assert_eq!(
        (events.len(), &events[3]["id"], &events[3]["result"]["resultType"]),
        (4, &json!(1), &json!("complete"))
    );
    let silent = modern.result("tools/call", json!({ "name": "test_tool_with_progress" })).await;
    assert_eq!(silent["resultType"], "complete");
}

#[actix_web::test]
async fn logs_are_told_only_at_the_level_that_the_request_says() {
    let modern = Modern::start();
    let at = |level: &str| {
        modern
            .call("test_tool_with_logging", json!({ "_meta": { "io.modelcontextprotocol/logLevel": level } }))
    };
    let events = Events::of(at("info")).await.all().await;
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[0]["params"],
        json!({ "level": "info", "logger": "test", "data": "Tool execution started" })
    );
    assert_eq!(read(at("error").send().await.unwrap()).await.1["result"]["resultType"], "complete");
    let unasked = modern.result("tools/call", json!({ "name": "test_tool_with_logging" })).await;
    assert_eq!(unasked["resultType"], "complete");
}

#[actix_web::test]
async fn whoever_closes_the_stream_calls_the_request_off() {
    let modern = Modern::start();
    for beside in [json!({ "_meta": { "progressToken": 1 } }), json!({})] {
        let mut events = Events::of(modern.call("wait", beside.clone())).await;
        if beside != json!({}) {
            assert_eq!(events.next().await.unwrap()["params"]["progress"], 1.0);
        }
        assert!(modern.dropped.lock().unwrap().try_recv().is_err(), "it still runs");
        drop(events);
        let dropped = std::future::poll_fn(|context| modern.dropped.lock().unwrap().poll_recv(context));
        tokio::time::timeout(std::time::Duration::from_secs(10), dropped).await.expect("it is called off");
    }
}

#[actix_web::test]
async fn a_request_that_takes_too_long_ends_with_words() {
    let modern = Modern::with("one", |config| config.mcp.call_timeout_ms = 300);
    let events = Events::of(modern.call("wait", json!({}))).await.all().await;
    assert_eq!((events.len(), &events[0]["error"]["code"]), (1, &json!(504)), "{events:?}");
    assert_eq!(events[0]["error"]["data"]["code"], "timeout");
}

#[actix_web::test]
async fn the_time_of_a_request_runs_while_its_client_reads_nothing() {
    let modern = Modern::with("one", |config| config.mcp.call_timeout_ms = 1_000);
    let token = json!({ "_meta": { "progressToken": 1 } });
    // More than the sockets in between can take.
    let unread = modern.call("flood", token).send().await.unwrap();
    let dropped = std::future::poll_fn(|context| modern.dropped.lock().unwrap().poll_recv(context));
    tokio::time::timeout(std::time::Duration::from_secs(10), dropped).await.expect("its time is over");
    drop(unread);
}
