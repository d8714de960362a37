//! The Files API (openai-python 3.52, `types/file_object.py`, `types/file_create_params.py`;
//! <https://platform.openai.com/docs/api-reference/files>): what is asked for, and how a file is shown.

mod request;
mod view;

pub use outcrop_chat::InvalidRequest;
pub use request::{Announcement, Form, digest, filename, parse_announcement};
pub use view::{Direct, show, show_deleted, show_direct, show_list, show_url};
