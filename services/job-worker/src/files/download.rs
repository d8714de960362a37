//! Giving a file out, or a part of it (RFC 9110, section 14).

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use outcrop_ports::PortError;
use outcrop_types::{FileId, StoredFile, TeamId};
use tokio::time::Instant;

use super::FileError;
use crate::JobWorker;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These bytes of it.
    Some(Range<u64>),
    /// What it does not have.
    Beyond,
}

/// A file that is given out.
pub(crate) struct Download {
    /// The file.
    pub(crate) file: StoredFile,
    /// Which part of it.
    pub(crate) part: Part,
}

impl Part {
    /// Reads `range`. What is not understood, or asks for several ranges, is answered with the whole.
    fn parse(header: Option<&str>, size: u64) -> Self {
        let Some(asked) = header.and_then(|it| it.trim().strip_prefix("bytes=")) else { return Self::Whole };
        let Some((first, last)) = asked.trim().split_once('-') else { return Self::Whole };
        let number =
            |text: &str| text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
        match (number(first), number(last), first.is_empty(), last.is_empty()) {
            (Some(first), Some(last), ..) if last < first => Self::Whole,
            (Some(first), _, false, _) if first >= size => Self::Beyond,
            (Some(first), Some(last), ..) => Self::Some(first..last.saturating_add(1).min(size)),
            (Some(first), None, false, true) => Self::Some(first..size),
            (None, Some(0), true, false) => Self::Beyond,
            (None, Some(count), true, false) => Self::Some(size.saturating_sub(count)..size),
            _ => Self::Whole,
        }
    }
}

impl Download {
    /// A name for exactly these bytes: a file never changes.
    pub(crate) fn etag(&self) -> String {
        match &self.file.sha256 {
            Some(sha256) => format!("\"{sha256}\""),
            None => format!("\"{}\"", self.file.id),
        }
    }

    /// The bytes that are given out.
    pub(crate) const fn range(&self) -> Range<u64> {
        match &self.part {
            Part::Whole => 0..self.file.bytes,
            Part::Some(range) => range.start..range.end,
            Part::Beyond => 0..0,
        }
    }
}

impl JobWorker {
    /// Finds a file and the part of it that is asked for: `range` and `if-range` as the client wrote them.
    pub(crate) async fn open_file(
        &self,
        team: TeamId,
        id: FileId,
        range: Option<&str>,
        if_range: Option<&str>,
    ) -> Result<Download, FileError> {
        let file = self.get_whole_file(team, id).await?;
        let mut download = Download { file, part: Part::Whole };
        if if_range.is_none_or(|etag| etag == download.etag()) {
            download.part = Part::parse(range, download.file.bytes);
        }
        Ok(download)
    }

    /// The bytes, as they come; ends with an error when the transfer takes too long.
    pub(crate) async fn read_file(
        &self,
        download: &Download,
    ) -> Result<impl Stream<Item = Result<Bytes, PortError>> + Send + 'static, FileError> {
        let read = self.ports.blobs.read(&download.file.blob, Some(download.range())).await?;
        let read = read.ok_or(FileError::NoFile)?;
        let until = Instant::now() + Duration::from_millis(self.options.files.transfer_timeout_ms);
        Ok(stream::unfold(Some(read.bytes), move |bytes| async move {
            let mut bytes = bytes?;
            match tokio::time::timeout_at(until, bytes.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(bytes))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Err(late) => Some((Err(PortError::broken("send a file in time", late)), None)),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        let check =
            |header: &str, expected: Part| assert_eq!(Part::parse(Some(header), 10), expected, "{header}");
        check("bytes=0-3", Part::Some(0..4));
        check("bytes=9-", Part::Some(9..10));
        check("bytes=3-99", Part::Some(3..10));
        check("bytes=-4", Part::Some(6..10));
        check("bytes=-99", Part::Some(0..10));
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            check(beyond, Part::Beyond);
        }
        for whole in ["bytes=4-3", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-", "bytes=+1-2", ""] {
            check(whole, Part::Whole);
        }
        assert_eq!(Part::parse(None, 10), Part::Whole);
    }
}
