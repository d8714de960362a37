//! Every failure in every dialect.

use std::fmt::Write as _;

use outcrop_types::ErrorCode;
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, render, render_with};

use crate::show;

const DIALECTS: [Dialect; 6] =
    [Dialect::OpenAi, Dialect::Outcrop, Dialect::Anthropic, Dialect::Bedrock, Dialect::Mcp, Dialect::OAuth];

const CODES: [ErrorCode; 16] = [
    ErrorCode::InvalidRequest,
    ErrorCode::Unauthenticated,
    ErrorCode::Forbidden,
    ErrorCode::NotFound,
    ErrorCode::ModelNotFound,
    ErrorCode::MethodNotAllowed,
    ErrorCode::TooSlow,
    ErrorCode::Conflict,
    ErrorCode::Gone,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
    ErrorCode::Upstream,
    ErrorCode::Unavailable,
    ErrorCode::Timeout,
];

#[test]
fn each_dialect_has_its_words() {
    for dialect in DIALECTS {
        let mut shown = String::new();
        for code in CODES {
            let error =
                ErrorBody { code, message: "What \"happened\".".into(), param: None, request_id: None };
            let rendered = render(dialect, &error);
            let body = String::from_utf8(rendered.body).unwrap();
            writeln!(shown, "{} {} {body} {:?}", code.status(), rendered.content_type, rendered.headers)
                .unwrap();
        }
        show::check(&format!("errors__{}", dialect.name()), &shown);
    }
}

#[test]
fn fields_and_ids_have_their_place() {
    let mut shown = String::new();
    for dialect in DIALECTS {
        let error = ErrorBody {
            code: ErrorCode::InvalidRequest,
            message: "It must be text.".into(),
            param: Some("messages[0].content".into()),
            request_id: Some("req-1".into()),
        };
        let rendered = render(dialect, &error);
        let body = String::from_utf8(rendered.body).unwrap();
        writeln!(shown, "{}: {body} {:?}", dialect.name(), rendered.headers).unwrap();
    }
    show::check("errors_with_param_and_id", &shown);
}

#[test]
fn oauth_and_openai_have_words_of_their_own_for_a_failure() {
    let error = ErrorBody {
        code: ErrorCode::InvalidRequest,
        message: "\"ocr_…\" is no \\ good".into(),
        param: None,
        request_id: Some("req-1".into()),
    };
    let rendered = render_with(Dialect::OAuth, &error, Some("invalid_grant"));
    let body = String::from_utf8(rendered.body).unwrap();
    let expected =
        r#"{"error":"invalid_grant","error_description":"'ocr_?' is no / good","request_id":"req-1"}"#;
    assert_eq!((rendered.content_type, body.as_str()), ("application/json", expected));
    let rendered = render_with(Dialect::OpenAi, &error, Some("previous_response_not_found"));
    let body: serde_json::Value = serde_json::from_slice(&rendered.body).unwrap();
    assert_eq!(body["error"]["code"], "previous_response_not_found");
    let others = |dialect: &Dialect| !matches!(dialect, Dialect::OAuth | Dialect::OpenAi);
    for dialect in DIALECTS.into_iter().filter(others) {
        assert_eq!(render_with(dialect, &error, Some("invalid_grant")), render(dialect, &error));
    }
}
