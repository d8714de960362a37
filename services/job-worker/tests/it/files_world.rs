//! A worker that is asked for files over HTTP.

use std::path::Path;
use std::sync::Arc;

use outcrop_config::FilesConfig;
use outcrop_embedded::{FileBlobs, SystemIdGen};
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{JobOptions, JobWorker};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::world::{Scripted, World, answer, client, developer};

/// What separates the parts of a form.
const BOUNDARY: &str = "7f3a";

pub(crate) struct Files {
    pub(crate) world: World,
    pub(crate) worker: JobWorker,
    server: TestServer,
    /// The server as another team sees it.
    others: TestServer,
    folder: tempfile::TempDir,
}

impl Files {
    pub(crate) async fn new(files: FilesConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Arc::new(FileBlobs::open(folder.path().to_owned()).unwrap());
        let world = World::new(Scripted::default(), None, |ports| ports.blobs = blobs).await;
        let worker = JobWorker::new(world.ports.clone(), JobOptions { files, ..JobOptions::default() });
        let serve = |team| {
            let routes = outcrop_job_worker::routes(&worker);
            TestServer::start(Some(developer(team)), Arc::new(SystemIdGen), Vec::new(), routes)
        };
        let (server, others) = (serve(1), serve(2));
        Self { world, worker, server, others, folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, self.url(path))
    }

    pub(crate) fn ask_as_other(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, format!("{}{path}", self.others.url))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.ask(Method::GET, path)).await
    }

    /// Sends a form.
    pub(crate) fn send(&self, form: impl Into<reqwest::Body>) -> RequestBuilder {
        let typ = format!("multipart/form-data; boundary={BOUNDARY}");
        self.ask(Method::POST, "/v1/files").header("content-type", typ).body(form)
    }

    pub(crate) async fn post(&self, parts: &[String]) -> (u16, Value) {
        answer(self.send(form(parts))).await
    }

    /// Uploads a file for batches; its id.
    pub(crate) async fn upload(&self, name: &str, bytes: &str) -> String {
        let (status, file) = self.post(&[text("purpose", "batch"), file(name, bytes)]).await;
        assert_eq!(status, 200, "{file}");
        file["id"].as_str().unwrap().to_owned()
    }

    /// How many blobs there are, unfinished ones among them.
    pub(crate) fn blobs(&self) -> usize {
        count(self.folder.path())
    }
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

pub(crate) fn form(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("--{BOUNDARY}\r\n{part}\r\n")).collect();
    format!("{parts}--{BOUNDARY}--\r\n")
}

pub(crate) fn text(name: &str, value: &str) -> String {
    format!("content-disposition: form-data; name=\"{name}\"\r\n\r\n{value}")
}

pub(crate) fn file(name: &str, bytes: &str) -> String {
    format!(
        "content-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: text/plain\r\n\r\n{bytes}"
    )
}
