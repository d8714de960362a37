//! `outcrop jobs`: work that takes time, of a running server.

use outcrop_config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{JobArgs, JobsCommand, ListJobsArgs, RedriveArgs, RemoteArgs, SetAsideArgs, ShowJobArgs};
use crate::failure::Failure;
use crate::output;
use crate::remote::Remote;
use crate::table::Table;

/// Most jobs of one answer.
const PAGE: usize = 100;

pub(crate) async fn run(command: &JobsCommand, config: &Config) -> Result<(), Failure> {
    let remote = Remote::new("jobs", flags(command), config)?;
    match command {
        JobsCommand::List(args) => list(args, &remote).await,
        JobsCommand::Show(args) => show(args, &remote).await,
        JobsCommand::Cancel(args) => cancel(args, &remote).await,
        JobsCommand::Redrive(args) => redrive(args, &remote).await,
        JobsCommand::Dead(args) => dead(args, &remote).await,
    }
}

fn flags(command: &JobsCommand) -> &RemoteArgs {
    match command {
        JobsCommand::List(args) => &args.remote,
        JobsCommand::Show(args) => &args.remote,
        JobsCommand::Cancel(args) => &args.remote,
        JobsCommand::Redrive(args) => &args.remote,
        JobsCommand::Dead(args) => &args.remote,
    }
}

async fn list(args: &ListJobsArgs, remote: &Remote) -> Result<(), Failure> {
    let mut query = Vec::new();
    let filters = [("status", &args.status), ("kind", &args.kind), ("path", &args.path)];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
    query.extend(args.metadata.iter().map(|(name, value)| (format!("metadata[{name}]"), value.clone())));
    print(&pages(remote, &query, args.limit as usize).await?, args.json)
}

async fn dead(args: &SetAsideArgs, remote: &Remote) -> Result<(), Failure> {
    if !args.all {
        let query = [("dead".to_owned(), "true".to_owned())];
        return print(&pages(remote, &query, args.limit as usize).await?, args.json);
    }
    let (jobs, messages) = pages_of_all(remote, args.limit as usize).await?;
    print(&jobs, args.json)?;
    if args.json || messages.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["MESSAGE", "ATTEMPTS", "SET ASIDE", "REASON"]);
    for message in &messages {
        table.row(["body", "attempts", "died_at", "reason"].map(|name| cell(&message[name])));
    }
    output::write("\n")?;
    output::write(&table.render())
}

async fn show(args: &ShowJobArgs, remote: &Remote) -> Result<(), Failure> {
    let id = job_id(&args.id);
    if args.answer {
        let answer = remote.get(&format!("/v1/jobs/{id}/result")).await;
        return answer.map_err(Failure::from).and_then(|body| output::line(&body.to_string()));
    }
    let job = remote.get(&format!("/v1/jobs/{id}")).await?;
    if args.json {
        return output::line(&job.to_string());
    }
    for name in [
        "id",
        "kind",
        "status",
        "path",
        "priority",
        "attempts",
        "cost_usd",
        "saved_usd",
        "created_at",
        "started_at",
        "ended_at",
        "deadline",
        "batch_id",
        "response_id",
        "error",
    ] {
        if !job[name].is_null() {
            output::line(&format!("{name:<12} {}", cell(&job[name])))?;
        }
    }
    if let Some(choice) = job["choice"].as_object() {
        output::line(&format!("{:<12} {}: {}", "done", cell(&choice["way"]), cell(&choice["reason"])))?;
    }
    if job["dead"] == true {
        output::line(&format!(
            "{:<12} yes; `outcrop jobs redrive {id}` sends it back to the queue",
            "set aside"
        ))?;
    }
    match &job["response"]["body"] {
        Value::Null => Ok(()),
        body => output::line(&format!("\n{body:#}")),
    }
}

async fn cancel(args: &JobArgs, remote: &Remote) -> Result<(), Failure> {
    let path = format!("/v1/jobs/{}", job_id(&args.id));
    let job = remote.again(|| remote.request(Method::DELETE, &path)).await?;
    if args.json {
        return output::line(&job.to_string());
    }
    // A batch is not cancelled at once: what is finished of it is put together first, and its own status says so.
    let Some(batch) = job["batch_id"].as_str() else {
        return output::line(&format!("{} {}", cell(&job["id"]), cell(&job["status"])));
    };
    let batch = remote.get(&format!("/v1/batches/{batch}")).await?;
    output::line(&format!("{} {}", cell(&batch["id"]), cell(&batch["status"])))
}

