//! What people may call things.

use crate::AdminError;

/// Longest name, characters.
const MAX_CHARS: usize = 100;

/// Longest email address, bytes: what a mail server takes (RFC 5321, less the brackets around it).
const MAX_EMAIL: usize = 254;

/// A name as it is kept: without the spaces around it, 1 to 100 characters, none of which is invisible.
///
/// Two names that look alike are a trap for whoever gives out rights by name.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String, AdminError> {
    let text = text.trim();
    if (1..=MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(is_hidden) {
        return Ok(text.to_owned());
    }
    let message = format!("`{field}` must have 1 to {MAX_CHARS} characters and no invisible ones");
    Err(AdminError::invalid(field, message))
}

/// The same for a user or a service account that somebody here makes or renames. A `:` is kept for those who come
/// from outside, whose names begin with that of their issuer: nobody else is to be taken for one of them.
pub(crate) fn account_name(text: &str) -> Result<String, AdminError> {
    let called = name("name", text)?;
    if called.contains(':') {
        let message = "`name` may not hold a `:`, which is kept for those who come from outside";
        return Err(AdminError::invalid("name", message));
    }
    Ok(called)
}

/// A new name for what is called `before`. To say the one that it has is to leave it.
pub(crate) fn new_account_name(before: &str, text: &str) -> Result<String, AdminError> {
    if text == before { Ok(text.to_owned()) } else { account_name(text) }
}

/// An email address as it is kept. Whether somebody reads there only a message can tell.
pub(crate) fn email(text: &str) -> Result<String, AdminError> {
    let text = text.trim();
    let parts = text.split_once('@');
    let fits = text.len() <= MAX_EMAIL
        && !text.chars().any(|it| it == ' ' || is_hidden(it))
        && parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if fits {
        return Ok(text.to_owned());
    }
    let message = format!("`email` must be an address with one `@` and at most {MAX_EMAIL} bytes");
    Err(AdminError::invalid("email", message))
}

/// What makes a text look like another: control characters, spaces other than the plain one, and what is not shown
/// at all (the Unicode property `Default_Ignorable_Code_Point` and interlinear annotations).
pub(crate) fn is_hidden(it: char) -> bool {
    it.is_control()
        || (it.is_whitespace() && it != ' ')
        || matches!(it,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
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
    fn what_is_not_seen_is_in_no_name() {
        let ranges = [
            '\u{ad}'..='\u{ad}',
            '\u{34f}'..='\u{34f}',
            '\u{61c}'..='\u{61c}',
            '\u{115f}'..='\u{1160}',
            '\u{17b4}'..='\u{17b5}',
            '\u{180b}'..='\u{180f}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202f}',
            '\u{2060}'..='\u{206f}',
            '\u{3164}'..='\u{3164}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{ffa0}'..='\u{ffa0}',
            '\u{fff0}'..='\u{fffb}',
            '\u{1bca0}'..='\u{1bca3}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0000}'..='\u{e0fff}',
            '\u{a0}'..='\u{a0}',
            '\u{2000}'..='\u{200a}',
            '\u{3000}'..='\u{3000}',
        ];
        for it in ranges.into_iter().flatten() {
            assert!(name("name", &format!("ad{it}min")).is_err(), "{it:?}");
        }
        for seen in ["Ada Lovelace", "한국", "ᚠ", "日本語", "a\u{301}", "🦀"] {
            assert_eq!(name("name", seen).unwrap(), seen);
        }
    }

    #[test]
    fn a_colon_is_for_those_from_outside() {
        assert_eq!(account_name(" ada ").unwrap(), "ada");
        for bad in ["local:ada", ":", "aws:arn:aws:iam::123456789012:role/app"] {
            assert_eq!(account_name(bad).unwrap_err().param(), Some("name"), "{bad}");
        }
        assert_eq!(new_account_name("local:ada", "local:ada").unwrap(), "local:ada");
        assert_eq!(new_account_name("local:ada", "ada").unwrap(), "ada");
        assert!(new_account_name("local:ada", "local:eve").is_err());
        assert!(new_account_name("ada", "local:ada").is_err());
    }

    #[test]
    fn an_email_address_has_two_sides() {
        assert_eq!(email(" a@b.example ").unwrap(), "a@b.example");
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", &format!("{}@b", "x".repeat(253))] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
