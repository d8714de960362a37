//! How many policies there may be, whoever makes them.

use futures::future::join_all;
use outcrop_ports::contract::samples::{draft, policy};
use outcrop_ports::{Changed, MAX_POLICIES, PolicyStore};
use sqlx::{Connection, PgConnection};

use crate::database::{store, with_databases};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn there_are_no_more_policies_than_fit_in_memory() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let first = store(&database);
        first.migrate().await.unwrap();
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        sqlx::query(
            "INSERT INTO policies (id, level, target, model, rules, created_at, updated_at, revision)
             SELECT 'pol_' || lpad(to_hex(1000000 + n), 32, '0'), 'team', 'team:*', 'model-' || n,
                    '{\"models\":[\"*\"]}', now(), now(), 0
             FROM generate_series(1, $1) AS n",
        )
        .bind(i64::try_from(MAX_POLICIES).unwrap() - 2)
        .execute(&mut connection)
        .await
        .unwrap();
        // Five processes, of which three come too late.
        let inserting = (1..=5).map(|number| {
            let store = store(&database);
            async move { store.insert_policy(&policy(number), &draft("policy.create")).await.unwrap() }
        });
        let changed = join_all(inserting).await;
        let count = |wanted| changed.iter().filter(|it| **it == wanted).count();
        assert_eq!((count(Changed::Done), count(Changed::Taken)), (2, 3), "{changed:?}");
        let (version, all) = first.all_policies().await.unwrap();
        assert_eq!((version, all.len()), (2, MAX_POLICIES));
    })
    .await;
}
