//! Databases of their own for tests.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::str::FromStr;
use std::sync::Mutex;

use futures::FutureExt;
use outcrop_postgres::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

/// Makes databases on the server of `OUTCROP_TEST_POSTGRES_URL`.
pub(crate) struct Databases {
    server: PgConnectOptions,
    made: Mutex<Vec<String>>,
}

impl Databases {
    /// An empty database that nobody else uses, and how to reach it.
    #[expect(clippy::disallowed_methods, reason = "names must differ between processes too")]
    pub(crate) async fn empty(&self) -> PgConnectOptions {
        let name = format!("outcrop_test_{}", Uuid::new_v4().simple());
        let mut connection = self.server().await;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        self.made.lock().unwrap().push(name.clone());
        self.server.clone().database(&name)
    }

    /// A store in a migrated database that nobody else uses.
    pub(crate) async fn store(&self) -> PostgresStore {
        let store = store(&self.empty().await);
        store.migrate().await.unwrap();
        store
    }

    async fn server(&self) -> PgConnection {
        PgConnection::connect_with(&self.server).await.unwrap()
    }
}

/// Runs a test with databases, and drops them whichever way it ends.
pub(crate) async fn with_databases<Fut>(test: impl FnOnce(std::sync::Arc<Databases>) -> Fut)
where
    Fut: Future<Output = ()>,
{
    let url = std::env::var("OUTCROP_TEST_POSTGRES_URL")
        .expect("OUTCROP_TEST_POSTGRES_URL names a server where databases may be made");
    let server = PgConnectOptions::from_str(&url).unwrap();
    let databases = std::sync::Arc::new(Databases { server, made: Mutex::default() });
    let result = AssertUnwindSafe(test(databases.clone())).catch_unwind().await;
    let made = std::mem::take(&mut *databases.made.lock().unwrap());
    let mut connection = databases.server().await;
    for name in made {
        connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    }
    result.unwrap_or_else(|panic| resume_unwind(panic));
}

/// A store over a database.
pub(crate) fn store(database: &PgConnectOptions) -> PostgresStore {
    PostgresStore::connect(PostgresOptions::new(database.to_url_lossy())).unwrap()
}
