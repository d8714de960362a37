//! nginx as one runs it before the platform: takes turns, and asks the next where one is away or says that it is stopping.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use outcrop_testkit::Process;

/// A group of replicas and the port before them.
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) port: u16,
    /// `host:port` of each.
    pub(crate) replicas: Vec<String>,
}

/// Starts it before these groups. Dropping it ends it.
pub(crate) fn start(folder: &Path, groups: &[Group<'_>]) -> Process {
    let home = folder.join("nginx");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("nginx.conf"), configuration(&home, groups)).unwrap();
    let mut command = Command::new(outcrop_testkit::nginx());
    command.arg("-p").arg(&home).arg("-c").arg(home.join("nginx.conf"));
    let mut process = Process::start("nginx", &mut command, &folder.join("nginx.log")).unwrap();
    for group in groups {
        process.wait_for_port(group.port, Duration::from_secs(10)).unwrap();
    }
    process
}

/// The rules that docs/upgrading.md gives: where a replica refuses connections, breaks one off before it answered, or says 503,
/// the next is asked. Requests may be asked again although they are POSTs: a process that stops refuses new ones before it does
/// anything for them. No replica is left alone for its failures: while one of two restarts, a single 503 of the other would
/// leave nginx without anybody to ask.
fn configuration(home: &Path, groups: &[Group<'_>]) -> String {
    let home = home.display();
    let mut text = format!(
        "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log warn;\n\
         events {{ worker_connections 1024; }}\nhttp {{\n  access_log off;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "  {kind}_temp_path {home}/{kind};").unwrap();
    }
    text.push_str(
        "  proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n  proxy_set_header Host $http_host;\n  \
         proxy_buffering off;\n  proxy_connect_timeout 1s;\n  proxy_read_timeout 600s;\n  \
         proxy_next_upstream error http_503 non_idempotent;\n  proxy_next_upstream_tries 2;\n",
    );
    for Group { name, port, replicas } in groups {
        writeln!(text, "  upstream {name} {{").unwrap();
        for replica in replicas {
            writeln!(text, "    server {replica} max_fails=0;").unwrap();
        }
        text.push_str("    keepalive 32;\n  }\n");
        writeln!(text, "  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{name}; }} }}")
            .unwrap();
    }
    text.push_str("}\n");
    text
}
