use std::fs;
use std::path::PathBuf;

use secrecy::ExposeSecret;

use crate::settings::{Kind, SETTINGS};
use crate::{Config, LoadOptions, OnUnavailable, Source};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_env(pairs: &[(&str, &str)]) -> LoadOptions {
    LoadOptions { env: variables(pairs), ..LoadOptions::default() }
}

/// A settings file with this text; the folder goes when the first value is dropped.
fn with_file(text: &str) -> (tempfile::TempDir, LoadOptions) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outcrop.toml");
    fs::write(&file, text).unwrap();
    (folder, LoadOptions { file: Some(file), ..LoadOptions::default() })
}

fn problems(options: &LoadOptions) -> String {
    Config::load(options).unwrap_err().to_string()
}

#[test]
fn nothing_set_is_embedded() {
    let config = Config::load(&LoadOptions::default()).unwrap();
    assert_eq!(config.data_dir.0, PathBuf::from(".outcrop"));
    assert_eq!((config.server.host.as_str(), config.server.port), ("127.0.0.1", 8080));
    assert_eq!((config.store.url, config.blobs.url), (None, None));
    assert_eq!(config.cache.url, "memory://");
    assert_eq!(config.queue.url, "embedded://");
    assert_eq!(config.models.url, "emulator://");
}

#[test]
fn later_layers_win() {
    let (_folder, mut options) = with_file("[server]\nport = 1\nhost = \"::1\"\nworkers = 3\n");
    options.env = variables(&[("OUTCROP__SERVER__PORT", "2"), ("OUTCROP__SERVER__HOST", "0.0.0.0")]);
    options.flags = variables(&[("server.port", "3")]);
    let (config, sources) = Config::load_with_sources(&options).unwrap();
    assert_eq!((config.server.port, config.server.workers), (3, 3));
    assert_eq!(config.server.host, "0.0.0.0");
    assert_eq!(sources.of("server.port"), &Source::Flag);
    assert_eq!(sources.of("server.host"), &Source::Env("OUTCROP__SERVER__HOST".into()));
    assert_eq!(sources.of("server.workers"), &Source::File(options.file.unwrap()));
    assert_eq!(sources.of("cache.url"), &Source::Default);
}

#[test]
fn the_access_gateways_variables_are_honoured_below_our_own() {
    assert!(!Config::load(&LoadOptions::default()).unwrap().models.allow_arns);
    let theirs = [
        ("DEFAULT_MODEL", "amazon.nova-lite-v1:0"),
        ("ENABLE_CROSS_REGION_INFERENCE", "True"),
        ("ENABLE_APPLICATION_INFERENCE_PROFILES", "true"),
    ];
    let models = Config::load(&with_env(&theirs)).unwrap().models;
    assert_eq!(models.default, "amazon.nova-lite-v1:0");
    assert!(models.cross_region && models.allow_arns);
    assert!(models.compatibility_names, "it maps gpt-… to its default model");
    assert!(!Config::load(&with_env(&[("DEFAULT_MODEL", "")])).unwrap().models.compatibility_names);
    let embedding = with_env(&[
        ("DEFAULT_EMBEDDING_MODEL", "cohere.embed-v4:0"),
        ("OUTCROP__MODELS__COMPATIBILITY_NAMES", "false"),
    ]);
    let models = Config::load(&embedding).unwrap().models;
    assert_eq!((models.default_embedding.as_str(), models.compatibility_names), ("cohere.embed-v4:0", false));
    let both = with_env(&[("OUTCROP__MODELS__DEFAULT", "ours"), ("DEFAULT_MODEL", "theirs")]);
    assert_eq!(Config::load(&both).unwrap().models.default, "ours");
}

#[test]
fn foreign_and_empty_variables_are_left_alone() {
    let config = Config::load(&with_env(&[
        ("PATH", "/bin"),
        ("AWS_REGION", "eu-west-1"),
        ("API_KEY", ""),
        ("API_TOKEN", "x"),
        ("OUTCROP_API_KEY", "ock_x"),
        ("OUTCROP_SERVICE_HOST", "10.0.0.1"),
        ("OUTCROP__STORE__PASSWORD", ""),
    ]))
    .unwrap();
    assert!(config.store.password.is_none());
}

