//! What a start prints: where the platform is and how to talk to it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use outcrop_auth::FirstKey;

/// This program's name.
const NAME: &str = "outcrop";

/// The address as a client on this machine would write it: a wildcard address is nobody's destination.
pub(crate) fn base_url(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", address.port())
}

/// How a shell in this folder calls this program: by its name if that finds it, else by its path.
pub(crate) fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return NAME.to_owned() };
    let found = std::env::var_os("PATH").is_some_and(|folders| {
        let first =
            std::env::split_paths(&folders).map(|folder| folder.join(NAME)).find(|file| file.is_file());
        first.and_then(|file| file.canonicalize().ok()) == path.canonicalize().ok()
    });
    if found {
        return NAME.to_owned();
    }
    let here =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    let shown = here.unwrap_or(path).display().to_string();
    if shown.contains([' ', '\'']) { format!("'{}'", shown.replace('\'', r"'\''")) } else { shown }
}

/// The first start's block: the only time that the key is shown. Each line works when pasted into a shell.
pub(crate) fn first(url: &str, first: &FirstKey, model: &str, program: &str) -> String {
    let (key, admin, team) = (first.key.expose(), &first.admin.name, &first.team.name);
    let message = r#"[{"role":"user","content":"Hello"}]"#;
    format!(
        "\
Outcrop is ready on {url}

The first admin is `{admin}`, of the team `{team}`. Its API key, shown only this once:

  {key}

Try it:

  curl -sN {url}/v1/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' \
-d '{{\"model\":\"{model}\",\"messages\":{message},\"stream\":true}}'

  python3 -c 'from openai import OpenAI; print(OpenAI(base_url=\"{url}/v1\", api_key=\"{key}\")\
.chat.completions.create(model=\"{model}\", messages={message}).choices[0].message.content)'

  OUTCROP_API_KEY={key} {program} chat --url {url} 'Hello'

"
    )
}

/// Every later start's block.
pub(crate) fn again(url: &str, data_dir: Option<&str>, program: &str) -> String {
    let folder = data_dir.map_or_else(String::new, |folder| format!(" --data-dir '{folder}'"));
    format!("Outcrop is ready on {url}\nAnother API key: {program}{folder} keys create\n")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use outcrop_types::{PresentedKey, Team, TeamId, User, UserId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn wildcards_become_addresses_one_can_call() {
        for (address, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:81", "http://[::1]:81"),
            ("10.0.0.3:82", "http://10.0.0.3:82"),
            ("[fe80::1]:83", "http://[fe80::1]:83"),
        ] {
            assert_eq!(base_url(address.parse().unwrap()), url);
        }
    }

    fn first_key() -> FirstKey {
        let (at, key) = (DateTime::UNIX_EPOCH, PresentedKey::generate([3; 16], [5; 86]));
        let admin = User {
            id: UserId::new(Uuid::nil()),
            name: "admin".into(),
            email: None,
            created_at: at,
            disabled_at: None,
            revision: 0,
        };
        FirstKey {
            key,
            admin,
            team: Team {
                id: TeamId::new(Uuid::nil()),
                name: "default".into(),
                created_at: at,
                disabled_at: None,
                revision: 0,
            },
        }
    }

    #[test]
    fn the_key_is_shown_first_and_never_again() {
        let text = first("http://h:1", &first_key(), "m", "target/debug/outcrop");
        assert!(text.contains(&format!("\n  {}\n", first_key().key.expose())), "{text}");
        assert!(text.contains("`admin`") && text.contains("target/debug/outcrop chat"), "{text}");
        assert!(text.contains("\"model\":\"m\""), "{text}");
        assert!(!again("http://h:1", None, "outcrop").contains("ock_"));
        assert!(again("http://h:1", Some("a b"), "outcrop").contains("outcrop --data-dir 'a b' keys create"));
    }
}
