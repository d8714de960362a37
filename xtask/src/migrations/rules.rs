//! What a migration may not do while programs of the last release still run.
//!
//! Tables that a migration makes itself are its own: nobody else knows them. Everything else is refused that takes something away,
//! or refuses what the last release writes, unless the file says with which release it contracts (`-- contract: 1.2.0`) and
//! an earlier release is there, which did without.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};

use super::lock::Version;
use super::statements;

/// How a file says that it takes away what only older releases need.
const CONTRACT: &str = "-- contract:";

/// Refuses a text that breaks the last release.
pub(super) fn check(text: &str, releases: &BTreeSet<Version>) -> anyhow::Result<()> {
    if let Some(line) = text.lines().find_map(|line| line.trim().strip_prefix(CONTRACT)) {
        let version: Version = line.trim().parse()?;
        ensure!(
            releases.first().is_some_and(|first| *first < version),
            "contracts with {version}, and there is no release before it that does without"
        );
        return Ok(());
    }
    let statements = statements::of(text);
    let own: BTreeSet<&str> = statements.iter().filter_map(|it| made(it)).collect();
    for statement in &statements {
        if let Some(why) = breaks(statement, &own) {
            bail!(
                "{why}: `{statement}`\nThe release before this one still runs on this database; see docs/upgrading.md"
            );
        }
    }
    Ok(())
}

/// The table that a statement makes. One that may be there already is not made.
fn made(statement: &str) -> Option<&str> {
    let rest = after(statement, "CREATE TABLE ").or_else(|| after(statement, "CREATE UNLOGGED TABLE "))?;
    name(rest).filter(|_| !rest.starts_with("IF NOT EXISTS "))
}

/// Why the last release would not bear this statement.
fn breaks(statement: &str, own: &BTreeSet<&str>) -> Option<&'static str> {
    let is_own = |table: &str| name(table).is_some_and(|it| own.contains(it));
    if let Some(rest) = after(statement, "DROP ") {
        let kept = ["INDEX ", "TRIGGER "];
        return (!kept.iter().any(|it| rest.starts_with(it))).then_some("takes something away");
    }
    if statement.starts_with("TRUNCATE") || statement.starts_with("DELETE ") {
        return Some("removes rows");
    }
    // `WITH … DELETE FROM`, `MERGE … THEN DELETE`
    let verb = words(statement).next();
    if matches!(verb, Some("WITH" | "MERGE")) && words(statement).any(|it| it == "DELETE") {
        return Some("removes rows");
    }
    if matches!(verb, Some("DO" | "CALL")) {
        return Some("runs a program, of which nobody knows here what it does");
    }
    if let Some(rest) = after(statement, "CREATE UNIQUE INDEX ") {
        let table = rest.split_once(" ON ").map_or("", |(_, table)| table.trim_start_matches("ONLY "));
        return (!is_own(table)).then_some("refuses rows that were fine");
    }
    if let Some(rest) = after(statement, "ALTER TABLE ") {
        let rest = rest.strip_prefix("IF EXISTS ").unwrap_or(rest);
        let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
        return if is_own(rest) { None } else { alters(rest) };
    }
    let renames = statement.starts_with("ALTER ") && statement.contains(" RENAME ");
    renames.then_some("gives something another name")
}

/// Why an `ALTER TABLE` on a table that others use will not do.
fn alters(statement: &str) -> Option<&'static str> {
    // The table's name stands first.
    let changes = statement.split_once(' ').map_or("", |(_, rest)| rest);
    changes_of(changes).into_iter().find_map(|change| {
        let (verb, rest) = change.split_once(' ').unwrap_or((change, ""));
        match verb {
            "RENAME" => Some("gives something another name"),
            "SET" if rest.starts_with("SCHEMA ") => Some("gives something another name"),
            // Dropping a rule lets more in than before, which nobody minds.
            "DROP" => (!rest.starts_with("CONSTRAINT ")).then_some("takes something away"),
            "ALTER" => alters_column(rest),
            "ADD" => adds(rest),
            _ => None,
        }
    })
}

/// The changes of an `ALTER TABLE`: cut at the commas that are in no parentheses.
fn changes_of(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let cut = |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    };
    text.split(cut).map(str::trim).collect()
}

/// Why a column may not be changed so.
fn alters_column(change: &str) -> Option<&'static str> {
    let has = |words: &str| change.contains(words);
    if has(" DROP ") && !has(" DROP NOT NULL") {
        return Some("takes something away");
    }
    if has(" SET NOT NULL") {
        return Some("refuses rows that were fine");
    }
    has(" TYPE ").then_some("changes the type of a column")
}

/// Why a column or a rule may not be added.
fn adds(what: &str) -> Option<&'static str> {
    let is_rule = ["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"];
    if name(what).is_some_and(|it| is_rule.contains(&it)) {
        return Some("refuses rows that were fine");
    }
    // `ON DELETE SET DEFAULT` gives nobody a default.
    let column = what.replace(" SET DEFAULT", "");
    let has = |word: &str| words(&column).any(|it| it == word);
    let bare = column.contains(" NOT NULL") && !has("DEFAULT") && !has("GENERATED");
    let strict = bare || has("CHECK") || has("UNIQUE") || has("PRIMARY");
    strict.then_some("adds a column that the last release does not fill in")
}

