//! Server-sent events, as far as one answer needs them (WHATWG HTML, section 9.2: lines, `data:`, comments).

/// Longest line taken: far above any piece of an answer.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// A line without end.
#[derive(Debug)]
pub(crate) struct LineTooLong;

impl std::fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a line is longer than {MAX_LINE} bytes")
    }
}

/// Finds the `data:` lines in bytes that come in any pieces. Each of our servers' events has one such line.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rest: Vec<u8>,
}

impl Events {
    /// The data of every line that these bytes complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, LineTooLong> {
        let mut found = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if self.rest.len() > MAX_LINE {
                return Err(LineTooLong);
            }
            if self.rest.last() == Some(&b'\n') {
                let line = String::from_utf8_lossy(&self.rest);
                if let Some(data) = line.strip_prefix("data:") {
                    found.push(data.trim_end_matches(['\r', '\n']).trim_start_matches(' ').to_owned());
                }
                self.rest.clear();
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_same_events_however_they_are_cut() {
        let text =
            "data: {\"a\":\"ü\"}\n\n: comment\r\n\r\nevent: x\ndata:two\r\n\r\ndata: [DONE]\n\n".as_bytes();
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<String> =
                text.chunks(size).flat_map(|piece| events.push(piece).unwrap()).collect();
            assert_eq!(found, ["{\"a\":\"ü\"}", "two", "[DONE]"], "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut events = Events::default();
        assert!(events.push(&vec![b'x'; MAX_LINE]).is_ok());
        assert!(events.push(b"x").is_err());
    }
}
