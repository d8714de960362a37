//! What Redis is asked on the way of requests, as metrics tell of it.

use std::time::Instant;

use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::{metric, names};

use crate::connection::NoAnswer;

/// What Redis is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Whether there is room under all limits of a request.
    Admit,
    /// To count what was let in without it.
    Count,
    /// What calls used.
    Settle,
    /// What was spent before the count began.
    Seed,
    /// Where limits stand.
    Standing,
    /// A kept answer.
    CacheGet,
    /// To keep an answer.
    CachePut,
    /// To forget answers.
    CacheClear,
    /// What others know of targets that fail.
    Health,
    /// Sessions of MCP clients.
    Mcp,
    /// To tell others of a change.
    Announce,
}

impl Operation {
    /// Its name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Count => "count",
            Self::Settle => "settle",
            Self::Seed => "seed",
            Self::Standing => "standing",
            Self::CacheGet => "cache_get",
            Self::CachePut => "cache_put",
            Self::CacheClear => "cache_clear",
            Self::Health => "health",
            Self::Mcp => "mcp",
            Self::Announce => "announce",
        }
    }

    /// Notes how long the answer to it took, or that there was none.
    pub(crate) async fn timed<T>(
        self,
        work: impl Future<Output = Result<T, NoAnswer>>,
    ) -> Result<T, NoAnswer> {
        if !metric::is_going() {
            return work.await;
        }
        let began = Instant::now();
        let answer = work.await;
        let took_s = began.elapsed().as_secs_f64();
        let system = KeyValue::new(names::DB_SYSTEM, "redis");
        let operation = KeyValue::new(names::DB_OPERATION, self.name());
        match &answer {
            Ok(_) => names::DB_DURATION.record(took_s, &[system, operation]),
            Err(error) => {
                let why = KeyValue::new(names::ERROR_TYPE, error_type(error));
                names::DB_DURATION.record(took_s, &[system, operation, why]);
            }
        }
        answer
    }
}

const fn error_type(error: &NoAnswer) -> &'static str {
    match error {
        NoAnswer::Late(_) => "timeout",
        NoAnswer::LeftAlone => "left_alone",
        NoAnswer::Redis(_) => "redis",
    }
}
