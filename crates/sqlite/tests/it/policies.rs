//! How many policies there may be.

use outcrop_ports::contract::samples::{draft, policy};
use outcrop_ports::{AuditLog, Changed, MAX_POLICIES, PolicyStore};
use outcrop_sqlite::SqliteStore;
use outcrop_types::Policy;
use sqlx::{Connection, SqliteConnection};

use crate::support::Folder;

#[tokio::test]
async fn there_are_no_more_policies_than_fit_in_memory() {
    let folder = Folder::new();
    let path = folder.path("policies.db");
    let store = SqliteStore::connect(&path).await.unwrap();
    store.migrate().await.unwrap();
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)
         INSERT INTO policies (id, level, target, model, rules, created_at, updated_at, revision)
         SELECT printf('pol_%032x', 1000000 + n), 'team', 'team:*', 'model-' || n, '{\"models\":[\"*\"]}', 0, 0, 0
         FROM numbers",
    )
    .bind(i64::try_from(MAX_POLICIES).unwrap() - 1)
    .execute(&mut connection)
    .await
    .unwrap();
    let insert = async |policy: &Policy| store.insert_policy(policy, &draft("policy.create")).await.unwrap();
    assert_eq!(insert(&policy(1)).await, Changed::Done);
    let version = store.policies_version().await.unwrap();
    assert_eq!(insert(&policy(2)).await, Changed::Taken);
    let (read, all) = store.all_policies().await.unwrap();
    assert_eq!((read, all.len()), (version, MAX_POLICIES));
    assert_eq!(store.audit_head().await.unwrap().unwrap().0, 1, "what was refused is not told of");
    assert_eq!(store.delete_policy(&policy(1), &draft("policy.delete")).await.unwrap(), Changed::Done);
    assert_eq!(insert(&policy(2)).await, Changed::Done);
}
