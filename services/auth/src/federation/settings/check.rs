//! What the types of the settings let through and nobody can mean.

use std::collections::HashSet;

use super::{AwsRole, Federation, Issuer, Login, TeamSource};

/// Most entries of each list: far more than anybody has, few enough to go through at every login.
const MAX_ISSUERS: usize = 32;
const MAX_AWS_ROLES: usize = 256;
const MAX_GRANTS: usize = 256;
const MAX_LISTED: usize = 16;

/// Longest address or name taken from the settings, characters.
const MAX_TEXT: usize = 500;

/// The first thing that is wrong.
pub(super) fn problem(federation: &Federation) -> Option<String> {
    if federation.issuers.len() > MAX_ISSUERS {
        return Some(format!("there are more than {MAX_ISSUERS} issuers"));
    }
    if federation.aws_roles.len() > MAX_AWS_ROLES {
        return Some(format!("there are more than {MAX_AWS_ROLES} entries in `aws_roles`"));
    }
    let (mut names, mut urls) = (HashSet::new(), HashSet::new());
    for issuer in &federation.issuers {
        let found = if !names.insert(&issuer.name) {
            Some("another issuer has this name".to_owned())
        } else if !urls.insert(&issuer.issuer) {
            Some(
                "another entry has this `issuer`; one entry can have several audiences and grants".to_owned(),
            )
        } else {
            of_issuer(issuer)
        };
        if let Some(found) = found {
            return Some(format!("issuer `{}`: {found}", shown(&issuer.name)));
        }
    }
    federation
        .aws_roles
        .iter()
        .find_map(|role| of_role(role).map(|found| format!("AWS role `{}`: {found}", role.arn)))
}

fn of_issuer(issuer: &Issuer) -> Option<String> {
    if !is_name(&issuer.name) {
        return Some("a name is 1 to 32 of the characters a-z, 0-9 and -".into());
    }
    if is_of_many_tenants(&issuer.issuer) {
        return Some(
            "issuers of many tenants (Entra ID's `common`, `organizations`, `{tenantid}`) are not supported: name one \
             tenant, https://login.microsoftonline.com/<tenant id>/v2.0"
                .into(),
        );
    }
    if !is_url(&issuer.issuer) || issuer.issuer.contains(['?', '#']) {
        return Some(
            "`issuer` must be an https:// address without query (http:// only on this machine)".into(),
        );
    }
    if issuer.jwks_uri.as_ref().is_some_and(|url| !is_url(url)) {
        return Some("`jwks_uri` must be an https:// address (http:// only on this machine)".into());
    }
    if !is_list(&issuer.audiences) {
        return Some(format!("`audiences` must hold 1 to {MAX_LISTED} names"));
    }
    if issuer.algorithms.is_empty() {
        return Some("`algorithms` must name at least one".into());
    }
    if issuer.grants.is_empty() || issuer.grants.len() > MAX_GRANTS {
        return Some(format!("it needs 1 to {MAX_GRANTS} grants, or none of its users is anything here"));
    }
    let nameless = |team: &TeamSource| matches!(team, TeamSource::Named(name) if !is_text(name));
    if let Some(at) = issuer.grants.iter().position(|grant| nameless(&grant.team)) {
        return Some(format!("grant {}: `team` is no name", at + 1));
    }
    issuer.login.as_ref().and_then(of_login)
}

fn of_login(login: &Login) -> Option<String> {
    if !is_text(&login.client_id) {
        return Some("`login.client_id` is no name".into());
    }
    if !is_list(&login.scopes) || login.scopes.iter().any(|scope| scope.contains(' ')) {
        return Some(format!("`login.scopes` must hold 1 to {MAX_LISTED} names"));
    }
    // Without it the issuer answers with OAuth and no identity.
    let openid = login.scopes.iter().any(|scope| scope == "openid");
    (!openid).then(|| "`login.scopes` must hold `openid`".into())
}

fn of_role(role: &AwsRole) -> Option<String> {
    let parts: Vec<&str> = role.arn.as_str().splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, name] = parts[..] else {
        return Some("an ARN is written `arn:aws:iam::<account>:role/<name>` or `…:user/<name>`".into());
    };
    if partition.contains('*') || account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(
            "the partition and the 12 digits of the account must be written out, without stars".into(),
        );
    }
    match name.split_once('/') {
        Some(("user", rest)) if !rest.is_empty() => {}
        Some(("role", rest)) if rest.contains('/') => {
            return Some("leave out the role's path: AWS does not tell it of who has assumed a role".into());
        }
        Some(("role", rest)) if !rest.is_empty() => {}
        _ => {
            return Some(
                "after the account comes `role/` or `user/` and a name, which may hold stars".into(),
            );
        }
    }
    if !is_text(&role.team) {
        return Some("`team` is no name".into());
    }
    let overlong = role.scope.as_ref().and_then(outcrop_types::Scope::overlong);
    overlong.map(|list| format!("`scope.{list}` has too many entries"))
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

/// Entra ID publishes documents for all tenants at once, whose `iss` differs from token to token.
fn is_of_many_tenants(issuer: &str) -> bool {
    let tenant =
        issuer.strip_prefix("https://login.microsoftonline.com/").and_then(|it| it.split('/').next());
    issuer.contains(['{', '}']) || matches!(tenant, Some("common" | "organizations" | "consumers"))
}

/// Whether an address may be asked, or a browser sent to: `https`, or on this machine.
pub(in crate::federation) fn is_url(text: &str) -> bool {
    let scheme = text.strip_prefix("https://").is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty())
        || is_local_url(text);
    scheme
        && text.len() <= MAX_TEXT
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains('@')
}

/// Whether an address is one on this machine, without `https`.
pub(in crate::federation) fn is_local_url(text: &str) -> bool {
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
    loopback.iter().any(|it| text.strip_prefix(it).is_some_and(ends))
}

fn is_list(list: &[String]) -> bool {
    (1..=MAX_LISTED).contains(&list.len()) && list.iter().all(|it| is_text(it))
}

fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// As much of a text as an error quotes.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
