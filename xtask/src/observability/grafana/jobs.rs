//! Work that nobody waits for.

use outcrop_telemetry::names;

use super::{Dashboard, Panel, chosen, lines, number};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "outcrop-jobs",
        title: "jobs",
        description: "Jobs, batches and webhooks: what waits, what is done, what was set aside.",
        variables: Vec::new(),
        rows: vec![("Waiting", waiting()), ("Done", done())],
    }
}

fn waiting() -> Vec<Panel> {
    let now = |instrument| chosen(instrument).now("max", &[]);
    vec![
        number("Oldest job", "s", "For how long the longest has been due.")
            .draw(now(names::JOBS_OLDEST.row()), "")
            .wide(6)
            .runbook("queue-age"),
        number("Jobs set aside", "none", "They failed too often.")
            .draw(now(names::JOBS_DEAD.row()), "")
            .wide(6)
            .runbook("dead-jobs"),
        number("Dead letters", "none", "Messages whose workers died with them.")
            .draw(now(names::QUEUE_DEAD.row()), "")
            .wide(6)
            .runbook("dead-letters"),
        number("Due for each worker", "none", "What autoscaling goes by.")
            .draw(now(names::JOBS_PER_WORKER.row()), "")
            .wide(6)
            .runbook("queue-age"),
        lines("Jobs", "none", "Due now, in hand, and to be tried later.")
            .draw(now(names::JOBS_DUE.row()), "due")
            .draw(now(names::JOBS_RUNNING.row()), "running")
            .draw(now(names::JOBS_LATER.row()), "later")
            .runbook("queue-age"),
        lines("Messages of the queue", "none", "About so many: SQS counts roughly.")
            .draw(now(names::QUEUE_WAITING.row()), "waiting")
            .draw(now(names::QUEUE_IN_FLIGHT.row()), "in flight")
            .draw(now(names::QUEUE_DELAYED.row()), "delayed"),
        lines("Workers", "none", "Processes that work jobs off.")
            .draw(now(names::JOBS_WORKERS.row()), "workers"),
    ]
}

fn done() -> Vec<Panel> {
    let duration = chosen(names::JOB_DURATION.row());
    vec![
        lines("Turns, by outcome", "ops", "A worker works at a job in one go or several.")
            .each(duration.rate(&[names::OUTCOME]), names::OUTCOME)
            .stacked(),
        lines("Length of a turn, p95", "s", "By kind of job.")
            .each(duration.quantile(0.95, &[names::JOB_KIND]), names::JOB_KIND),
        lines("Wait for the first worker, p95", "s", "By kind of job.")
            .each(chosen(names::JOB_WAIT.row()).quantile(0.95, &[names::JOB_KIND]), names::JOB_KIND),
        lines("Lines of batches, by way", "ops", "On demand, in the flex tier, by batch inference.")
            .each(chosen(names::BATCH_LINES.row()).rate(&[names::WAY]), names::WAY)
            .stacked(),
        lines("Lines of batches, by outcome", "ops", "Answered well or not.")
            .each(chosen(names::BATCH_LINES.row()).rate(&[names::OUTCOME]), names::OUTCOME)
            .stacked(),
        lines("Webhooks, by outcome", "ops", "Delivered, to be tried again, given up.")
            .each(chosen(names::WEBHOOK_DELIVERIES.row()).rate(&[names::OUTCOME]), names::OUTCOME),
        lines("Usage on its way to the ledger", "s", "For how long the oldest record has been waiting.")
            .draw(chosen(names::SPOOL_OLDEST.row()).now("max", &[]), "oldest")
            .runbook("usage-backlog"),
        lines("Usage on disk", "bytes", "Not in the ledger yet.")
            .draw(chosen(names::SPOOL_SIZE.row()).now("sum", &[]), "spool")
            .runbook("usage-backlog"),
        lines("Usage records", "ops", "Written to the ledger.")
            .draw(chosen(names::USAGE_WRITTEN.row()).rate(&[]), "written"),
    ]
}
