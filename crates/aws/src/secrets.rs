//! Settings kept in AWS Secrets Manager.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_types::SdkConfig;
use secrecy::SecretString;

/// What a reference to a secret starts with.
pub const SCHEME: &str = "secretsmanager://";

/// All tries together; fetched at start-up, where an answer that takes longer is no answer.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Why a secret could not be had. Names the secret, never holds a part of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The reference names no secret.
    #[error(
        "a reference to a secret must name one: `secretsmanager://name` or `secretsmanager://name#field`"
    )]
    BadReference,
    /// There is no such secret, as far as these credentials see.
    #[error("Secrets Manager has no secret `{name}`")]
    NotFound {
        /// The secret's name or ARN.
        name: String,
    },
    /// It is there, but not as the reference expects it.
    #[error("secret `{name}` {problem}")]
    WrongShape {
        /// The secret's name or ARN.
        name: String,
        /// What is wrong, to follow its name.
        problem: String,
    },
    /// Secrets Manager did not answer, or refused.
    #[error("could not read secret `{name}`: {reason}")]
    Unavailable {
        /// The secret's name or ARN.
        name: String,
        /// The SDK's error with its causes, without the answer itself.
        reason: String,
    },
}

/// Reads a secret; `id` is its name or ARN, with or without `secretsmanager://` before it and with `#field` after
/// it where the secret is a JSON object and one of its fields is meant.
pub async fn fetch(config: &SdkConfig, id: &str) -> Result<SecretString, SecretError> {
    let (name, field) = parse(id)?;
    let timeouts = TimeoutConfig::builder().operation_timeout(TIME_LIMIT).build();
    let client = Client::from_conf(
        aws_sdk_secretsmanager::config::Builder::from(config).timeout_config(timeouts).build(),
    );
    let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
        if error.code() == Some("ResourceNotFoundException") {
            SecretError::NotFound { name: name.to_owned() }
        } else {
            let reason = crate::explain(&error);
            SecretError::Unavailable { name: name.to_owned(), reason }
        }
    })?;
    let text = answer.secret_string.ok_or_else(|| SecretError::WrongShape {
        name: name.to_owned(),
        problem: "is binary; only text can be a setting".to_owned(),
    })?;
    match field {
        None => Ok(SecretString::from(text)),
        Some(field) => pick(name, field, &text),
    }
}

fn parse(id: &str) -> Result<(&str, Option<&str>), SecretError> {
    let id = id.strip_prefix(SCHEME).unwrap_or(id);
    let (name, field) = match id.split_once('#') {
        Some((name, field)) => (name, Some(field)),
        None => (id, None),
    };
    if name.is_empty() || field.is_some_and(str::is_empty) {
        return Err(SecretError::BadReference);
    }
    Ok((name, field))
}

fn pick(name: &str, field: &str, text: &str) -> Result<SecretString, SecretError> {
    let wrong = |problem: String| SecretError::WrongShape { name: name.to_owned(), problem };
    // serde's own error would quote the text.
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| wrong("is not a JSON object".to_owned()))?;
    match object.get(field) {
        Some(serde_json::Value::String(value)) => Ok(SecretString::from(value.clone())),
        // Secrets Manager's own database secrets hold the port as a number.
        Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
            Ok(SecretString::from(value.to_string()))
        }
        Some(_) => Err(wrong(format!("holds no single value in its field `{field}`"))),
        None => Err(wrong(format!("has no field `{field}`"))),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn references_name_a_secret_and_perhaps_a_field() {
        assert_eq!(parse("secretsmanager://db/main").unwrap(), ("db/main", None));
        assert_eq!(parse("db#password").unwrap(), ("db", Some("password")));
        for bad in ["", "secretsmanager://", "#password", "db#"] {
            assert!(matches!(parse(bad), Err(SecretError::BadReference)), "{bad}");
        }
    }

    #[test]
    fn fields_are_picked_and_never_quoted_in_errors() {
        let text = r#"{"user":"u","password":"hunter2","port":5432,"nested":{}}"#;
        assert_eq!(pick("db", "password", text).unwrap().expose_secret(), "hunter2");
        assert_eq!(pick("db", "port", text).unwrap().expose_secret(), "5432");
        for (field, text) in
            [("absent", text), ("nested", text), ("password", "hunter2"), ("x", "[\"hunter2\"]")]
        {
            let error = format!("{0} {0:?}", pick("db", field, text).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_dead_endpoint_is_unavailable() {
        let config = crate::local_config("http://127.0.0.1:9", "us-east-1");
        let error = fetch(&config, "secretsmanager://db").await.unwrap_err();
        assert!(matches!(error, SecretError::Unavailable { .. }), "{error}");
    }

    #[tokio::test]
    #[ignore = "needs a local AWS: cargo xtask test"]
    #[expect(clippy::disallowed_methods, reason = "the local AWS may outlive this run")]
    async fn reads_whole_secrets_and_fields() {
        let endpoint = std::env::var("OUTCROP_TEST_AWS_ENDPOINT").unwrap();
        let config = crate::local_config(&endpoint, "us-east-1");
        let name = format!("outcrop-test/{}", uuid::Uuid::now_v7());
        let client = Client::new(&config);
        client.create_secret().name(&name).secret_string(r#"{"password":"hunter2"}"#).send().await.unwrap();
        let whole = fetch(&config, &format!("{SCHEME}{name}")).await.unwrap();
        assert_eq!(whole.expose_secret(), r#"{"password":"hunter2"}"#);
        let field = fetch(&config, &format!("{SCHEME}{name}#password")).await.unwrap();
        assert_eq!(field.expose_secret(), "hunter2");
        let absent = fetch(&config, "outcrop-test/absent").await.unwrap_err();
        assert!(matches!(absent, SecretError::NotFound { .. }), "{absent}");
    }
}
