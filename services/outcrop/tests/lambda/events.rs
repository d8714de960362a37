//! Events as the addresses in front of a function send them, in the documented shapes:
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use base64::Engine as _;
use serde_json::{Value, json};

/// Who calls, as the address in front has seen it.
pub(crate) const CALLER: &str = "203.0.113.7";

/// What stands in front.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Front {
    FunctionUrl,
    HttpApi,
    RestApi,
    Alb,
}

/// A request.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn get(path: &'a str, key: Option<&'a str>) -> Self {
        Self { method: "GET", path, query: "", key, body: None }
    }

    pub(crate) const fn post(path: &'a str, key: Option<&'a str>, body: Value) -> Self {
        Self { method: "POST", path, query: "", key, body: Some(body) }
    }
}

impl Front {
    pub(crate) fn event(self, asked: &Asked<'_>) -> Value {
        match self {
            Self::FunctionUrl => version_2(asked, "abcdefghij.lambda-url.eu-central-1.on.aws", true),
            Self::HttpApi => version_2(asked, "abcdefghij.execute-api.eu-central-1.amazonaws.com", false),
            Self::RestApi => rest(asked),
            Self::Alb => alb(asked),
        }
    }
}

fn headers(asked: &Asked<'_>, host: &str) -> Value {
    let mut headers = json!({
        "accept": "*/*",
        "content-type": "application/json",
        "host": host,
        "user-agent": "test",
        "x-amzn-trace-id": "Root=1-5eb33c07-de25b420912dee103a5db434",
        "x-forwarded-for": CALLER,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    if let Some(key) = asked.key {
        headers["authorization"] = json!(format!("Bearer {key}"));
    }
    headers
}

/// Function URLs send bodies of JSON as they are; base64 is what they and API Gateway use where in doubt.
fn version_2(asked: &Asked<'_>, host: &str, plain: bool) -> Value {
    let text = asked.body.as_ref().map(Value::to_string);
    let body = text.map(|text| if plain { text } else { base64::prelude::BASE64_STANDARD.encode(text) });
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": asked.path,
        "rawQueryString": asked.query,
        "headers": headers(asked, host),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": host,
            "domainPrefix": "abcdefghij",
            "http": {
                "method": asked.method, "path": asked.path, "protocol": "HTTP/1.1", "sourceIp": CALLER,
                "userAgent": "test",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_348_800_000_u64,
        },
        "body": body,
        "isBase64Encoded": body.is_some() && !plain,
    })
}

/// A proxy for every path, in the stage `prod` (payload version 1.0): everything stands there once by name and once as a list.
fn rest(asked: &Asked<'_>) -> Value {
    let host = "abcdefghij.execute-api.eu-central-1.amazonaws.com";
    let headers = headers(asked, host);
    let lists = |values: &Value| {
        let values = values.as_object().into_iter().flatten();
        values.map(|(name, value)| (name.clone(), json!([value]))).collect::<serde_json::Map<_, _>>()
    };
    let query = Value::from(query(asked));
    let staged = format!("/prod{}", asked.path);
    json!({
        "resource": "/{proxy+}",
        "path": asked.path,
        "httpMethod": asked.method,
        "multiValueHeaders": lists(&headers),
        "headers": headers,
        // API Gateway says null where there are none.
        "multiValueQueryStringParameters": (!asked.query.is_empty()).then(|| lists(&query)),
        "queryStringParameters": (!asked.query.is_empty()).then_some(query),
        "pathParameters": { "proxy": asked.path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": host,
            "domainPrefix": "abcdefghij",
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "httpMethod": asked.method,
            "identity": { "sourceIp": CALLER, "userAgent": "test" },
            "path": staged,
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "22/Nov/2026:12:00:00 +0000",
            "requestTimeEpoch": 1_795_348_800_000_u64,
            "resourceId": "abcdef",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": asked.body.as_ref().map(Value::to_string),
        "isBase64Encoded": false,
    })
}

fn query(asked: &Asked<'_>) -> serde_json::Map<String, Value> {
    let pairs = asked.query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn alb(asked: &Asked<'_>) -> Value {
    let query = query(asked);
    let group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/outcrop/0123456789abcdef";
    json!({
        "requestContext": { "elb": { "targetGroupArn": group } },
        "httpMethod": asked.method,
        "path": asked.path,
        "queryStringParameters": query,
        "headers": headers(asked, "outcrop-123.eu-central-1.elb.amazonaws.com"),
        "body": asked.body.as_ref().map(Value::to_string).unwrap_or_default(),
        "isBase64Encoded": false,
    })
}
