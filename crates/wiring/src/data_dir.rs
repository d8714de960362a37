//! The data folder and the secret that is made in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use outcrop_config::Config;
use outcrop_ports::IdGen;
use secrecy::SecretString;

use crate::WiringError;

/// Holds what the platform made up for itself; losing it makes every API key worthless.
const SECRETS_FILE: &str = "secrets.toml";

/// Makes the data folder, for this user only, if it is not there.
pub fn make_data_dir(config: &Config) -> Result<(), WiringError> {
    let folder = &config.data_dir.0;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| WiringError::failed(format!("use {} as data folder", folder.display()), &error))
}

/// The secret under which keys are hashed, out of the data folder; made there on the first start.
pub(crate) fn key_secret(config: &Config, ids: &dyn IdGen) -> Result<SecretString, WiringError> {
    make_data_dir(config)?;
    let file = config.data_dir.0.join(SECRETS_FILE);
    let failed = |error: io::Error| WiringError::failed(format!("use {}", file.display()), &error);
    // Two first starts at once must not each make a secret; the lock goes with the file's closing.
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(config.data_dir.0.join("secrets.lock"))
        .map_err(failed)?;
    lock.lock().map_err(failed)?;
    match fs::read_to_string(&file) {
        Ok(text) => parse(&text, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = fresh(ids);
            write(&file, &secret).map_err(failed)?;
            Ok(secret.into())
        }
        Err(error) => Err(failed(error)),
    }
}

fn parse(text: &str, file: &Path) -> Result<SecretString, WiringError> {
    let secret = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == "key_secret")
        .map(|(_, value)| value.trim().trim_matches('"'));
    match secret {
        Some(secret) if secret.len() >= 32 => Ok(secret.to_owned().into()),
        _ => Err(WiringError::setting(format!(
            "{} holds no key_secret of 32 bytes or more; restore it, or keys made so far will not work",
            file.display()
        ))),
    }
}

fn fresh(ids: &dyn IdGen) -> String {
    let mut bytes = [0; 32];
    ids.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whole or not at all, also when the machine stops in between.
fn write(file: &Path, secret: &str) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    let mut open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    open.write_all(
        format!("# Made by Outcrop. API keys are hashed under this: keep it, and keep it secret.\nkey_secret = \"{secret}\"\n")
            .as_bytes(),
    )?;
    open.sync_all()?;
    fs::rename(&temporary, file)?;
    let folder = file.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use outcrop_config::DataDir;
    use outcrop_embedded::SystemIdGen;
    use secrecy::ExposeSecret;

    use super::*;

    fn config(folder: PathBuf) -> Config {
        Config { data_dir: DataDir(folder), ..Config::default() }
    }

    #[test]
    fn a_secret_is_made_once_and_for_this_user_only() {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path().join("a/b"));
        let first = key_secret(&config, &SystemIdGen).unwrap();
        let again = key_secret(&config, &SystemIdGen).unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(root.path().join("a/b")), 0o700);
        assert_eq!(mode(root.path().join("a/b/secrets.toml")), 0o600);
    }

    #[test]
    fn starts_at_once_agree() {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path().to_owned());
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| key_secret(&config, &SystemIdGen).unwrap())).collect();
            threads.into_iter().map(|it| it.join().unwrap().expose_secret().to_owned()).collect()
        });
        assert!(secrets.iter().all(|it| it == &secrets[0]));
    }

    #[test]
    fn a_damaged_secret_is_no_reason_for_a_new_one() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(SECRETS_FILE), "key_secret = \"short\"\n").unwrap();
        let error = key_secret(&config(root.path().to_owned()), &SystemIdGen).unwrap_err();
        assert!(error.is_setting() && !error.to_string().contains("short"), "{error}");
    }

    #[test]
    fn a_file_in_the_folders_place_is_told_in_one_line() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let error = make_data_dir(&config(file)).unwrap_err().to_string();
        assert!(error.starts_with("could not use ") && !error.contains('\n'), "{error}");
    }
}
