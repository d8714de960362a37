//! What the platform promises, told once and asked of both compositions: over HTTP, and through official SDKs.
//!
//! *Together* is the one process `outcrop`; *apart* are the four services on Postgres, Redis, SQS and S3. Either
//! calls a Bedrock emulator outside of it, so that a journey can make it fail. Start reading at [`platform`];
//! each journey is a module beside it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod emulator;
mod person;
mod platform;
mod process;
mod servers;
mod sse;
mod wait;

mod batches;
mod chat;
mod chat_stream;
mod chat_tools;
mod clients;
mod edge;
mod generate;
mod jobs;
mod keys;
mod limits;
mod models;
mod outage;
mod outsiders;
mod people;
mod policies;
mod refusals;
mod refused_access;
mod reports;
mod revocation;
mod schemathesis;
mod sdk;
mod service_door;
mod stopping;
mod tokens;
mod upstream;
mod usage;
mod webhooks;

use platform::Platform;

/// The same journeys in both compositions. Each test starts one platform and walks all of its journeys there,
/// because starting one is what costs time.
macro_rules! journeys {
    ($($test:ident: [$($journey:path),+ $(,)?],)+) => {
        mod together {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                let platform = Platform::together().await;
                $($journey(&platform).await;)+
            })+
        }

        mod apart {
            use super::*;
            $(#[tokio::test]
            #[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
            async fn $test() {
                let platform = Platform::apart().await;
                $($journey(&platform).await;)+
            })+
        }
    };
}

journeys! {
    chats: [chat::journey, chat_stream::journey, chat_tools::journey, generate::journey, models::journey],
    refuses: [refusals::journey],
    knows_its_callers: [keys::journey, limits::journey, policies::journey],
    knows_its_people: [people::journey, tokens::journey],
    knows_whom_others_vouch_for: [outsiders::journey],
    refuses_whom_it_should: [refused_access::journey, edge::journey],
    meters_and_works_later: [usage::journey, reports::journey, jobs::journey],
    survives_a_failing_model: [upstream::journey],
    works_files_off: [batches::journey],
}

/// Identity on the other database of each composition.
macro_rules! on_the_other_database {
    ($($platform:ident),+) => {$(
        #[tokio::test]
        #[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
        async fn $platform() {
            let platform = Platform::$platform().await;
            keys::journey(&platform).await;
            people::journey(&platform).await;
            tokens::journey(&platform).await;
            outsiders::journey(&platform).await;
            refused_access::journey(&platform).await;
        }
    )+};
}

on_the_other_database!(together_on_postgres, apart_on_sqlite);
