//! A blob that is read piece by piece.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use outcrop_ports::{BlobRead, PortError};

use super::{blocking, open_there};

/// Largest piece.
const PIECE: u64 = 256 * 1024;

/// Opens the file; what is read is that version, whoever writes another meanwhile.
pub(super) async fn read(path: PathBuf, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError> {
    let opened = blocking(move || {
        let Some(mut file) = open_there(&path)? else { return Ok(None) };
        let size = file.metadata()?.len();
        let range = range.unwrap_or(0..size);
        let from = range.start.min(size);
        file.seek(SeekFrom::Start(from))?;
        Ok(Some((file, size, range.end.min(size).saturating_sub(from))))
    });
    let Some((file, size, left)) = opened.await.map_err(failed)? else { return Ok(None) };
    let bytes = futures::stream::try_unfold((file, left), |(file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let (file, piece) = blocking(move || read_piece(file, left.min(PIECE))).await.map_err(failed)?;
        let left = left - piece.len() as u64;
        Ok(Some((piece, (file, left))))
    });
    Ok(Some(BlobRead { size, bytes: Box::pin(bytes) }))
}

fn read_piece(mut file: File, most: u64) -> io::Result<(File, Bytes)> {
    let mut piece = BytesMut::zeroed(usize::try_from(most).unwrap_or(usize::MAX));
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                piece.truncate(read);
                return Ok((file, piece.freeze()));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn failed(error: io::Error) -> PortError {
    PortError::unavailable("read a file piece by piece", error)
}
