//! What a start prints: where the platform is and how to talk to it.

use std::net::{IpAddr, SocketAddr};

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

/// The first start's block: the only time that the key is shown. Both lines work when pasted into a shell.
pub(crate) fn first(url: &str, key: &str, model: &str) -> String {
    let message = r#"[{"role":"user","content":"Hello"}]"#;
    format!(
        "\
Outcrop is ready on {url}

Your API key, shown only this once:

  {key}

Try it:

  curl -sN {url}/v1/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' \
-d '{{\"model\":\"{model}\",\"messages\":{message},\"stream\":true}}'

  python3 -c 'from openai import OpenAI; print(OpenAI(base_url=\"{url}/v1\", api_key=\"{key}\")\
.chat.completions.create(model=\"{model}\", messages={message}).choices[0].message.content)'

  OUTCROP_API_KEY={key} outcrop chat --url {url} 'Hello'

"
    )
}

/// Every later start's block.
pub(crate) fn again(url: &str, data_dir: Option<&str>) -> String {
    let folder = data_dir.map_or_else(String::new, |folder| format!(" --data-dir '{folder}'"));
    format!("Outcrop is ready on {url}\nAnother API key: outcrop{folder} keys create\n")
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_key_is_shown_first_and_never_again() {
        let text = first("http://h:1", "ock_k", "m");
        assert!(text.contains("\n  ock_k\n"), "{text}");
        assert!(text.contains("\"model\":\"m\""), "{text}");
        assert!(!again("http://h:1", None).contains("ock_"));
        assert!(again("http://h:1", Some("a b")).contains("outcrop --data-dir 'a b' keys create"));
    }
}
