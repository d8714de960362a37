//! What STS says of whoever signed a request.

/// Whom STS knows the signer as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallerIdentity {
    /// The ARN of the role, without its path, or of the user.
    pub(super) arn: String,
    /// What the role's session is called, which whoever assumes the role may choose.
    pub(super) session: Option<String>,
}

/// Why an answer names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is not what STS answers.
    Unreadable(&'static str),
    /// It is, but of somebody who is neither a role nor a user.
    Nobody(&'static str),
}

/// Reads the answer to `GetCallerIdentity`, version 2011-06-15.
///
/// ```xml
/// <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
///   <GetCallerIdentityResult>
///     <Arn>arn:aws:sts::123456789012:assumed-role/app/session</Arn>
///     <UserId>AROAEXAMPLE:session</UserId>
///     <Account>123456789012</Account>
///   </GetCallerIdentityResult>
///   <ResponseMetadata><RequestId>…</RequestId></ResponseMetadata>
/// </GetCallerIdentityResponse>
/// ```
pub(super) fn read(answer: &[u8]) -> Result<CallerIdentity, Odd> {
    let (arn, account) = named(answer).map_err(Odd::Unreadable)?;
    canonical(arn, account)
}

const RESPONSE: &str = "GetCallerIdentityResponse";
const RESULT: &str = "GetCallerIdentityResult";

/// Deepest element read.
const MAX_DEPTH: usize = 8;

/// The ARN and the account in an answer.
fn named(answer: &[u8]) -> Result<(&str, &str), &'static str> {
    let text = std::str::from_utf8(answer).map_err(|_| "the answer is not text")?;
    let (mut arn, mut account) = (None, None);
    for leaf in leaves(text)? {
        let slot = match leaf.path.as_slice() {
            [RESPONSE, RESULT, "Arn"] => &mut arn,
            [RESPONSE, RESULT, "Account"] => &mut account,
            [RESPONSE, ..] => continue,
            _ => return Err("the answer is not one to GetCallerIdentity"),
        };
        if slot.replace(leaf.text).is_some() {
            return Err("the answer says something twice");
        }
    }
    arn.zip(account).ok_or("the answer names no identity")
}

/// The role behind `arn:aws:sts::…:assumed-role/<role>/<session>`; a user as it is. A role's path is not in there.
fn canonical(arn: &str, account: &str) -> Result<CallerIdentity, Odd> {
    const OTHER: Odd =
        Odd::Nobody("the signer is neither a role nor a user: root and federated users are nobody here");
    const NONE: Odd = Odd::Unreadable("the ARN is not one");
    if !arn.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NONE);
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, "", owner, name] = parts[..] else { return Err(NONE) };
    if owner != account || owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Odd::Unreadable("the account does not fit the ARN"));
    }
    let (kind, rest) = name.split_once('/').ok_or(OTHER)?;
    match (service, kind, rest.split_once('/')) {
        ("sts", "assumed-role", Some((role, session))) if !role.is_empty() && !session.contains('/') => {
            let arn = format!("arn:{partition}:iam::{owner}:role/{role}");
            Ok(CallerIdentity { arn, session: Some(session.to_owned()) })
        }
        ("iam", "user", _) if !rest.is_empty() => Ok(CallerIdentity { arn: arn.to_owned(), session: None }),
        _ => Err(OTHER),
    }
}

/// An element that holds text.
struct Leaf<'a> {
    path: Vec<&'a str>,
    text: &'a str,
}

