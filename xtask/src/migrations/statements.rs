//! SQL as single statements, without comments, in one case and with single spaces; what is quoted counts as one word.

/// The statements of a text.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (piece, after) = rest.split_at(token(rest));
        rest = after;
        let last = statements.len() - 1;
        let statement = &mut statements[last];
        match first {
            ';' => statements.push(String::new()),
            _ if piece.starts_with("--") || piece.starts_with("/*") || first.is_whitespace() => {
                if !statement.is_empty() && !statement.ends_with(' ') {
                    statement.push(' ');
                }
            }
            '\'' | '$' if piece.len() > 1 => statement.push_str("'…'"),
            // An identifier in quotes is itself.
            '"' => statement.push_str(&piece.trim_matches('"').to_uppercase()),
            _ => statement.push_str(&piece.to_uppercase()),
        }
    }
    statements.into_iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

/// How long the next comment, quoted text, or single character is, bytes.
fn token(text: &str) -> usize {
    let up_to =
        |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("--") {
        return up_to(2, "\n");
    }
    if text.starts_with("/*") {
        return up_to(2, "*/");
    }
    match text.chars().next() {
        Some('\'') => up_to(1, "'"),
        Some('"') => up_to(1, "\""),
        // `$$ … $$`, `$body$ … $body$`
        Some('$') => match text[1..].find('$').map(|at| &text[..at + 2]) {
            Some(mark) if mark[1..mark.len() - 1].chars().all(|it| it.is_alphanumeric() || it == '_') => {
                up_to(mark.len(), mark)
            }
            _ => 1,
        },
        Some(other) => other.len_utf8(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn statements_are_cut_and_cleaned() {
        let text = "-- DROP TABLE a;\nCREATE  TABLE b (\n  c TEXT DEFAULT 'x;y' -- why\n);\n\
                    CREATE FUNCTION f() AS $$ DROP TABLE b; $$;/* ; */ alter table \"b\" add d int";
        assert_eq!(
            super::of(text),
            [
                "CREATE TABLE B ( C TEXT DEFAULT '…' )",
                "CREATE FUNCTION F() AS '…'",
                "ALTER TABLE B ADD D INT"
            ]
        );
    }
}
