//! The records of a batch: one for each line that batch inference can do, in one blob.
//!
//! A line that is nothing for it is left out, and done on demand afterwards; so is one that asks for another model or leads
//! to another region than the first one. In memory are a few lines at a time.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream::{FuturesOrdered, StreamExt as _};
use outcrop_ports::{BatchRecord, InferenceAnswer, InferenceCall, PortError, Recorded};
use outcrop_types::{Batch, Job, Principal, RequestId, Way};
use outcrop_wire::openai::batches;

use crate::JobWorker;
use crate::batches::reader::{FileLine, LineReader};

/// Lines that are written at the same time.
const AT_ONCE: usize = 16;
/// After so many lines of which nearly all are nothing for batch inference, no more are looked at.
const GIVE_UP: u64 = 1_000;
/// Most that the input of a job may be, bytes: Bedrock takes 1 GB ("Batch inference input file size" among its quotas).
const MOST_BYTES: u64 = 1_000_000_000;
/// What a record takes around its call.
const AROUND: u64 = 50;
/// How much is put together before it is written.
const PIECE: usize = 256 * 1024;
/// The longest that one record may take.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);
const ATTEMPTED: &str = "write the records of a batch";

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Where all of it goes: model and region.
    pub(super) to: Option<(String, String)>,
    /// How many records there are.
    pub(super) records: u64,
    /// How long they are together.
    bytes: u64,
    /// How many lines were left out.
    pub(super) left_out: u64,
    /// Why the first one was.
    pub(super) why: Option<String>,
}

impl JobWorker {
    /// Writes the records of a batch. `None` if its file is gone.
    pub(super) async fn write_records(
        &self,
        job: &Job,
        owner: &Principal,
        batch: &Batch,
        key: &str,
    ) -> Result<Option<Written>, PortError> {
        let longest = self.options.batches.max_line_bytes;
        let reader = LineReader::open(&*self.ports.blobs, &job.input, None, 1, longest).await?;
        let Some(mut reader) = reader else { return Ok(None) };
        let mut upload = self.ports.blobs.upload(key).await?;
        let (mut written, mut piece) = (Written::default(), BytesMut::new());
        let mut under_way = FuturesOrdered::new();
        let mut at_end = false;
        loop {
            while !at_end && under_way.len() < AT_ONCE {
                match reader.next().await? {
                    None => at_end = true,
                    Some(line) if line.is_blank() => {}
                    Some(line) => under_way.push_back(self.record(owner, batch, line)),
                }
            }
            let Some(recorded) = under_way.next().await else { break };
            let (number, recorded) = recorded?;
            // Written without it, the line would cost twice as much: it is waited for.
            if let Recorded::Refused(answer) = &recorded
                && passes(answer)
            {
                upload.abort().await;
                let why = format!("a record was answered with status {}", answer.status);
                return Err(PortError::unavailable(ATTEMPTED, why));
            }
            written.add(number, recorded, &mut piece);
            if written.left_out >= GIVE_UP && written.records < written.left_out / GIVE_UP {
                break;
            }
            if piece.len() >= PIECE {
                upload.write(piece.split().freeze()).await?;
            }
        }
        drop(under_way);
        if written.records < self.options.ways.batch_min_records {
            upload.abort().await;
            return Ok(Some(written));
        }
        upload.write(piece.freeze()).await?;
        upload.finish().await?;
        Ok(Some(written))
    }

    async fn record(
        &self,
        owner: &Principal,
        batch: &Batch,
        line: FileLine,
    ) -> Result<(u64, Recorded), PortError> {
        let changed = || PortError::broken(ATTEMPTED, "a line is not what was checked");
        let text = line.text.ok_or_else(changed)?;
        let body = Bytes::copy_from_slice(batches::read(&text).ok_or_else(changed)?.body.as_bytes());
        let request_id = RequestId::parse(&format!("{}-{}", batch.id, line.number)).ok_or_else(changed)?;
        let call = InferenceCall {
            principal: owner.clone(),
            path: batch.endpoint.clone(),
            body,
            request_id,
            deadline: DEADLINE,
            way: Way::Batch,
            response: None,
        };
        Ok((line.number, self.ports.inference.record(call).await?))
    }
}

impl Written {
    fn add(&mut self, number: u64, recorded: Recorded, piece: &mut BytesMut) {
        let record = match recorded {
            Recorded::Record(record) => record,
            Recorded::Unfit(why) => return self.leave_out(why),
            Recorded::Refused(answer) => {
                return self.leave_out(format!("a call was refused with status {}", answer.status));
            }
        };
        let BatchRecord { model, region, input, .. } = record;
        let to = self.to.get_or_insert_with(|| (model.clone(), region.clone()));
        if *to != (model, region) {
            return self.leave_out("a call leads elsewhere than the first one".to_owned());
        }
        let bytes = self.bytes + input.len() as u64 + AROUND;
        if bytes > MOST_BYTES {
            return self.leave_out("its calls are larger than it takes at once".to_owned());
        }
        self.bytes = bytes;
        piece.put_slice(format!("{{\"recordId\":\"{}\",\"modelInput\":", id(number)).as_bytes());
        piece.put_slice(&input);
        piece.put_slice(b"}\n");
        self.records += 1;
    }

    fn leave_out(&mut self, why: String) {
        self.left_out += 1;
        self.why.get_or_insert(why);
    }
}

/// Whether a refusal is none of the call's, and passes: what is away, or too busy. Budgets and limits (429) may take longer
/// than the batch has.
const fn passes(answer: &InferenceAnswer) -> bool {
    answer.status >= 500 && !answer.is_final
}

/// The id of the record of a line: eleven letters and digits, as Bedrock makes them itself.
pub(super) fn id(number: u64) -> String {
    format!("L{number:010}")
}

/// The line of a record.
pub(super) fn number(id: &str) -> Option<u64> {
    id.strip_prefix('L')?.parse().ok()
}
