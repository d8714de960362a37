//! What a large file costs in memory while it is taken in and given out. A process of its own, since its peak is what is
//! measured, with the allocator that the servers have; Linux, which tells it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "it/files_world.rs"]
mod files_world;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "it/world.rs"]
mod world;

use bytes::Bytes;
use files_world::{Files, file, form, text};
use futures::{StreamExt as _, stream};
use outcrop_config::FilesConfig;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MIB: usize = 1 << 20;
const PIECES: usize = 200;
/// What may be held of it at once, in both directions and at both ends: a few pieces of the upload, of 8 MiB each.
const MOST: usize = 64 * MIB;

/// The most that this process ever held, bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[actix_web::test]
async fn a_file_of_200_mib_costs_a_few_parts_of_it() {
    let files = Files::new(FilesConfig::default()).await;
    // Whatever is made once is made now.
    files.upload("small", "x").await;
    let before = peak();

    let whole = form(&[text("purpose", "user_data"), file("large.bin", "|")]);
    let (head, tail) = whole.split_once('|').unwrap();
    let ends = |end: &str| stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(end.as_bytes()))]);
    let pieces = stream::iter(0..PIECES).map(|number| Ok(Bytes::from(vec![b'a' + (number % 26) as u8; MIB])));
    let body = reqwest::Body::wrap_stream(ends(head).chain(pieces).chain(ends(tail)));
    let request = files.send(body).timeout(std::time::Duration::from_secs(120));
    let made: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(made["bytes"], PIECES * MIB, "{made}");

    let path = format!("/v1/files/{}/content", made["id"].as_str().unwrap());
    let request = files.ask(reqwest::Method::GET, &path).timeout(std::time::Duration::from_secs(120));
    let mut read = 0;
    let mut bytes = request.send().await.unwrap().bytes_stream();
    while let Some(piece) = bytes.next().await {
        read += piece.unwrap().len();
    }
    assert_eq!(read, PIECES * MIB);
    let cost = peak() - before;
    assert!(cost < MOST, "{cost} bytes for a file of {}", PIECES * MIB);
}
