//! A request that is signed in its query.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::request::SignedRequest;
use super::{ALGORITHM, AwsIamError, MAX_EXPIRES_S, MAX_SKEW, Signature, moment};

/// A request signed in its query.
pub(super) fn of_get<'a>(
    request: &SignedRequest,
    query: &'a str,
    now: DateTime<Utc>,
) -> Result<(Signature<'a>, String), AwsIamError> {
    const SHAPE: AwsIamError = AwsIamError::Malformed(
        "the query of a presigned address must be `Action=GetCallerIdentity`, `Version=2011-06-15` and the `X-Amz-*` of its signature, each once",
    );
    if !request.body.is_empty() {
        return Err(AwsIamError::Malformed("a presigned GET has no body"));
    }
    let given = Presigned::read(query).ok_or(SHAPE)?;
    let fixed =
        [(given.action, "GetCallerIdentity"), (given.version, "2011-06-15"), (given.algorithm, ALGORITHM)];
    if fixed.iter().any(|(value, expected)| value != expected) {
        return Err(SHAPE);
    }
    let seconds = given.expires.parse::<i64>().ok().filter(|it| (1..=MAX_EXPIRES_S).contains(it));
    let expires =
        seconds.ok_or(AwsIamError::Malformed("`X-Amz-Expires` of a presigned address is 1 to 900"))?;
    let made = moment(given.date)?;
    if made - now > MAX_SKEW || now > made + TimeDelta::seconds(expires) {
        return Err(AwsIamError::Malformed("the presigned address has expired, or is from the future"));
    }
    let signed =
        given.signed.split("%3B").flat_map(|it| it.split("%3b")).flat_map(|it| it.split(';')).collect();
    Ok((Signature { credential: given.credential, signed, hex: given.hex }, given.date.to_owned()))
}

/// The query of a presigned address, still escaped.
#[derive(Default)]
struct Presigned<'a> {
    action: &'a str,
    version: &'a str,
    algorithm: &'a str,
    credential: &'a str,
    date: &'a str,
    expires: &'a str,
    signed: &'a str,
    hex: &'a str,
    token: &'a str,
}

impl<'a> Presigned<'a> {
    /// `None` if a parameter is missing, empty, twice, or another one.
    fn read(query: &'a str) -> Option<Self> {
        let mut this = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=')?;
            let slot = match name {
                "Action" => &mut this.action,
                "Version" => &mut this.version,
                "X-Amz-Algorithm" => &mut this.algorithm,
                "X-Amz-Credential" => &mut this.credential,
                "X-Amz-Date" => &mut this.date,
                "X-Amz-Expires" => &mut this.expires,
                "X-Amz-SignedHeaders" => &mut this.signed,
                "X-Amz-Signature" => &mut this.hex,
                "X-Amz-Security-Token" => &mut this.token,
                _ => return None,
            };
            if value.is_empty() || !slot.is_empty() {
                return None;
            }
            *slot = value;
        }
        Some(this)
    }
}