/// The words of a text, whatever stands between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| it.is_whitespace() || "(),".contains(it)).filter(|it| !it.is_empty())
}

fn after<'a>(statement: &'a str, words: &str) -> Option<&'a str> {
    statement.strip_prefix(words)
}

/// The first name of a text.
fn name(text: &str) -> Option<&str> {
    text.split(|it: char| it.is_whitespace() || it == '(').find(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::check;

    fn fits(text: &str) -> bool {
        check(text, &BTreeSet::new()).is_ok()
    }

    #[test]
    fn expanding_is_allowed() {
        for text in [
            "CREATE TABLE a (b TEXT NOT NULL); CREATE UNIQUE INDEX c ON a (b); ALTER TABLE a ADD CONSTRAINT d CHECK (b <> '')",
            "ALTER TABLE jobs ADD COLUMN a TEXT",
            "ALTER TABLE jobs ADD COLUMN a BIGINT NOT NULL DEFAULT 0, ADD b TEXT",
            "ALTER TABLE jobs ALTER COLUMN a DROP NOT NULL",
            "ALTER TABLE jobs DROP CONSTRAINT a",
            "ALTER TABLE jobs ADD COLUMN type TEXT, ADD COLUMN checked NUMERIC(4, 2) NOT NULL DEFAULT 0",
            "CREATE TABLE IF NOT EXISTS a (b TEXT CHECK (b <> ''))",
            "WITH a AS (SELECT 1) INSERT INTO jobs (b) SELECT * FROM a",
            "CREATE INDEX CONCURRENTLY a ON jobs (b)",
            "DROP INDEX a",
            "INSERT INTO jobs (a) VALUES ('DROP TABLE b')",
            "UPDATE jobs SET a = 1",
        ] {
            assert!(fits(text), "{text}");
        }
    }

    #[test]
    fn what_the_last_release_would_not_bear_is_refused() {
        for text in [
            "DROP TABLE jobs",
            "drop view a",
            "ALTER TABLE jobs DROP COLUMN a",
            "ALTER TABLE jobs DROP a",
            "ALTER TABLE jobs RENAME TO work",
            "ALTER TABLE jobs RENAME COLUMN a TO b",
            "ALTER INDEX a RENAME TO b",
            "ALTER TABLE jobs ALTER COLUMN a TYPE BIGINT",
            "ALTER TABLE jobs ALTER COLUMN a SET NOT NULL",
            "ALTER TABLE jobs ALTER COLUMN a DROP DEFAULT",
            "ALTER TABLE jobs ADD COLUMN a TEXT NOT NULL",
            "ALTER TABLE jobs ADD COLUMN a TEXT DEFAULT 'x', ADD COLUMN b TEXT NOT NULL",
            "ALTER TABLE jobs ADD COLUMN a TEXT UNIQUE",
            "ALTER TABLE ONLY jobs ADD CONSTRAINT a CHECK (b > 0)",
            "CREATE UNIQUE INDEX a ON jobs (b)",
            "TRUNCATE jobs",
            "DELETE FROM jobs",
            "CREATE TABLE a (b TEXT); DROP TABLE jobs",
            "ALTER TABLE jobs ADD COLUMN a TEXT NOT NULL, ALTER COLUMN b SET DEFAULT 'x'",
            "ALTER TABLE jobs ADD COLUMN a TEXT NOT NULL REFERENCES b (c) ON DELETE SET DEFAULT",
            "ALTER TABLE jobs ADD COLUMN a TEXT CHECK (a IS NOT NULL)",
            "ALTER TABLE jobs ADD COLUMN a TEXT CHECK(a IN ('b', 'c'))",
            "ALTER TABLE jobs DROP COLUMN a, DROP CONSTRAINT b",
            "ALTER TABLE jobs DROP CONSTRAINT b, ALTER COLUMN a DROP DEFAULT",
            "ALTER TABLE jobs SET SCHEMA work",
            "DO $$ BEGIN DROP TABLE jobs; END $$",
            "DO LANGUAGE plpgsql $$ BEGIN DROP TABLE jobs; END $$",
            "CALL tidy()",
            "WITH a AS (DELETE FROM jobs RETURNING 1) SELECT * FROM a",
            "MERGE INTO jobs USING a ON b = c WHEN MATCHED THEN DELETE",
            "CREATE TABLE IF NOT EXISTS jobs (a TEXT); ALTER TABLE jobs DROP COLUMN a",
        ] {
            assert!(!fits(text), "{text}");
        }
    }

    #[test]
    fn contracting_names_its_release_and_needs_one_before() {
        let text = "-- contract: 0.3.0\nALTER TABLE jobs DROP COLUMN a";
        assert!(check(text, &BTreeSet::new()).is_err(), "nothing is released yet");
        let releases = |all: &[&str]| all.iter().map(|it| it.parse().expect("a version")).collect();
        assert!(check(text, &releases(&["0.3.0"])).is_err(), "no release without it");
        assert!(check(text, &releases(&["0.2.0"])).is_ok());
        assert!(check("-- contract: soon\nDROP TABLE a", &releases(&["0.2.0"])).is_err());
    }
}
