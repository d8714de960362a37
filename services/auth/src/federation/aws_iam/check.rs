//! What must be true of a signed request before it is sent anywhere.
//!
//! The client chooses address, headers and body of a request that this server will send; so each of them must be what
//! a `GetCallerIdentity` request to AWS has, to the letter. What is signed is then what AWS checks. A signature that
//! the header `x-outcrop-server-id` does not bind to this server was made for somebody else, who must not be able to
//! use it here.

mod place;
mod presigned;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use outcrop_ports::OutboundMethod;

use self::place::{region_of, split};
use self::presigned::of_get;
use super::request::SignedRequest;
use super::{ACTION, AwsIamError};

/// The header that names this server.
const SERVER_ID: &str = "x-outcrop-server-id";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far the client's clock may be from ours; as far as AWS lets it.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Longest that a presigned address may be good for, seconds.
const MAX_EXPIRES_S: i64 = 900;

/// Longest time from the first moment a signature is taken here to the last.
pub(super) const MAX_LIFE_S: u64 = 5 * 60 + 900;

/// The headers that such a request may have besides [`SERVER_ID`]; those that `POST` alone may.
const HEADERS: [&str; 3] = ["host", "user-agent", "content-length"];
const POST_HEADERS: [&str; 9] = [
    "authorization",
    "content-type",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-user-agent",
    "x-amzn-trace-id",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
];

/// What need not be signed: the signature itself, what says nothing of the caller, and what is not sent on.
const UNSIGNED: [&str; 4] = ["authorization", "content-type", "content-length", "user-agent"];

/// A request that may be sent on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// The host of AWS STS that it was signed for.
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
    /// What to send with it.
    pub(super) headers: Vec<(String, String)>,
    /// The signature, 64 hexadecimal digits.
    pub(super) signature: String,
}

/// What a signature says of itself.
struct Signature<'a> {
    credential: &'a str,
    signed: Vec<&'a str>,
    hex: &'a str,
}

/// Checks all of it. Nothing of a request that is refused here leaves this process.
pub(super) fn check(
    request: &SignedRequest,
    server_id: &str,
    now: DateTime<Utc>,
) -> Result<Checked, AwsIamError> {
    let (host, query) = split(&request.url)?;
    let region = region_of(host).ok_or(AwsIamError::Malformed(
        "the signed request must be for AWS STS: https://sts.<region>.amazonaws.com/",
    ))?;
    let post = request.method == OutboundMethod::Post;
    let (signature, date) = if post { of_post(request, query, now)? } else { of_get(request, query, now)? };
    check_scope(&signature, &date, region)?;
    check_headers(request, &signature, post, host)?;
    if request.header(SERVER_ID) != Some(server_id) {
        return Err(AwsIamError::Malformed(
            "the signed header `x-outcrop-server-id` must have this server's id as its value",
        ));
    }
    let is_sent =
        |name: &str| name != "content-length" && (name != "user-agent" || signature.signed.contains(&name));
    let mut headers: Vec<_> = request.headers.iter().filter(|(name, _)| is_sent(name)).cloned().collect();
    if request.header("host").is_none() {
        headers.push(("host".to_owned(), host.to_owned()));
    }
    let target = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
    Ok(Checked { host: host.to_owned(), target, headers, signature: signature.hex.to_owned() })
}

