//! Blobs as files.

mod read;
mod upload;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{
    BlobRead, BlobUpload, Blobs, IdGen, PortError, Probe, SignedUrl, SignedUse, check_blob_key,
    check_blob_size,
};

use self::upload::FileUpload;
use crate::SystemIdGen;

/// Where files are written before they are renamed into place. No key has a `~` in it.
const TEMPORARY: &str = "~tmp";
/// What ends the name of a folder that stands for a `/`, so that the keys `a` and `a/b` can both be there.
const FOLDER: char = '+';
/// What ends the name of a folder that only breaks up a part too long for a file name.
const CONTINUED: char = '=';
/// Longest piece of a key in one name; file systems allow 255 bytes.
const PIECE: usize = 200;
/// A temporary file this old belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// A blob per file below one folder, for this user only (mode 0600).
///
/// Written to a temporary file first and then renamed, so that a reader, or a crash, finds the old or the new.
/// On file systems that ignore case, keys that differ only in case are the same blob.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    root: PathBuf,
    sync: bool,
}

impl FileBlobs {
    /// Uses a folder, made if need be, and removes what a crash left unfinished in it.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, PortError> {
        let root = root.into();
        let attempted = || format!("use the folder {} for files", root.display());
        let temporary = root.join(TEMPORARY);
        make_folder(&temporary).map_err(|error| PortError::unavailable(attempted(), error))?;
        remove_abandoned(&temporary).map_err(|error| PortError::unavailable(attempted(), error))?;
        Ok(Self { root, sync: true })
    }

    /// Whether a blob is on the disk, not only in the system's cache, before `put` returns; it is by default.
    #[must_use]
    pub fn with_sync(self, sync: bool) -> Self {
        Self { sync, ..self }
    }

    /// The file of a key that was checked.
    fn path(&self, key: &str) -> PathBuf {
        let mut path = self.root.clone();
        let mut rest = key;
        loop {
            let end = rest.find('/').unwrap_or(rest.len());
            // Cuts fall between characters: keys are ASCII.
            if end > PIECE {
                path.push(format!("{}{CONTINUED}", &rest[..PIECE]));
                rest = &rest[PIECE..];
            } else if end < rest.len() {
                path.push(format!("{}{FOLDER}", &rest[..end]));
                rest = &rest[end + 1..];
            } else {
                path.push(rest);
                return path;
            }
        }
    }

    fn temporary(&self) -> PathBuf {
        self.root.join(TEMPORARY).join(SystemIdGen.uuid().simple().to_string())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary();
        let written = self.write_new(&temporary, bytes).and_then(|()| self.rename(&temporary, path));
        if written.is_err() {
            // Perhaps it was never made; what matters is the first error.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Puts a temporary file that is whole in its place.
    fn rename(&self, temporary: &Path, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(&self.root);
        let is_new = !parent.exists();
        make_folder(parent)?;
        std::fs::rename(temporary, path)?;
        if self.sync { self.sync_folders(parent, is_new) } else { Ok(()) }
    }

    /// Makes a rename last through a power cut, and the folders above it if they may be new as well.
    fn sync_folders(&self, folder: &Path, is_new: bool) -> io::Result<()> {
        // Elsewhere a folder cannot be opened as a file.
        if cfg!(unix) {
            let below_root = folder.ancestors().take_while(|it| it.starts_with(&self.root));
            for folder in below_root.take(if is_new { usize::MAX } else { 1 }) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create(path)?;
        file.write_all(bytes)?;
        if self.sync { file.sync_all() } else { Ok(()) }
    }

    /// Makes a temporary file.
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        check_blob_key(key)?;
        check_blob_size(bytes.len() as u64)?;
        let (blobs, path) = (self.clone(), self.path(key));
        let attempted = || format!("write the file `{key}`");
        blocking(move || blobs.write(&path, &bytes))
            .await
            .map_err(|error| PortError::unavailable(attempted(), error))
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        check_blob_key(key)?;
        let path = self.path(key);
        let read = blocking(move || read(&path)).await;
        let read = read.map_err(|error| PortError::unavailable(format!("read the file `{key}`"), error))?;
        if let Some(bytes) = &read {
            check_blob_size(bytes.len() as u64)?;
        }
        Ok(read)
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        check_blob_key(key)?;
        let path = self.path(key);
        let removed = blocking(move || match std::fs::remove_file(&path) {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        });
        removed.await.map_err(|error| PortError::unavailable(format!("remove the file `{key}`"), error))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, PortError> {
        check_blob_key(key)?;
        let path = self.path(key);
        let size = blocking(move || match std::fs::metadata(&path) {
            Err(error) if is_absent(&error) => Ok(None),
            other => other.map(|metadata| Some(metadata.len())),
        });
        size.await.map_err(|error| PortError::unavailable(format!("measure the file `{key}`"), error))
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError> {
        check_blob_key(key)?;
        read::read(self.path(key), range).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn BlobUpload>, PortError> {
        check_blob_key(key)?;
        Ok(Box::new(FileUpload::begin(self.clone(), self.path(key)).await?))
    }

    async fn sign(
        &self,
        key: &str,
        _usage: &SignedUse,
        _valid: Duration,
    ) -> Result<Option<SignedUrl>, PortError> {
        // Nobody but this process reads the folder.
        check_blob_key(key).map(|()| None)
    }

    fn s3_uri(&self, _key: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl Probe for FileBlobs {
    fn name(&self) -> &'static str {
        "files"
    }

    async fn probe(&self) -> Result<(), PortError> {
        let blobs = self.clone();
        blocking(move || {
            let path = blobs.temporary();
            blobs.write_new(&path, b"probe").and_then(|()| std::fs::remove_file(&path))
        })
        .await
        .map_err(|error| PortError::unavailable("write and remove a file", error))
    }
}

/// Runs file work on a thread that may block. It goes on if the caller goes away, so nothing is half done.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(io::Error::other(stopped)),
    }
}

/// Reads a file, but no more than shows that it is too large.
fn read(path: &Path) -> io::Result<Option<Bytes>> {
    let Some(file) = open_there(path)? else { return Ok(None) };
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let most = outcrop_ports::MAX_BLOB_BYTES + 1;
    let mut bytes = Vec::with_capacity(size.min(most));
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(Some(Bytes::from(bytes)))
}

/// Opens a file to read it, if it is there.
fn open_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if is_absent(&error) => Ok(None),
        other => other.map(Some),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn remove_abandoned(temporary: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(temporary)? {
        let entry = entry?;
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed());
        if matches!(age, Ok(Ok(age)) if age > ABANDONED) {
            // Another process may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_ports::{PortFailure, contract};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn keeps_the_contract() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || FileBlobs::open(folder.path().join("deep/files")).expect("a folder").with_sync(false);
        contract::blobs(|| async { Arc::new(open()) as Arc<dyn Blobs> }).await;
        let left =
            std::fs::read_dir(folder.path().join("deep/files").join(TEMPORARY)).expect("a folder").count();
        assert_eq!(left, 0, "no temporary file stays");
    }

    #[test]
    fn every_key_has_a_path_of_its_own_with_short_names() {
        let blobs = FileBlobs { root: PathBuf::from("r"), sync: false };
        let long = "x".repeat(450);
        let check = |key: &str, expect: &str| assert_eq!(blobs.path(key), Path::new(expect));
        check("a", "r/a");
        check("a/b", "r/a+/b");
        check("tmp", "r/tmp");
        let (piece, rest) = (&long[..200], &long[400..]);
        check(&long, &format!("r/{piece}=/{piece}=/{rest}"));
        check(&format!("{piece}/{rest}"), &format!("r/{piece}+/{rest}"));
        check(&format!("{piece}{rest}"), &format!("r/{piece}=/{rest}"));
    }

    #[tokio::test]
    async fn syncs_when_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = FileBlobs::open(folder.path()).expect("a folder").with_sync(true);
        blobs.put("a/b", Bytes::from_static(b"x")).await.expect("written");
        assert_eq!(blobs.get("a/b").await.expect("read").expect("there"), "x");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_are_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = FileBlobs::open(folder.path()).expect("a folder");
        blobs.put("a/b", Bytes::from_static(b"x")).await.expect("written");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("a+/b")), 0o600);
        assert_eq!(mode(&folder.path().join("a+")), 0o700);
    }

    #[tokio::test]
    async fn the_probe_notices_that_the_folder_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = FileBlobs::open(folder.path().join("files")).expect("a folder");
        blobs.probe().await.expect("there");
        std::fs::remove_dir_all(folder.path().join("files")).expect("removed");
        let error = blobs.probe().await.expect_err("gone");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(blobs.put("a", Bytes::new()).await.is_err());
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "x").expect("written");
        let error = FileBlobs::open(&path).expect_err("not a folder");
        assert!(error.chain().contains(&*path.to_string_lossy()), "{}", error.chain());
    }

    #[test]
    fn opening_removes_only_what_was_abandoned() {
        let folder = tempfile::tempdir().expect("a folder");
        FileBlobs::open(folder.path()).expect("a folder");
        let (old, new) =
            (folder.path().join(TEMPORARY).join("old"), folder.path().join(TEMPORARY).join("new"));
        std::fs::write(&new, "x").expect("written");
        let file = File::create(&old).expect("made");
        let long_ago = file.metadata().and_then(|it| it.modified()).expect("a time") - ABANDONED * 2;
        file.set_modified(long_ago).expect("set");
        FileBlobs::open(folder.path()).expect("a folder");
        assert!(new.exists() && !old.exists());
    }
}
