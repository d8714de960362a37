//! Fetching the answers: whole or not at all.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::Batch;
use crate::failure::Failure;
use crate::output;
use crate::remote::{Refused, Remote, root_cause};

/// How often a file is fetched until it comes whole.
const TRIES: u32 = 4;

/// Why there are no answers here.
pub(super) enum Unfetched {
    /// There are none any more.
    Gone(Failure),
    /// They are to be had another time.
    Later(Failure),
}

impl From<Failure> for Unfetched {
    fn from(failure: Failure) -> Self {
        Self::Later(failure)
    }
}

/// Where failures go: `out.errors.jsonl` beside `out.jsonl`.
pub(super) fn errors_path(output: &Path) -> PathBuf {
    if output.extension() == Some(OsStr::new("jsonl")) {
        return output.with_extension("errors.jsonl");
    }
    beside(output, ".errors.jsonl")
}

/// Fetches what a batch has left. Of one whose file was bad there is nothing; of any other there is an output, be it empty.
pub(super) async fn answers(remote: &Remote, batch: &Batch, output: &Path) -> Result<(), Unfetched> {
    if batch.status == "failed" {
        return Ok(());
    }
    match &batch.output_file_id {
        Some(file) => fetch(remote, file, output).await?,
        None => fs::write(output, "").await.map_err(|error| unwritten(output, &error))?,
    }
    let errors = errors_path(output);
    match &batch.error_file_id {
        Some(file) => fetch(remote, file, &errors).await,
        // One of an earlier run would be taken for this one's.
        None => match fs::remove_file(&errors).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(unwritten(&errors, &error).into())
            }
            _ => Ok(()),
        },
    }
}

async fn fetch(remote: &Remote, file: &str, to: &Path) -> Result<(), Unfetched> {
    let temporary = beside(to, ".part");
    let mut tried = 1;
    while let Err(refused) = download(remote, file, &temporary).await {
        if refused.status == Some(StatusCode::NOT_FOUND) {
            let line = "the answers are not kept any more; with --again the file is worked off once more";
            return Err(Unfetched::Gone(Failure::failed(line)));
        }
        if !refused.is_passing() || tried >= TRIES {
            return Err(Failure::from(refused).into());
        }
        output::complain(&format!("{}; trying again", refused.words));
        tokio::time::sleep(Duration::from_secs(u64::from(tried))).await;
        tried += 1;
    }
    Ok(fs::rename(&temporary, to).await.map_err(|error| unwritten(to, &error))?)
}

async fn download(remote: &Remote, file: &str, to: &Path) -> Result<(), Refused> {
    let failed = |error: std::io::Error| Refused::here(format!("could not write {}: {error}", to.display()));
    let response = remote.send(remote.request(Method::GET, &format!("/v1/files/{file}/content"))).await?;
    let mut pieces = response.bytes_stream();
    let mut temporary = File::create(to).await.map_err(failed)?;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let words = format!("{file} broke off: {}", root_cause(&error));
            Refused::on_the_way(words)
        })?;
        temporary.write_all(&piece).await.map_err(failed)?;
    }
    temporary.sync_all().await.map_err(failed)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("could not write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_go_beside_the_answers() {
        let check =
            |output: &str, expected: &str| assert_eq!(errors_path(Path::new(output)), Path::new(expected));
        check("a/out.jsonl", "a/out.errors.jsonl");
        check("out", "out.errors.jsonl");
        check("out.txt", "out.txt.errors.jsonl");
    }
}