/// A request signed in its `Authorization` header.
fn of_post<'a>(
    request: &'a SignedRequest,
    query: &str,
    now: DateTime<Utc>,
) -> Result<(Signature<'a>, String), AwsIamError> {
    if !query.is_empty() {
        return Err(AwsIamError::Malformed("a signed POST has no query"));
    }
    if request.body != ACTION && request.body != "Version=2011-06-15&Action=GetCallerIdentity" {
        return Err(AwsIamError::Malformed(
            "the body of the signed request must be `Action=GetCallerIdentity&Version=2011-06-15`",
        ));
    }
    let form = request.header("content-type").map(|text| text.split(';').next().unwrap_or_default().trim());
    if form != Some("application/x-www-form-urlencoded") {
        return Err(AwsIamError::Malformed(
            "the signed request's `content-type` must be `application/x-www-form-urlencoded`",
        ));
    }
    let length = request.header("content-length");
    if length.is_some_and(|length| length != request.body.len().to_string()) {
        return Err(AwsIamError::Malformed("the signed request's `content-length` is not that of its body"));
    }
    let date = request
        .header("x-amz-date")
        .ok_or(AwsIamError::Malformed("the signed request has no header `x-amz-date`"))?;
    if (now - moment(date)?).abs() > MAX_SKEW {
        return Err(AwsIamError::Malformed(
            "the signed request was not made within the last 5 minutes; make a new one for every login, and check the clock",
        ));
    }
    let authorization = request
        .header("authorization")
        .ok_or(AwsIamError::Malformed("the signed request has no header `authorization`"))?;
    let signature = authorized(authorization).ok_or(AwsIamError::Malformed(
        "the signed request's `authorization` is not an AWS4-HMAC-SHA256 signature",
    ))?;
    if !signature.signed.contains(&"x-amz-date") {
        return Err(AwsIamError::Malformed("the signed headers must hold `x-amz-date`"));
    }
    Ok((signature, date.to_owned()))
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, each once, in any order.
fn authorized(text: &str) -> Option<Signature<'_>> {
    let parts = text.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
    let (mut credential, mut signed, mut hex) = (None, None, None);
    for part in parts.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed,
            "Signature" => &mut hex,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Signature { credential: credential?, signed: signed?.split(';').collect(), hex: hex? })
}

/// The signature is by AWS credentials, for STS, in the host's region, of the request's day.
fn check_scope(signature: &Signature<'_>, date: &str, region: &str) -> Result<(), AwsIamError> {
    let credential = signature.credential.replace("%2F", "/").replace("%2f", "/");
    let parts: Vec<&str> = credential.split('/').collect();
    let [key, day, for_region, "sts", "aws4_request"] = parts[..] else {
        return Err(AwsIamError::Malformed("the signature's scope must be that of the service `sts`"));
    };
    if for_region != region {
        return Err(AwsIamError::Malformed(
            "the signature's region must be that of the host; it is us-east-1 for sts.amazonaws.com",
        ));
    }
    let fits = (16..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !fits || date.get(..8) != Some(day) {
        return Err(AwsIamError::Malformed("the signature's credential does not fit its date"));
    }
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if signature.hex.len() != 64 || !signature.hex.bytes().all(hex) {
        return Err(AwsIamError::Malformed("the signature is not 64 hexadecimal digits"));
    }
    Ok(())
}

/// All headers are known ones and signed, and what must be signed is.
fn check_headers(
    request: &SignedRequest,
    signature: &Signature<'_>,
    post: bool,
    host: &str,
) -> Result<(), AwsIamError> {
    for needed in ["host", SERVER_ID] {
        if !signature.signed.contains(&needed) {
            return Err(AwsIamError::Malformed(
                "the signed headers must hold `host` and `x-outcrop-server-id`",
            ));
        }
    }
    for (name, _) in &request.headers {
        let name = name.as_str();
        let known = name == SERVER_ID || HEADERS.contains(&name) || (post && POST_HEADERS.contains(&name));
        if !known {
            return Err(AwsIamError::Malformed(
                "the signed request has a header that such a request does not need",
            ));
        }
        if !signature.signed.contains(&name) && !UNSIGNED.contains(&name) {
            return Err(AwsIamError::Malformed("the signed request has a header that is not signed"));
        }
    }
    let absent = |name: &&str| *name != "host" && request.header(name).is_none();
    if signature.signed.iter().any(absent) {
        return Err(AwsIamError::Malformed("a header that is signed is not given"));
    }
    if request.header("host").is_some_and(|given| given != host) {
        return Err(AwsIamError::Malformed("the header `host` is not the host of the address"));
    }
    Ok(())
}

/// `20260131T235959Z`.
fn moment(text: &str) -> Result<DateTime<Utc>, AwsIamError> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let shaped = text.len() == 16 && digits(0..8) && digits(9..15);
    let read = shaped.then(|| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()).flatten();
    read.map(|it| it.and_utc()).ok_or(AwsIamError::Malformed("the date of the signed request does not read"))
}