/// All elements that hold text, in order. This is as much of XML as STS writes: what else there is in XML (entities,
/// comments, CDATA, DOCTYPE) is refused, so that nothing is understood in two ways.
fn leaves(text: &str) -> Result<Vec<Leaf<'_>>, &'static str> {
    let mut rest = text.trim();
    if let Some(declared) = rest.strip_prefix("<?xml ") {
        rest = declared.split_once("?>").ok_or("the answer does not read")?.1;
    }
    if rest.contains('&') || rest.contains("<!") || rest.contains("<?") {
        return Err("the answer holds what STS does not write");
    }
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut ended = false;
    while let Some((before, from)) = rest.split_once('<') {
        let (tag, after) = from.split_once('>').ok_or("the answer does not read")?;
        let before = before.trim();
        if let Some(name) = tag.strip_prefix('/') {
            if open.last() != Some(&name) {
                return Err("the answer does not read");
            }
            if !before.is_empty() {
                found.push(Leaf { path: open.clone(), text: before });
            }
            open.pop();
            ended = open.is_empty();
        } else {
            let name = tag.split_ascii_whitespace().next().unwrap_or_default();
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            // Text beside elements, an element that is closed at once, something behind the end.
            if !before.is_empty() || !plain || tag.ends_with('/') || ended || open.len() >= MAX_DEPTH {
                return Err("the answer does not read");
            }
            open.push(name);
        }
        rest = after;
    }
    if ended && open.is_empty() && rest.trim().is_empty() {
        Ok(found)
    } else {
        Err("the answer does not read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
  <GetCallerIdentityResult>
    <Arn>arn:aws:sts::123456789012:assumed-role/app/i-0abc</Arn>
    <UserId>AROAEXAMPLE:i-0abc</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>";

    fn with(from: &str, to: &str) -> Result<CallerIdentity, Odd> {
        assert!(ROLE.contains(from), "{from}");
        read(ROLE.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn a_session_is_its_role_and_a_user_itself() {
        let role = read(ROLE.as_bytes()).unwrap();
        assert_eq!(role.arn, "arn:aws:iam::123456789012:role/app");
        assert_eq!(role.session.as_deref(), Some("i-0abc"));
        let user = with(
            "arn:aws:sts::123456789012:assumed-role/app/i-0abc",
            "arn:aws-cn:iam::123456789012:user/a/b",
        );
        assert_eq!(
            user.unwrap(),
            CallerIdentity { arn: "arn:aws-cn:iam::123456789012:user/a/b".into(), session: None }
        );
        assert!(read(format!("<?xml version=\"1.0\"?>\n{ROLE}\n").as_bytes()).is_ok());
    }

    #[test]
    fn whoever_is_neither_is_nobody() {
        let session = "arn:aws:sts::123456789012:assumed-role/app/i-0abc";
        for other in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:sts::123456789012:federated-user/somebody",
            "arn:aws:iam::123456789012:role/app",
            "arn:aws:sts::123456789012:assumed-role/app",
            "arn:aws:sts::123456789012:assumed-role/app/a/b",
            "arn:aws:sts::123456789012:assumed-role//a",
            "arn:aws:sts::999999999999:assumed-role/app/i-0abc",
            "arn:aws:sts:us-east-1:123456789012:assumed-role/app/i-0abc",
            "123456789012",
        ] {
            assert!(with(session, other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_answer_that_is_not_to_the_letter_is_refused() {
        for (from, to) in [
            ("<Arn>", "<Arn>arn:aws:iam::123456789012:user/root</Arn><Arn>"),
            ("<UserId>", "<Account>999999999999</Account><UserId>"),
            ("GetCallerIdentityResult>", "GetSessionTokenResult>"),
            ("<Arn>", "<!-- <Arn>"),
            ("<Arn>", "<![CDATA[<Arn>"),
            ("<Account>", "<Account>&#49;"),
            ("i-0abc</Arn>", "&lt;</Arn>"),
            ("<UserId>", "<UserId/><UserId>"),
            ("<UserId>", "text<UserId>"),
            ("</GetCallerIdentityResponse>", "</GetCallerIdentityResponse><Arn>x</Arn>"),
            ("</GetCallerIdentityResponse>", ""),
            ("</Arn>", "</arn>"),
            ("<Arn>arn:aws:sts::123456789012:assumed-role/app/i-0abc</Arn>", ""),
        ] {
            assert!(with(from, to).is_err(), "{from} -> {to}");
        }
        let bucket = "<ListBucketResult><Name>sts</Name></ListBucketResult>";
        for other in ["", "{}", "<", "<a>", bucket, &"<a>".repeat(1_000)] {
            assert!(read(other.as_bytes()).is_err(), "{other}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
    }
}
