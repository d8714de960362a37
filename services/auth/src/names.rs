//! What people may call things.

use crate::AdminError;

/// Longest name, characters.
const MAX_CHARS: usize = 100;

/// Longest email address, bytes: what a mail server takes (RFC 5321, less the brackets around it).
const MAX_EMAIL: usize = 254;

/// A name as it is kept: without the spaces around it, 1 to 100 characters, none of which is invisible.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String, AdminError> {
    let text = text.trim();
    if (1..=MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(is_hidden) {
        return Ok(text.to_owned());
    }
    let message = format!("`{field}` must have 1 to {MAX_CHARS} characters and no control characters");
    Err(AdminError::invalid(field, message))
}

/// An email address as it is kept. Whether somebody reads there only a message can tell.
pub(crate) fn email(text: &str) -> Result<String, AdminError> {
    let text = text.trim();
    let parts = text.split_once('@');
    let fits = text.len() <= MAX_EMAIL
        && !text.chars().any(|it| it.is_whitespace() || is_hidden(it))
        && parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if fits {
        return Ok(text.to_owned());
    }
    let message = format!("`email` must be an address with one `@` and at most {MAX_EMAIL} bytes");
    Err(AdminError::invalid("email", message))
}

/// Control characters, and those that make a text look like another: two names that look alike are a trap for
/// whoever gives out rights by name.
pub(crate) fn is_hidden(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("name", "  Ünï ").unwrap(), "Ünï");
        assert!(name("name", &"ü".repeat(100)).is_ok());
        for bad in ["", "   ", "a\nb", "admin\u{200b}", "\u{202e}nimda", &"x".repeat(101)] {
            assert!(name("name", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_email_address_has_two_sides() {
        assert_eq!(email(" a@b.example ").unwrap(), "a@b.example");
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", &format!("{}@b", "x".repeat(253))] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
