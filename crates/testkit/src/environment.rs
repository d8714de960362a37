//! How tests learn where the servers are.

/// Holds a Postgres URL with a role that may create databases.
pub const POSTGRES_URL: &str = "OUTCROP_TEST_POSTGRES_URL";
/// Holds a Redis URL.
pub const REDIS_URL: &str = "OUTCROP_TEST_REDIS_URL";
/// Holds the endpoint of a local AWS with SQS, S3 and Secrets Manager.
pub const AWS_ENDPOINT: &str = "OUTCROP_TEST_AWS_ENDPOINT";
/// Holds the path of a Python that has the official SDKs.
pub const PYTHON: &str = "OUTCROP_TEST_PYTHON";
/// Holds the path of a Python that has frameworks built on the SDKs.
pub const PYTHON_FRAMEWORKS: &str = "OUTCROP_TEST_PYTHON_FRAMEWORKS";
/// Holds the path of the program `aider`.
pub const AIDER: &str = "OUTCROP_TEST_AIDER";
/// Holds the path of a Node.js.
pub const NODE: &str = "OUTCROP_TEST_NODE";
/// Holds the folder of the JavaScript clients (`node_modules`).
pub const NODE_MODULES: &str = "OUTCROP_TEST_NODE_MODULES";
/// Holds the folder of Postgres' programs, for tests that stop and start a server of their own.
pub const POSTGRES_BIN: &str = "OUTCROP_TEST_POSTGRES_BIN";
/// Holds the path of the Redis server, for tests that stop and start one of their own.
pub const REDIS_SERVER: &str = "OUTCROP_TEST_REDIS_SERVER";

/// Holds the path of `nginx`, behind which replicas are restarted.
pub const NGINX: &str = "OUTCROP_TEST_NGINX";
/// Holds the path of `promtool`, which tests Prometheus' rules.
pub const PROMTOOL: &str = "OUTCROP_TEST_PROMTOOL";

/// The Postgres to test against. Panics where there is none: such a test is marked as ignored.
#[must_use]
pub fn postgres_url() -> String {
    required(POSTGRES_URL)
}

/// The Redis to test against. Panics where there is none.
#[must_use]
pub fn redis_url() -> String {
    required(REDIS_URL)
}

/// The local AWS to test against. Panics where there is none.
#[must_use]
pub fn aws_endpoint() -> String {
    required(AWS_ENDPOINT)
}

/// The Python with the official SDKs. Panics where there is none.
#[must_use]
pub fn python() -> String {
    required(PYTHON)
}

/// The Python with frameworks built on the SDKs. Panics where there is none.
#[must_use]
pub fn python_frameworks() -> String {
    required(PYTHON_FRAMEWORKS)
}

/// The program `aider`. Panics where there is none.
#[must_use]
pub fn aider() -> String {
    required(AIDER)
}

/// The Node.js for the JavaScript clients. Panics where there is none.
#[must_use]
pub fn node() -> String {
    required(NODE)
}

/// The folder of the JavaScript clients (`node_modules`). Panics where there is none.
#[must_use]
pub fn node_modules() -> String {
    required(NODE_MODULES)
}

/// The program `nginx`. Panics where there is none.
#[must_use]
pub fn nginx() -> String {
    required(NGINX)
}

/// The program `promtool`. Panics where there is none.
#[must_use]
pub fn promtool() -> String {
    required(PROMTOOL)
}

#[expect(clippy::panic, reason = "only tests call this, and a test without its server must fail loudly")]
fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run the tests with `cargo xtask test`"))
}
