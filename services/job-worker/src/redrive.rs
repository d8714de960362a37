//! Sending back to the queue what was set aside.

use outcrop_ports::PortError;
use outcrop_types::{Job, JobId};

use crate::JobWorker;

/// Most messages that are looked through for that of a job.
const LETTERS: usize = 100;

impl JobWorker {
    /// Sends a job that was set aside back to the queue, with the message that was set aside in its place if it is found;
    /// `None` if the job was not.
    pub async fn redrive(&self, id: JobId) -> Result<Option<Job>, PortError> {
        let job = self.redrive_row(id).await?;
        if job.is_some() && !self.redrive_letter(id).await {
            self.nudge(id).await;
        }
        Ok(job)
    }

    /// The same for one of many: its message, if there is one, is left where it is.
    pub(crate) async fn redrive_one_of_many(&self, id: JobId) -> Result<Option<Job>, PortError> {
        let job = self.redrive_row(id).await?;
        if job.is_some() {
            self.nudge(id).await;
        }
        Ok(job)
    }

    async fn redrive_row(&self, id: JobId) -> Result<Option<Job>, PortError> {
        let job = self.ports.jobs.redrive_job(id, self.ports.clock.now()).await?;
        if let Some(batch) = job.as_ref().and_then(|job| job.parent) {
            // It came back with its part, if it was set aside as well.
            self.nudge(batch).await;
        }
        Ok(job)
    }

    /// Whether a message for this job was found among those set aside, and is back. The row is what counts: where this fails,
    /// the job is nudged.
    async fn redrive_letter(&self, id: JobId) -> bool {
        let name = id.to_string();
        let sent = async {
            let letters = self.ports.queue.dead_letters(LETTERS).await?;
            match letters.into_iter().find(|letter| letter.body == name) {
                Some(letter) => self.ports.queue.redrive(&letter).await,
                None => Ok(false),
            }
        };
        sent.await.unwrap_or_else(|error: PortError| {
            tracing::warn!(job.id = %id, error = error.chain(), "could not send a message back to the queue");
            false
        })
    }
}
