//! `outcrop batch`: a file of model calls, worked off by a running server.
//!
//! Whatever ends this program in the middle, the next run of the same command goes on where it was: what it has learned
//! (the file's id, the batch's id) is in a small file beside the output before it does the next thing, and what it may not
//! have learned can be asked for again. A file is found by its name, which holds its digest; a batch is asked for under an
//! idempotency key.

mod fetch;
mod follow;
mod input;
mod progress;
mod state;
mod upload;

use outcrop_config::Config;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{BatchCommand, RunBatchArgs};
use crate::failure::Failure;
use crate::output;
use crate::remote::Remote;
use fetch::Unfetched;
use input::Input;
use state::{Run, State};

/// As many of a bad file's lines as are shown.
const SHOWN_ERRORS: usize = 20;

/// A batch, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Batch {
    id: String,
    status: String,
    #[serde(default)]
    errors: Option<Errors>,
    output_file_id: Option<String>,
    error_file_id: Option<String>,
    #[serde(default)]
    request_counts: Counts,
    #[serde(default)]
    outcrop: Own,
}

/// What OpenAI does not say.
#[derive(Debug, Clone, Default, Deserialize)]
struct Own {
    cost_usd: Option<String>,
}

impl Batch {
    /// What it has cost so far, in dollars, if the server says so.
    fn cost(&self) -> Option<&str> {
        self.outcrop.cost_usd.as_deref()
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Errors {
    data: Vec<LineError>,
}

#[derive(Debug, Clone, Deserialize)]
struct LineError {
    message: String,
    line: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Counts {
    total: u64,
    completed: u64,
    failed: u64,
}

pub(crate) async fn run(command: &BatchCommand, config: &Config) -> Result<(), Failure> {
    let BatchCommand::Run(args) = command;
    let remote = Remote::new("batch run", &args.remote, config)?;
    tokio::select! {
        done = work_off(args, &remote) => done,
        // Nothing needs to be put in order: it could as well have been killed.
        _ = tokio::signal::ctrl_c() => Err(Failure::Stopped(how_to_come_back(args))),
    }
}

async fn work_off(args: &RunBatchArgs, remote: &Remote) -> Result<(), Failure> {
    let input = Input::read(&args.input).await?;
    let mut state = open(args, remote, &input)?;
    if args.cancel && state.file_id.is_none() {
        state.remove()?;
        output::note("Nothing had been submitted.");
        return Ok(());
    }
    let file = match &state.file_id {
        Some(file) => file.clone(),
        None => upload::once(remote, &input, &args.window).await?,
    };
    state.learn(|state| state.file_id = Some(file.clone()))?;
    let id = match &state.batch_id {
        Some(id) => id.clone(),
        None => submit(args, remote, &state, &file).await?,
    };
    state.learn(|state| state.batch_id = Some(id.clone()))?;
    if args.cancel {
        let path = format!("/v1/batches/{id}/cancel");
        let cancelled = remote.again(|| remote.request(Method::POST, &path)).await;
        // One that has ended cannot be cancelled, and what was done is fetched all the same.
        cancelled.map(drop).or_else(|refused| match refused.status {
            Some(StatusCode::CONFLICT | StatusCode::BAD_REQUEST) => Ok(()),
            _ => Err(refused),
        })?;
    }
    let batch = follow::to_the_end(remote, &id, args.poll).await?;
    match fetch::answers(remote, &batch, &args.output).await {
        Ok(()) => {
            state.remove()?;
            verdict(args, &batch)
        }
        Err(Unfetched::Gone(failure)) => state.remove().and(Err(failure)),
        Err(Unfetched::Later(failure)) => Err(failure),
    }
}

/// What is known of this run, or a new one.
fn open(args: &RunBatchArgs, remote: &Remote, input: &Input) -> Result<State, Failure> {
    let run = Run {
        url: remote.url().to_owned(),
        sha256: input.sha256.clone(),
        endpoint: args.endpoint.clone(),
        window: args.window.clone(),
    };
    match State::read(&args.output)? {
        Some(state) if state.run == run => Ok(state),
        Some(state) => Err(Failure::Usage(state.of_another(&run))),
        None if args.cancel => {
            let path = state::path(&args.output);
            let line =
                format!("nothing is running for {}: there is no {}", args.output.display(), path.display());
            Err(Failure::failed(line))
        }
        None => {
            let again = args.again.then(|| outcrop_wiring::clock().now().timestamp_micros());
            State::begin(&args.output, run, again)
        }
    }
}

/// Asks for the batch. Asking twice gives the same one.
async fn submit(args: &RunBatchArgs, remote: &Remote, state: &State, file: &str) -> Result<String, Failure> {
    let body = json!({
        "input_file_id": file,
        "endpoint": args.endpoint,
        "completion_window": args.window,
    });
    let request =
        || remote.request(Method::POST, "/v1/batches").header("idempotency-key", &state.key).json(&body);
    let answer = remote.again(request).await.map_err(|refused| {
        let is_other = refused.status == Some(StatusCode::CONFLICT);
        let hint = if is_other { "; with --again it is worked off once more" } else { "" };
        Failure::failed(format!("{}{hint}", refused.words))
    })?;
    let batch: Batch = serde_json::from_value(answer).map_err(|error| Failure::from_error(&error))?;
    output::note(&format!("The batch is {}.", batch.id));
    Ok(batch.id)
}

/// What is said at the end, and whether it went well.
fn verdict(args: &RunBatchArgs, batch: &Batch) -> Result<(), Failure> {
    let Counts { total, completed, failed } = batch.request_counts;
    let cost = batch.cost().map_or_else(String::new, |usd| format!(" for ${usd}"));
    let errors = fetch::errors_path(&args.output);
    let out = args.output.display();
    match batch.status.as_str() {
        "failed" => Err(Failure::failed(refusal(batch))),
        "completed" if failed == 0 => {
            output::note(&format!("{completed} lines answered{cost}: {out}"));
            Ok(())
        }
        "completed" if args.allow_failures => {
            output::note(&format!(
                "{completed} lines answered{cost}: {out}; {failed} failed: {}",
                errors.display()
            ));
            Ok(())
        }
        "completed" => {
            output::note(&format!("{completed} lines answered{cost}: {out}"));
            Err(Failure::failed(format!("{failed} of {total} lines failed: {}", errors.display())))
        }
        "cancelled" if args.cancel => {
            output::note(&format!("Cancelled. {completed} of {total} lines were answered{cost}: {out}"));
            Ok(())
        }
        status => {
            let line = format!(
                "the batch is {status}: {completed} of {total} lines were answered{cost}: {out}; with --again it is worked off once more"
            );
            Err(Failure::failed(line))
        }
    }
}

/// Why a file was not taken, line by line.
fn refusal(batch: &Batch) -> String {
    let errors = batch.errors.as_ref().map_or(&[][..], |errors| &errors.data);
    let mut text = "the input is no good:".to_owned();
    for LineError { message, line } in errors.iter().take(SHOWN_ERRORS) {
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        // A message may repeat what the file says.
        let message: String = message.chars().filter(|letter| !letter.is_control()).collect();
        text.push_str(&format!("\n  {place}{message}"));
    }
    if errors.len() > SHOWN_ERRORS {
        text.push_str(&format!("\n  and {} more", errors.len() - SHOWN_ERRORS));
    }
    text
}

fn how_to_come_back(args: &RunBatchArgs) -> String {
    match State::read(&args.output) {
        Ok(Some(State { batch_id: Some(id), .. })) => {
            format!(
                "{id} goes on without us: run the same command again for its answers, or with --cancel to end it"
            )
        }
        _ => "stopped before the batch was made: run the same command again to go on".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_told_line_by_line() {
        let errors: Vec<_> =
            (1..=22).map(|line| json!({ "message": "no\u{1b} JSON", "line": line })).collect();
        let batch: Batch = serde_json::from_value(json!({
            "id": "batch_1", "status": "failed", "errors": { "data": errors },
        }))
        .unwrap();
        let text = refusal(&batch);
        assert!(text.starts_with("the input is no good:\n  line 1: no JSON\n  line 2:"), "{text}");
        assert!(text.ends_with("line 20: no JSON\n  and 2 more"), "{text}");
    }
}