async fn redrive(args: &RedriveArgs, remote: &Remote) -> Result<(), Failure> {
    if args.all {
        let request = remote.request(Method::POST, "/admin/v1/jobs/redrive").json(&json!({ "all": true }));
        let answer = remote.json(request).await?;
        if args.json {
            return output::line(&answer.to_string());
        }
        let jobs = answer["jobs"].as_array().map_or(0, Vec::len);
        output::line(&format!(
            "{jobs} jobs and {} messages are back in the queue",
            cell(&answer["messages"])
        ))?;
        if answer["has_more"] == true {
            output::note("There are more: run it again.");
        }
        return Ok(());
    }
    for id in &args.ids {
        let path = format!("/v1/jobs/{}/redrive", job_id(id));
        let job = remote.json(remote.request(Method::POST, &path)).await;
        let job = job.map_err(|refused| Failure::failed(format!("{id}: {}", refused.words)))?;
        let line = if args.json {
            job.to_string()
        } else {
            format!("{} {}", cell(&job["id"]), cell(&job["status"]))
        };
        output::line(&line)?;
    }
    Ok(())
}

/// As many jobs as asked for, in as many answers as it takes.
async fn pages(remote: &Remote, filters: &[(String, String)], most: usize) -> Result<Vec<Value>, Failure> {
    pages_of(remote, "/v1/jobs", filters, most).await.map(|(jobs, _)| jobs)
}

/// The jobs of all teams that were set aside, and the messages that come with the first answer.
async fn pages_of_all(remote: &Remote, most: usize) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let (jobs, mut first) = pages_of(remote, "/admin/v1/jobs/dead", &[], most).await?;
    let messages = match first["messages"].take() {
        Value::Array(messages) => messages,
        _ => Vec::new(),
    };
    Ok((jobs, messages))
}

/// The jobs of as many answers as it takes, and what else is in the first.
async fn pages_of(
    remote: &Remote,
    path: &str,
    filters: &[(String, String)],
    most: usize,
) -> Result<(Vec<Value>, Value), Failure> {
    let (mut jobs, mut first) = (Vec::<Value>::new(), None);
    loop {
        let mut query = filters.to_vec();
        query.push(("limit".to_owned(), (most - jobs.len()).min(PAGE).to_string()));
        let last = jobs.last().and_then(|job| job["id"].as_str());
        query.extend(last.map(|id| ("after".to_owned(), id.to_owned())));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let mut page = remote.get(&format!("{path}?{query}")).await?;
        let Value::Array(listed) = page["data"].take() else {
            return Err(Failure::failed("the server's list of jobs cannot be read"));
        };
        let is_last = listed.is_empty() || page["has_more"] != true;
        jobs.extend(listed);
        let first = first.get_or_insert(page);
        if is_last || jobs.len() >= most {
            return Ok((jobs, first.take()));
        }
    }
}

fn print(jobs: &[Value], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return jobs.iter().try_for_each(|job| output::line(&job.to_string()));
    }
    let mut table = Table::new(["ID", "KIND", "STATUS", "PATH", "CREATED", "ATTEMPTS", "USD", "ERROR"]);
    for job in jobs {
        let columns = ["id", "kind", "status", "path", "created_at", "attempts", "cost_usd", "error"];
        table.row(columns.map(|name| cell(&job[name])));
    }
    output::write(&table.render())
}

/// A batch's job has the same number after another word.
fn job_id(id: &str) -> String {
    id.strip_prefix("batch_").map_or_else(|| id.to_owned(), |number| format!("job_{number}"))
}

/// A value in a column.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_found_by_its_own_id() {
        assert_eq!(job_id("batch_1f"), "job_1f");
        assert_eq!(job_id("job_1f"), "job_1f");
    }

    #[test]
    fn cells_show_what_there_is() {
        assert_eq!([json!(null), json!("a"), json!(3)].map(|it| cell(&it)), ["-", "a", "3"]);
    }
}
