use secrecy::ExposeSecret;

use super::*;

const WHOLE: &str = r#"
[[issuers]]
name = "okta"
issuer = "https://example.okta.com/oauth2/default"
audiences = ["outcrop"]
algorithms = ["RS256"]
jwks_uri = "https://example.okta.com/oauth2/default/v1/keys"
user_claim = "preferred_username"
[[issuers.grants]]
claim = "groups"
value = "bedrock-*"
team = "payments"
role = "developer"
[[issuers.grants]]
claim = "groups"
value = "*"
team_claim = "department"
role = "viewer"
[issuers.login]
client_id = "web"
client_secret = "hunter2hunter2"

[[aws_roles]]
arn = "arn:aws:iam::123456789012:role/app-*"
team = "payments"
role = "service"
scope = { models = ["claude-*"] }
"#;

#[test]
fn everything_is_read_from_toml_and_from_json_alike() {
    let toml = Federation::parse(WHOLE).unwrap();
    let value: serde_json::Value = toml::from_str(WHOLE).unwrap();
    let json = Federation::parse(&value.to_string()).unwrap();
    for read in [toml, json] {
        let issuer = &read.issuers[0];
        assert_eq!(issuer.grants[0].team, TeamSource::Named("payments".into()));
        assert!(
            matches!(&issuer.grants[1].team, TeamSource::Claim(claim) if claim.to_string() == "department")
        );
        let login = issuer.login.as_ref().unwrap();
        assert_eq!(login.scopes, ["openid", "profile", "email"]);
        assert_eq!(login.client_secret.as_ref().unwrap().expose_secret(), "hunter2hunter2");
        assert_eq!(read.aws_roles[0].role, Role::Service);
        assert!(!format!("{read:?}").contains("hunter2"), "{read:?}");
    }
}

#[test]
fn nothing_is_nobody() {
    assert!(Federation::parse("").unwrap().is_empty());
    assert!(Federation::parse("{}").unwrap().is_empty());
}

/// Every fault, and what the operator is told of it.
#[test]
fn faults_are_told_where_they_are() {
    let check = |from: &str, to: &str, told: &[&str]| {
        assert!(WHOLE.contains(from), "{from}");
        let error = Federation::parse(&WHOLE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(told.iter().all(|it| error.contains(it)), "{from} -> {to}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    };
    check("name = \"okta\"", "name = \"Okta!\"", &["`Okta!`", "a-z"]);
    check("name = \"okta\"", "nam = \"okta\"", &["issuers[0]", "nam"]);
    check("audiences = [\"outcrop\"]", "audiences = []", &["`okta`", "audiences"]);
    check("[\"RS256\"]", "[\"HS256\"]", &["issuers[0].algorithms", "`HS256`", "ES256"]);
    check("[\"RS256\"]", "[\"none\"]", &["issuers[0].algorithms", "`none`"]);
    check("[\"RS256\"]", "[]", &["`okta`", "algorithms"]);
    check("https://example.okta.com/oauth2/default\"", "http://example.okta.com\"", &["`okta`", "https://"]);
    check(
        "https://example.okta.com/oauth2/default\"",
        "http://localhost.evil.com\"",
        &["`okta`", "https://"],
    );
    check("https://example.okta.com/oauth2/default\"", "https://a@b\"", &["`okta`", "https://"]);
    check(
        "https://example.okta.com/oauth2/default\"",
        "https://login.microsoftonline.com/common/v2.0\"",
        &["`okta`", "tenant"],
    );
    check(
        "https://example.okta.com/oauth2/default\"",
        "https://login.microsoftonline.com/{tenantid}/v2.0\"",
        &["`okta`", "tenant"],
    );
    check("https://example.okta.com/oauth2/default/v1/keys", "ftp://x", &["`okta`", "jwks_uri"]);
    check(
        "team = \"payments\"\nrole = \"developer\"",
        "role = \"developer\"",
        &["issuers[0].grants[0]", "team_claim"],
    );
    check("role = \"developer\"", "role = \"king\"", &["issuers[0].grants[0]", "king"]);
    check("value = \"bedrock-*\"", "value = \"\"", &["issuers[0].grants[0]", "visible ASCII"]);
    check("client_secret = \"hunter2hunter2\"", "client_secret = [\"hunter2\"]", &["issuers[0].login"]);
    check("client_id = \"web\"", "client_id = \"web\"\nscopes = [\"email\"]", &["`okta`", "openid"]);
    check("123456789012", "*", &["AWS role", "12 digits"]);
    check("123456789012", "12345678901*", &["AWS role", "12 digits"]);
    check("arn:aws:iam", "arn:*:iam", &["AWS role", "partition"]);
    check("role/app-*", "*", &["AWS role", "role/"]);
    check("role/app-*", "role/path/app-*", &["AWS role", "path"]);
    check("arn:aws:iam::123456789012:role/app-*", "app", &["AWS role", "arn:aws:iam"]);
    check("scope = {", "scope = { model = [],", &["aws_roles[0].scope", "model"]);
    let twice = WHOLE.replacen(
        "[[aws_roles]]",
        &format!("{}\n[[aws_roles]]", &WHOLE[..WHOLE.find("[[aws").unwrap()]),
        1,
    );
    assert!(Federation::parse(&twice).unwrap_err().line.contains("another issuer has this name"));
    check(
        "client_secret = \"hunter2hunter2\"",
        "client_secret = 72",
        &["issuers[0].login.client_secret", "string"],
    );
    for broken in ["{", "[1]", "= secret\"", "issuers = \"secret\"", "{\"issuers\": \"secret\"}"] {
        let error = Federation::parse(broken).unwrap_err().to_string();
        assert!(!error.contains("secret\""), "{broken}: {error}");
    }
}
