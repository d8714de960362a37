//! How the blank of a template may go on.

use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Halt};
use outcrop_wire::mcp::{Completion, Reference, RpcError};

use super::templates::{BLANK, Kind};
use crate::mcp::work::Work;

/// Most values of one answer (2025-11-25, "Completion Results").
const MOST: usize = 100;
/// Among so many of the newest it is looked for what goes on.
const AMONG: &str = "limit=100";

/// Completes an id by what is written of it; `None` for what is not ours.
pub(in crate::mcp::work) async fn complete(
    work: &Work,
    caller: &Caller,
    reference: &Reference,
    (name, written): (&str, &str),
) -> Result<Option<Completion>, Halt> {
    let Reference::Resource { uri } = reference else { return Ok(None) };
    let Some(kind) = Kind::of(uri, caller) else { return Ok(None) };
    if name != BLANK {
        let message = format!("the template has no blank of this name, only `{BLANK}`");
        return Err(RpcError::invalid_params("params.argument.name", message).into());
    }
    let (ids, is_part) = known(work, caller, kind).await?;
    let mut values: Vec<String> = ids.into_iter().filter(|it| it.starts_with(written)).collect();
    let total = (!is_part).then_some(values.len() as u64);
    let has_more = is_part || values.len() > MOST;
    values.truncate(MOST);
    Ok(Some(Completion { values, total, has_more }))
}

/// The ids there are, newest first (models by name), and whether there are more.
async fn known(work: &Work, caller: &Caller, kind: Kind) -> Result<(Vec<String>, bool), ApiError> {
    let query = match kind {
        Kind::Model => return models(work, caller).await,
        Kind::File => {
            let list = work.files(caller, AMONG.to_owned()).await?;
            return Ok((list.data.iter().map(|it| it.id.to_string()).collect(), list.has_more));
        }
        Kind::Job => AMONG.to_owned(),
        Kind::JobResult => format!("{AMONG}&kind=call"),
        Kind::Batch => format!("{AMONG}&kind=batch"),
    };
    let list = work.jobs(caller, query).await?;
    let jobs = list.data.iter();
    let ids = match kind {
        Kind::Batch => jobs.filter_map(|it| it.batch_id).map(|id| id.to_string()).collect(),
        Kind::JobResult => jobs.filter(|it| it.status.is_final()).map(|it| it.id.to_string()).collect(),
        _ => jobs.map(|it| it.id.to_string()).collect(),
    };
    Ok((ids, list.has_more))
}

async fn models(work: &Work, caller: &Caller) -> Result<(Vec<String>, bool), ApiError> {
    let cards = work.service.cards(&caller.principal).await?;
    let mut names: Vec<String> =
        cards.into_iter().flat_map(|card| std::iter::once(card.id).chain(card.aliases)).collect();
    names.sort_unstable();
    names.dedup();
    Ok((names, false))
}
