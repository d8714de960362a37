//! The forms that members of a job's description must have, as the service model's patterns say them.

use crate::errors::Refusal;

/// Refuses a text that is not of its form.
pub(crate) fn of_form(
    member: &str,
    text: &str,
    longest: usize,
    pattern: &str,
    fits: impl FnOnce(&str) -> bool,
) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length > longest {
        let constraint = format!("Member must have length less than or equal to {longest}");
        return Err(Refusal::constraint(member, Some(text), &constraint));
    }
    if fits(text) {
        return Ok(());
    }
    let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
    Err(Refusal::constraint(member, Some(text), &constraint))
}

/// `jobName`.
pub(crate) fn job_name(name: &str) -> Result<(), Refusal> {
    let pattern = r"[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63}";
    of_form("jobName", name, 63, pattern, |name| {
        name.starts_with(|it: char| it.is_ascii_alphanumeric())
            && name.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
    })
}

/// `clientRequestToken`.
pub(crate) fn token(token: &str) -> Result<(), Refusal> {
    let pattern = "[a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256}";
    of_form("clientRequestToken", token, 256, pattern, |token| {
        let ends = |it: char| it.is_ascii_alphanumeric();
        token.starts_with(ends)
            && token.ends_with(ends)
            && token.chars().all(|it| it.is_ascii_alphanumeric() || it == '-')
    })
}

/// `roleArn`.
pub(crate) fn role(arn: &str) -> Result<(), Refusal> {
    let pattern = "arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+";
    of_form("roleArn", arn, 2048, pattern, |arn| {
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let &[start, partition, "iam", "", account, resource] = &parts[..] else { return false };
        start == "arn"
            && (partition == "aws" || partition.strip_prefix("aws-").is_some_and(|it| !it.is_empty()))
            && (account.is_empty() || is_account(account))
            && resource.strip_prefix("role/").is_some_and(|it| !it.is_empty())
    })
}

/// An `s3Uri`: its bucket and its key, without a slash at the end.
pub(crate) fn s3_uri<'a>(member: &str, uri: &'a str) -> Result<(&'a str, &'a str), Refusal> {
    let pattern =
        "s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](?:/[-!_*'().a-z0-9A-Z]+(?:/[-!_*'().a-z0-9A-Z]+)*)?/?";
    of_form(member, uri, 1024, pattern, |uri| parts(uri).is_some())?;
    parts(uri).ok_or_else(|| Refusal::validation("The provided S3 URI is invalid."))
}

fn parts(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (bucket, key) = rest.split_once('/').map_or((rest, None), |(bucket, key)| (bucket, Some(key)));
    let ends = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let named = (3..=63).contains(&bucket.len())
        && bucket.starts_with(ends)
        && bucket.ends_with(ends)
        && bucket.chars().all(|it| ends(it) || "-.".contains(it));
    let good = |part: &str| {
        !part.is_empty() && part.chars().all(|it| it.is_ascii_alphanumeric() || "-!_*'().".contains(it))
    };
    let keyed = key.is_none_or(|key| key.split('/').all(good));
    (named && keyed).then_some((bucket, key.unwrap_or_default()))
}

/// An account's number.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit())
}

/// The id in a `jobIdentifier`, and the region if it is an ARN.
pub(crate) fn identifier(text: &str) -> Result<(Option<&str>, &str), Refusal> {
    let pattern = "((arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:model-invocation-job/)?[a-z0-9]{12})";
    let arn = crate::models::Arn::parse(text);
    let (region, id) = match &arn {
        Some(arn) if arn.kind == "model-invocation-job" => (Some(arn.region), arn.id),
        _ => (None, text),
    };
    let fits = id.len() == 12 && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    of_form("jobIdentifier", text, 1011, pattern, |_| fits)?;
    Ok((region, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tokens() {
        assert!(job_name("a-b.c+1").is_ok() && job_name(&"a".repeat(63)).is_ok());
        for wrong in ["", "-a", "a_b", "a b", &"a".repeat(64)] {
            assert!(job_name(wrong).is_err(), "{wrong}");
        }
        assert!(token("a--b").is_ok());
        assert!(token("a-").is_err() && token("").is_err() && token("a.b").is_err());
    }

    #[test]
    fn roles() {
        for good in
            ["arn:aws:iam::123456789012:role/x", "arn:aws-us-gov:iam::123456789012:role/service-role/x"]
        {
            assert!(role(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            "role/x",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert!(role(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn places() {
        assert_eq!(s3_uri("x", "s3://bucket/a/b.jsonl").unwrap(), ("bucket", "a/b.jsonl"));
        assert_eq!(s3_uri("x", "s3://bucket/a/").unwrap(), ("bucket", "a"));
        assert_eq!(s3_uri("x", "s3://bucket").unwrap(), ("bucket", ""));
        for wrong in ["bucket/a", "s3://b/a", "s3://Bucket/a", "s3://bucket//a", "s3://bucket/a b"] {
            assert!(s3_uri("x", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn identifiers() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:model-invocation-job/abcdef012345";
        assert_eq!(identifier(arn).unwrap(), (Some("eu-west-1"), "abcdef012345"));
        assert_eq!(identifier("abcdef012345").unwrap(), (None, "abcdef012345"));
        assert!(identifier("ABCDEF012345").is_err() && identifier("x").is_err());
    }
}
