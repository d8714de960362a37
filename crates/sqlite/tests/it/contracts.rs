//! The suites of the ports.

use std::sync::Arc;

use outcrop_ports::{AlertStore, FileStore, JobStore, Ledger, Queue, ResponseStore, contract};

use crate::support::{Folder, RealTime};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_key_store_contract() {
    let folder = Folder::new();
    contract::key_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_user_store_contract() {
    let folder = Folder::new();
    contract::user_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_team_store_contract() {
    let folder = Folder::new();
    contract::team_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_service_account_store_contract() {
    let folder = Folder::new();
    contract::service_account_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_policy_store_contract() {
    let folder = Folder::new();
    contract::policy_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_prompt_store_contract() {
    let folder = Folder::new();
    contract::prompt_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_route_store_contract() {
    let folder = Folder::new();
    contract::route_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_session_store_contract() {
    let folder = Folder::new();
    contract::session_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_signing_key_store_contract() {
    let folder = Folder::new();
    contract::signing_key_store(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_audit_log_contract() {
    let folder = Folder::new();
    contract::audit_log(|| async { Arc::new(folder.store().await) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_job_store_contract() {
    let folder = Folder::new();
    contract::job_store(|| async { Arc::new(folder.store().await) as Arc<dyn JobStore> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_ledger_contract() {
    let folder = Folder::new();
    contract::ledger(|| async { Arc::new(folder.store().await) as Arc<dyn Ledger> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_response_store_contract() {
    let folder = Folder::new();
    contract::response_store(|| async { Arc::new(folder.store().await) as Arc<dyn ResponseStore> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_file_store_contract() {
    let folder = Folder::new();
    contract::file_store(|| async { Arc::new(folder.store().await) as Arc<dyn FileStore> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_alert_store_contract() {
    let folder = Folder::new();
    contract::alert_store(|| async { Arc::new(folder.store().await) as Arc<dyn AlertStore> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_queue_contract() {
    let folder = Folder::new();
    let clock = Arc::new(RealTime);
    contract::queue(|| async { Arc::new(folder.queue(clock.clone(), 5).await) as Arc<dyn Queue> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_dead_letter_contract() {
    let folder = Folder::new();
    let clock = Arc::new(RealTime);
    contract::queue_dead_letters(|| async {
        Arc::new(folder.queue(clock.clone(), 2).await) as Arc<dyn Queue>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_webhook_store_contract() {
    let folder = Folder::new();
    contract::webhook_store(|| async { Arc::new(folder.store().await) as Arc<dyn contract::ToldStore> })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_batch_store_contract() {
    let folder = Folder::new();
    contract::batch_store(|| async { Arc::new(folder.store().await) as Arc<dyn contract::BatchTables> })
        .await;
}
