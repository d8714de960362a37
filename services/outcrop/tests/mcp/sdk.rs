//! Official SDKs, over two replicas that take turns. What they assert stands in their scripts.

use crate::fleet::Fleet;
use crate::programs::{node, python};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn the_sdk_for_python_keeps_its_session_whoever_dies() {
    python(&Fleet::together(&[]).await, "mcp_sessions.py", 14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn the_sdk_for_python_keeps_its_session_before_four_services() {
    python(&Fleet::apart(&[]).await, "mcp_sessions.py", 14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn the_sdk_for_python_needs_no_session() {
    python(&Fleet::together(&[]).await, "mcp_stateless.py", 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn the_sdk_for_python_needs_no_session_before_four_services() {
    python(&Fleet::apart(&[]).await, "mcp_stateless.py", 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn the_sdk_for_typescript_keeps_its_session_whoever_dies() {
    node(&Fleet::together(&[]).await, "mcp_sessions.mjs", 13).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis, a local AWS and Node.js: cargo xtask test"]
async fn the_sdk_for_typescript_needs_no_session() {
    node(&Fleet::together(&[]).await, "mcp_stateless.mjs", 9).await;
}
