//! Credentials are looked at, not verified: any key works, but a request without one is refused as AWS refuses it,
//! and so is a signature for another service, since that mistake only shows against the real one.

use crate::errors::{Exception, Refusal};

/// What the credentials say beside who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed<'a> {
    /// The region of the credential scope.
    pub(crate) region: Option<&'a str>,
}

/// Reads the `Authorization` header, or the credential of a presigned URL's query.
pub(crate) fn check<'a>(authorization: Option<&'a str>, query: &'a str) -> Result<Signed<'a>, Refusal> {
    let Some(header) = authorization else {
        let presigned = query.split('&').find_map(|it| it.strip_prefix("X-Amz-Credential="));
        return match presigned {
            Some(_) => Ok(Signed { region: None }),
            None => Err(Refusal::new(Exception::MissingAuthenticationToken, "Missing Authentication Token")),
        };
    };
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") && !rest.trim().is_empty() {
        return Ok(Signed { region: None });
    }
    if !scheme.starts_with("AWS4-") {
        let message =
            "Authorization header requires 'Credential' parameter and an AWS signature, or a bearer token.";
        return Err(Refusal::new(Exception::MissingAuthenticationToken, message));
    }
    // Credential=KEY/20261121/us-east-1/bedrock/aws4_request
    let credential = rest.split(',').find_map(|it| it.trim().strip_prefix("Credential="));
    let mut scope = credential.unwrap_or_default().rsplit('/');
    match (scope.next(), scope.next(), scope.next()) {
        (Some("aws4_request"), Some("bedrock"), Some(region)) => Ok(Signed { region: Some(region) }),
        (Some("aws4_request"), Some(_), _) => Err(Refusal::new(
            Exception::InvalidSignature,
            "Credential should be scoped to correct service: 'bedrock'.",
        )),
        _ => Err(Refusal::new(
            Exception::InvalidSignature,
            "Credential must have a region, a service and a terminator.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(header: Option<&str>, expected: Result<Option<&str>, Exception>) {
        assert_eq!(check(header, "").map(|it| it.region).map_err(|it| it.exception), expected);
    }

    #[test]
    fn credentials_are_wanted_but_not_verified() {
        let scope = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };
        check_header(None, Err(Exception::MissingAuthenticationToken));
        check_header(Some("Bearer key"), Ok(None));
        check_header(Some("Basic x"), Err(Exception::MissingAuthenticationToken));
        check_header(Some(&scope("bedrock")), Ok(Some("eu-west-1")));
        check_header(Some(&scope("bedrock-runtime")), Err(Exception::InvalidSignature));
        check_header(Some("AWS4-HMAC-SHA256 nothing"), Err(Exception::InvalidSignature));
        assert!(check(None, "a=b&X-Amz-Credential=AKID").is_ok());
    }
}
