//! The suites of the ports.

use std::sync::Arc;

use outcrop_ports::{AlertStore, FileStore, JobStore, Ledger, ResponseStore, contract};

use crate::database::with_databases;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_audit_log_contract() {
    with_databases(|databases| async move {
        contract::audit_log(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_key_store_contract() {
    with_databases(|databases| async move {
        contract::key_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_user_store_contract() {
    with_databases(|databases| async move {
        contract::user_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_team_store_contract() {
    with_databases(|databases| async move {
        contract::team_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_service_account_store_contract() {
    with_databases(|databases| async move {
        contract::service_account_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_policy_store_contract() {
    with_databases(|databases| async move {
        contract::policy_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_prompt_store_contract() {
    with_databases(|databases| async move {
        contract::prompt_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_route_store_contract() {
    with_databases(|databases| async move {
        contract::route_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_session_store_contract() {
    with_databases(|databases| async move {
        contract::session_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_signing_key_store_contract() {
    with_databases(|databases| async move {
        contract::signing_key_store(|| async { Arc::new(databases.store().await) }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_job_store_contract() {
    with_databases(|databases| async move {
        contract::job_store(|| async { Arc::new(databases.store().await) as Arc<dyn JobStore> }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_ledger_contract() {
    with_databases(|databases| async move {
        contract::ledger(|| async { Arc::new(databases.store().await) as Arc<dyn Ledger> }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_response_store_contract() {
    with_databases(|databases| async move {
        contract::response_store(|| async { Arc::new(databases.store().await) as Arc<dyn ResponseStore> })
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_file_store_contract() {
    with_databases(|databases| async move {
        contract::file_store(|| async { Arc::new(databases.store().await) as Arc<dyn FileStore> }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_alert_store_contract() {
    with_databases(|databases| async move {
        contract::alert_store(|| async { Arc::new(databases.store().await) as Arc<dyn AlertStore> }).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_webhook_store_contract() {
    with_databases(|databases| async move {
        contract::webhook_store(|| async {
            Arc::new(databases.store().await) as Arc<dyn contract::ToldStore>
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn keeps_the_batch_store_contract() {
    with_databases(|databases| async move {
        contract::batch_store(|| async {
            Arc::new(databases.store().await) as Arc<dyn contract::BatchTables>
        })
        .await;
    })
    .await;
}
