//! The AWS environment is honoured as AWS tools do.
//!
//! A process's environment cannot be changed safely while it runs, so each case is this test program again, with
//! the variables of the case and no others.

use std::process::Command;

use outcrop_aws::{AwsOptions, has_endpoint_override, sdk_config};

/// What a process with these variables resolves.
fn resolved(variables: &[(&str, &str)]) -> String {
    let child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--ignored", "--exact", "tells_what_it_resolves", "--nocapture"])
        .env_clear()
        // No file of whoever runs the tests.
        .env("HOME", "/nonexistent")
        .envs(variables.iter().copied())
        .output()
        .expect("a child");
    let printed = String::from_utf8_lossy(&child.stdout).into_owned();
    let line =
        printed.lines().find_map(|line| line.split_once("resolved: ")).map(|(_, told)| told.to_owned());
    line.unwrap_or_else(|| panic!("{printed}{}", String::from_utf8_lossy(&child.stderr)))
}

#[tokio::test]
#[ignore = "only run by the other tests, in a process of its own"]
async fn tells_what_it_resolves() {
    let config = sdk_config(&AwsOptions::default()).await;
    let region = config.region().map_or("none", AsRef::as_ref);
    let endpoint = config.endpoint_url().unwrap_or("none");
    println!("resolved: {region} {endpoint} {}", has_endpoint_override(&config, "S3"));
}

#[test]
fn nothing_set_resolves_nothing() {
    assert_eq!(resolved(&[]), "none none false");
}

#[test]
fn region_and_endpoints_come_from_variables() {
    assert_eq!(resolved(&[("AWS_REGION", "eu-west-1")]), "eu-west-1 none false");
    assert_eq!(resolved(&[("AWS_DEFAULT_REGION", "eu-west-2")]), "eu-west-2 none false");
    let local = "http://127.0.0.1:5000";
    assert_eq!(resolved(&[("AWS_ENDPOINT_URL", local)]), format!("us-east-1 {local} true"));
    let own = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_S3", local)];
    assert_eq!(resolved(&own), "eu-west-1 none true");
    let other = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_SQS", local)];
    assert_eq!(resolved(&other), "eu-west-1 none false");
}

#[test]
fn profiles_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let text = "[default]\nregion = eu-north-1\n[profile work]\nregion = ap-south-1\n";
    std::fs::write(&file, text).expect("written");
    let file = file.to_string_lossy();
    assert_eq!(resolved(&[("AWS_CONFIG_FILE", &file)]), "eu-north-1 none false");
    assert_eq!(resolved(&[("AWS_CONFIG_FILE", &file), ("AWS_PROFILE", "work")]), "ap-south-1 none false");
    let both = [("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "work"), ("AWS_REGION", "us-west-2")];
    assert_eq!(resolved(&both), "us-west-2 none false");
}