#[test]
fn typos_fail_with_a_hint() {
    let (folder, options) = with_file("[serve]\nport = 1\n");
    let file = folder.path().join("outcrop.toml");
    assert_eq!(
        problems(&options),
        format!("unknown setting `serve.port` in {}; did you mean `server.port`?", file.display())
    );
    assert_eq!(
        problems(&with_env(&[("OUTCROP__SERVER__PROT", "1")])),
        "unknown setting `server.prot` in the variable OUTCROP__SERVER__PROT; did you mean `OUTCROP__SERVER__PORT`?"
    );
    assert_eq!(
        problems(&with_env(&[("OUTCROP_SERVER__PORT", "1")])),
        "unknown variable `OUTCROP_SERVER__PORT`; did you mean `OUTCROP__SERVER__PORT`?"
    );
    let flags = LoadOptions { flags: variables(&[("zzz", "1")]), ..LoadOptions::default() };
    assert_eq!(problems(&flags), "unknown setting `zzz` on the command line");
}

#[test]
fn wrong_types_name_setting_source_and_expectation() {
    for (name, value, expected) in [
        (
            "OUTCROP__SERVER__PORT",
            "70000",
            "`server.port` (OUTCROP__SERVER__PORT) must be a whole number from 0 to 65535, not 70000",
        ),
        (
            "OUTCROP__JOBS__CONCURRENCY",
            "many",
            "`jobs.concurrency` (OUTCROP__JOBS__CONCURRENCY) must be a whole number from 1 to 10000, not \"many\"",
        ),
        (
            "OUTCROP__BLOBS__PATH_STYLE",
            "yes",
            "`blobs.path_style` (OUTCROP__BLOBS__PATH_STYLE) must be true or false, not \"yes\"",
        ),
        (
            "OUTCROP__LIMITS__ON_UNAVAILABLE",
            "shut",
            "`limits.on_unavailable` (OUTCROP__LIMITS__ON_UNAVAILABLE) must be one of open, closed, local, not \"shut\"",
        ),
    ] {
        assert_eq!(problems(&with_env(&[(name, value)])), expected);
    }
    let (_folder, options) = with_file("server = 3\n[store]\npassword = 12345\n");
    let text = problems(&options);
    assert!(text.contains("unknown setting `server`"), "{text}");
    assert!(text.contains("`store.password`") && text.contains("must be text in quotes"), "{text}");
    assert!(!text.contains("12345"), "{text}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = problems(&with_env(&[("OUTCROP__SERVER__PORT", "x"), ("OUTCROP__CASH__URL", "redis://x")]));
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_broken_file_names_its_line_and_quotes_nothing() {
    let (_folder, options) = with_file("[auth]\n\nkey_secret = \"hunter2\" hunter3\n");
    let text = problems(&options);
    assert!(text.contains("line 3"), "{text}");
    assert!(!text.contains("hunter") && !text.contains('\n'), "{text}");
}

#[test]
fn only_a_named_file_must_be_there() {
    let missing = PathBuf::from("/nonexistent/outcrop.toml");
    let named = LoadOptions { file: Some(missing.clone()), ..LoadOptions::default() };
    assert!(problems(&named).starts_with("could not read the settings file /nonexistent/outcrop.toml"));
    let optional = LoadOptions { default_file: Some(missing), ..LoadOptions::default() };
    assert!(Config::load(&optional).is_ok());
}

#[test]
fn schemes_secrets_and_contradictions_are_checked() {
    let long = "s".repeat(32);
    for (name, value, part) in [
        ("OUTCROP__STORE__URL", "mysql://x/y", "`store.url` must begin with sqlite://, postgres://"),
        ("OUTCROP__STORE__URL", "outcrop.db", "`store.url` must begin with"),
        ("OUTCROP__STORE__URL", "postgres://", "`store.url` names nothing after `postgres://`"),
        ("OUTCROP__STORE__READ_URL", "sqlite://x", "`store.read_url` must begin with postgres://"),
        (
            "OUTCROP__STORE__READ_URL",
            "postgres://h/d",
            "`store.read_url` is a replica of a Postgres database",
        ),
        ("OUTCROP__CACHE__URL", "localhost:6379", "`cache.url` must begin with memory://, redis://"),
        ("OUTCROP__RESPONSE_CACHE__URL", "valkey:6379", "`response_cache.url` must begin with memory://"),
        ("OUTCROP__RESPONSE_CACHE__URL", "secretsmanager://", "`response_cache.url` names nothing"),
        ("OUTCROP__QUEUE__URL", "sqs://", "`queue.url` names nothing"),
        ("OUTCROP__BLOBS__URL", "gs://bucket", "`blobs.url` must begin with file://, s3://"),
        ("OUTCROP__MODELS__URL", "openai://", "`models.url` must begin with emulator://, bedrock://"),
        ("OUTCROP__SERVICES__AUTH", "auth:8081", "`services.auth` must be an http://"),
        ("OUTCROP__AUTH__KEY_SECRET", "short-secret", "`auth.key_secret` must be at least 32 bytes"),
        ("OUTCROP__INTERNAL__SECRET", "short-secret", "`internal.secret` must be at least 32 bytes"),
        ("OUTCROP__MODELS__OLLAMA", "localhost", "`models.ollama` must be an http://"),
    ] {
        let text = problems(&with_env(&[(name, value)]));
        assert!(text.contains(part), "{name}={value}: {text}");
        assert!(!text.contains("short-secret"), "{text}");
    }
    let text = problems(&with_env(&[
        ("OUTCROP__MODELS__URL", "bedrock://us-east-1"),
        ("OUTCROP__MODELS__OLLAMA", "http://localhost:11434"),
    ]));
    assert!(text.contains("`models.ollama`"), "{text}");
    for good in [long.as_str(), "secretsmanager://x"] {
        assert!(Config::load(&with_env(&[("OUTCROP__AUTH__KEY_SECRET", good)])).is_ok(), "{good}");
    }
}

#[test]
fn what_one_process_cannot_do_is_told() {
    assert_eq!(Config::default().check_together(), []);
    let postgres = Config::load(&with_env(&[("OUTCROP__STORE__URL", "postgres://o@db/o")])).unwrap();
    let told: Vec<String> = postgres.check_together().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`queue.url`") && told[1].contains("`auth.key_secret`"), "{told:?}");
}

#[test]
fn secrets_are_masked() {
    let secret = "correct-horse-battery-staple-0123456789";
    let (config, sources) = Config::load_with_sources(&with_env(&[
        ("OUTCROP__AUTH__KEY_SECRET", secret),
        ("OUTCROP__INTERNAL__SECRET", "secretsmanager://outcrop#internal"),
        ("OUTCROP__STORE__URL", "postgres://me:hunter2@db/outcrop"),
        ("OUTCROP__CACHE__PASSWORD", "hunter2"),
        ("OUTCROP__ALERTS__WEBHOOK_URL", "https://hooks.example.com/services/hunter2"),
        ("OUTCROP__ALERTS__WEBHOOK_SECRET", &format!("whsec_{}", "x".repeat(32))),
        ("OUTCROP__SERVER__PORT", "9000"),
    ]))
    .unwrap();
    let text = config.show(&sources);
    assert!(!text.contains("correct-horse") && !text.contains("hunter2"), "{text}");
    for line in [
        "port = 9000  # OUTCROP__SERVER__PORT",
        "key_secret = \"********\"  # OUTCROP__AUTH__KEY_SECRET",
        "secret = \"secretsmanager://outcrop#internal\"  # OUTCROP__INTERNAL__SECRET",
        "url = \"postgres://me:********@db/outcrop\"  # OUTCROP__STORE__URL",
        "host = \"127.0.0.1\"  # default",
        "# ollama is not set",
    ] {
        assert!(text.lines().any(|it| it == line), "no line {line:?} in:\n{text}");
    }
    let debug = format!("{config:?}");
    assert!(!debug.contains("correct-horse") && !debug.contains("hunter2"), "{debug}");
}

#[test]
fn what_is_shown_reads_back() {
    let (config, sources) = Config::load_with_sources(&LoadOptions::default()).unwrap();
    let shown = config.show(&sources);
    let (_folder, options) = with_file(&shown);
    let (again, _) = Config::load_with_sources(&options).unwrap();
    assert_eq!(again.entries(), config.entries());
}

/// The table of settings and the sections are the same: every key of one is in the other, and every value the
/// table lets through reaches its field.
#[test]
fn the_table_and_the_sections_agree() {
    let keys: Vec<&str> = Config::default().entries().iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, SETTINGS.iter().map(|it| it.key).collect::<Vec<_>>());
    for setting in SETTINGS {
        let values = match setting.kind {
            Kind::Text if setting.key == "models.url" => vec!["bedrock://eu-west-1".to_owned()],
            Kind::Text if setting.key == "models.accounts" => {
                vec!["a=arn:aws:iam::111122223333:role/x b=arn:aws:iam::444455556666:role/y#z-1".to_owned()]
            }
            Kind::Text if setting.key == "models.endpoints" => {
                vec!["us-west-2=https://x us-east-1=http://127.0.0.1:8090".to_owned()]
            }
            Kind::Text if setting.key == "store.url" => vec!["sqlite://x".to_owned()],
            Kind::Text if setting.key == "store.read_url" => vec!["postgres://x/y".to_owned()],
            Kind::Text if setting.key == "cache.url" => vec!["redis://x".to_owned()],
            Kind::Text if setting.key == "response_cache.url" => {
                ["memory://", "rediss://x", "secretsmanager://x#y"].map(str::to_owned).into()
            }
            Kind::Text if setting.key == "queue.url" => vec!["sqs://x".to_owned()],
            Kind::Text if setting.key == "ways.allowed" => vec!["on_demand, batch".to_owned()],
            Kind::Text if setting.key == "ways.batch_role" => {
                vec!["arn:aws:iam::111122223333:role/x".to_owned()]
            }
            Kind::Text if setting.key == "webhooks.allow_networks" => vec!["10.0.0.0/8, ::1".to_owned()],
            Kind::Text if matches!(setting.key, "blobs.url" | "usage.export_url") => {
                vec!["s3://x".to_owned()]
            }
            Kind::Text if setting.key == "auth.static_keys" => {
                vec![r#"{"me":"a-key-of-many-letters"}"#.to_owned()]
            }
            Kind::Text if setting.key == "server.trusted_proxies" => vec!["10.0.0.0/8, ::1".to_owned()],
            Kind::Text if setting.key == "media.allow_networks" => vec!["10.0.0.0/8, ::1".to_owned()],
            Kind::Text if setting.key == "media.allow_ports" => vec!["8443, 9000".to_owned()],
            Kind::Text if setting.key == "media.s3_allow" => vec!["s3://a/*, s3://b/c".to_owned()],
            Kind::Text if setting.key == "server.cors_origins" => vec!["https://a, http://b:3000".to_owned()],
            Kind::Text if setting.key == "alerts.webhook_url" => vec!["https://x".to_owned()],
            Kind::Text if setting.key == "alerts.webhook_secret" => vec![format!("whsec_{}", "x".repeat(32))],
            Kind::Text if setting.key == "auth.sts_url" => {
                vec!["https://x".to_owned(), "http://127.0.0.1:5".to_owned()]
            }
            Kind::Text => vec![format!("http://{}", "x".repeat(32))],
            Kind::Bool => vec!["true".to_owned(), "false".to_owned()],
            Kind::Whole { min, max } => vec![min.to_string(), max.to_string()],
            Kind::Choice(words) => words.iter().map(ToString::to_string).collect(),
        };
        for value in values {
            let mut flags = variables(&[(setting.key, &value)]);
            if setting.key == "alerts.webhook_url" {
                // One is not taken without the other.
                flags.extend(variables(&[("alerts.webhook_secret", &format!("whsec_{}", "x".repeat(32)))]));
            }
            if setting.key == "blobs.kms_key" {
                flags.extend(variables(&[("blobs.encryption", "aws:kms")]));
            }
            if setting.key == "store.read_url" {
                flags.extend(variables(&[("store.url", "postgres://x/y")]));
            }
            let config = Config::load(&LoadOptions { flags, ..LoadOptions::default() })
                .unwrap_or_else(|error| panic!("{}={value}: {error}", setting.key));
            let entries = config.entries();
            let (_, shown) = entries.iter().find(|(key, _)| *key == setting.key).unwrap();
            let shown = shown.as_ref().unwrap();
            let shown = shown.as_str().map_or_else(|| shown.to_string(), ToOwned::to_owned);
            assert_eq!(shown, value, "{}", setting.key);
        }
    }
}

#[test]
fn a_static_key_comes_as_the_access_gateway_has_it() {
    let key = |pairs: &[(&str, &str)]| {
        let config = Config::load(&with_env(pairs)).unwrap();
        config.auth.static_key.map(|key| key.expose_secret().to_owned())
    };
    let (arn, long) = ("arn:aws:secretsmanager:us-east-1:1:secret:x", "a-key-of-many-letters");
    assert_eq!(key(&[("API_KEY", long)]).as_deref(), Some(long));
    let reference = format!("secretsmanager://{arn}#api_key");
    assert_eq!(key(&[("API_KEY_SECRET_ARN", arn)]), Some(reference));
    for bad in ["short", "ock_abcdefghijkmnpqr", "aaaaaaaa.bbbbbbbb.cccccccc"] {
        assert!(problems(&with_env(&[("API_KEY", bad)])).contains("`auth.static_key`"), "{bad}");
    }
}

#[test]
fn what_stands_at_the_edge_is_checked() {
    for (key, value) in [
        ("OUTCROP__SERVER__TRUSTED_PROXIES", "10.0.0.1/8"),
        ("OUTCROP__SERVER__CORS_ORIGINS", "*"),
        ("OUTCROP__SERVER__CORS_ORIGINS", "https://a/"),
        ("OUTCROP__SERVER__PUBLIC_URL", "ai.example.com"),
        ("OUTCROP__AUTH__STS_URL", "http://sts.example.com"),
        ("OUTCROP__AUTH__STS_URL", "http://localhost.example.com"),
        ("OUTCROP__MEDIA__ALLOW_NETWORKS", "10.0.0.1/8"),
        ("OUTCROP__MEDIA__ALLOW_PORTS", "80, 70000"),
        ("OUTCROP__MEDIA__ALLOW_HOSTS", "bücher.example"),
        ("OUTCROP__MEDIA__DENY_HOSTS", "a b"),
        ("OUTCROP__MEDIA__S3_ALLOW", "s3://a/*, bucket/*"),
    ] {
        assert!(Config::load(&with_env(&[(key, value)])).is_err(), "{key}={value}");
    }
    let proxies = ("OUTCROP__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    let config = Config::load(&with_env(&[proxies])).unwrap();
    assert_eq!(config.server.trusted_networks().unwrap().len(), 2);
    let hosts = ("OUTCROP__MEDIA__ALLOW_HOSTS", "*.Example.com");
    let media = Config::load(&with_env(&[hosts])).unwrap().media;
    assert!(media.allowed_hosts().unwrap()[0].matches("cdn.example.com"));
    assert!(media.enabled && !media.allow_http && media.networks().unwrap().is_empty());
}

#[test]
fn choices_arrive_as_their_variants() {
    let config = Config::load(&with_env(&[("OUTCROP__LIMITS__ON_UNAVAILABLE", "closed")])).unwrap();
    assert_eq!(config.limits.on_unavailable, OnUnavailable::Closed);
}
