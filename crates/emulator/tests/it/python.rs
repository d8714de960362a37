//! botocore as a client.

use crate::batch;
use tokio::process::Command;

#[tokio::test]
#[ignore = "needs a Python with boto3: cargo xtask test"]
async fn botocore_cannot_tell() {
    let python = std::env::var("OUTCROP_TEST_PYTHON").expect("OUTCROP_TEST_PYTHON names a Python with boto3");
    let emulator = batch::few_on_a_shelf().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/test_botocore.py");
    let output = Command::new(python).arg(script).arg(&emulator.url).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("checks passed"), "{said}");
}
