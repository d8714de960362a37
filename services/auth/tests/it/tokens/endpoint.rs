//! How `/auth/token` reads what it is sent, and how it says no.

use outcrop_types::Role;
use serde_json::json;

use super::gate::{Gate, PASSWORD, password_form, send};
use super::log;

#[actix_web::test]
async fn forms_and_json_are_read_alike() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let mut form = password_form("ada", PASSWORD).to_vec();
    form.push(("audience", "unknown parameters of a form are passed over"));
    gate.replica.grant(&form).await.expect(200);
    let body = json!({ "grant_type": "password", "username": "ada", "password": PASSWORD, "scope": null });
    gate.replica.post("/auth/token", &body).await.expect(200);
}

#[actix_web::test]
async fn what_does_not_read_is_named() {
    let gate = Gate::open().await;
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let large = format!("grant_type=password&x={}", "x".repeat(64 * 1024));
    for (kind, body, status, word, told) in [
        (FORM, "", 400, "invalid_request", "grant_type"),
        (FORM, "grant_type=", 400, "invalid_request", "grant_type"),
        (FORM, "grant_type=implicit", 400, "unsupported_grant_type", "implicit"),
        (FORM, "grant_type=password", 400, "invalid_request", "username"),
        (FORM, "grant_type=password&username=ada", 400, "invalid_request", "password"),
        (FORM, "grant_type=refresh_token", 400, "invalid_request", "refresh_token"),
        (FORM, "grant_type=password&grant_type=refresh_token", 400, "invalid_request", "grant_type"),
        (FORM, "grant_type=client_credentials", 401, "invalid_client", "client"),
        (FORM, &large, 413, "invalid_request", "65536"),
        (JSON, "", 400, "invalid_request", "JSON"),
        (JSON, "[]", 400, "invalid_request", "JSON"),
        (JSON, r#"{"grant_type":"password","grant_type":"password"}"#, 400, "invalid_request", "grant_type"),
        (JSON, r#"{"grant_type":7}"#, 400, "invalid_request", "grant_type"),
        (JSON, r#"{"colour":"red"}"#, 400, "invalid_request", "colour"),
        (JSON, r#"{"scope":[[[[[[[[["x"]]]]]]]]]}"#, 400, "invalid_request", "nested"),
        ("text/plain", "grant_type=password", 415, "invalid_request", "x-www-form-urlencoded"),
        ("multipart/form-data; boundary=x", "x", 415, "invalid_request", "x-www-form-urlencoded"),
    ] {
        let request = gate.replica.request(reqwest::Method::POST, "/auth/token");
        let answer = send(request.header("content-type", kind).body(body.to_owned())).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!((answer.refused(status), answer.header("cache-control")), (word, "no-store"), "{shown}");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.contains(told), "{shown}: {description}");
    }
}

#[actix_web::test]
async fn no_answer_repeats_a_password() {
    let gate = Gate::open().await;
    let secret = "a secret that must not be repeated";
    for body in [
        json!({ "grant_type": "password", "username": "ada", "password": [secret] }),
        json!({ "grant_type": "password", "username": "ada", "password": { "x": secret } }),
        json!({ "grant_type": "refresh_token", "refresh_token": secret }),
        json!({ "grant_type": "client_credentials", "client_id": "x", "client_secret": secret }),
        json!({ "grant_type": "aws_iam", "aws_iam_token": secret }),
    ] {
        let answer = gate.replica.post("/auth/token", &body).await;
        assert!(matches!(answer.status, 400 | 401), "{answer:#?}");
        assert!(!answer.body.to_string().contains(secret), "{answer:#?}");
    }
    for wrong in
        [json!([secret]), json!({ secret: secret }), json!(271_828_182_845_i64), json!(-2.5), json!(true)]
    {
        for (path, field) in
            [("/auth/login", "password"), ("/auth/password", "password"), ("/auth/logout", "refresh_token")]
        {
            let answer = gate.replica.post(path, &json!({ field: wrong })).await;
            assert_eq!(answer.body["detail"], format!("`{field}` must be a string."), "{path} {wrong}");
            assert_eq!(answer.status, 400, "{answer:#?}");
        }
    }
}

#[actix_web::test]
async fn a_body_that_is_no_object_is_quoted_nowhere() {
    log::keep();
    let gate = Gate::open().await;
    for (number, body) in
        [r#""hunter2-secret""#, r#"["hunter2-secret"]"#, r#"{"password":"hunter2-secret"#, "hunter2-secret"]
            .into_iter()
            .enumerate()
    {
        for path in ["/auth/token", "/auth/login", "/auth/logout", "/auth/password"] {
            let id = format!("quoted-nowhere-{number}{}", path.replace('/', "-"));
            let request = gate.replica.request(reqwest::Method::POST, path).header("x-request-id", &id);
            let answer = send(request.header("content-type", "application/json").body(body)).await;
            assert_eq!(answer.status, 400, "{answer:#?}");
            assert!(!answer.body.to_string().contains("hunter2"), "{path} {body}: {answer:#?}");
            let lines = log::lines_of(&id);
            assert!(!lines.is_empty() && !lines.iter().any(|it| it.contains("hunter2")), "{lines:#?}");
        }
    }
}

#[actix_web::test]
async fn another_method_is_refused() {
    let gate = Gate::open().await;
    let status = gate.replica.get("/auth/token").await.status;
    assert!(matches!(status, 404 | 405), "{status}");
}
