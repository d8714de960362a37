//! Text in columns.

use chrono::{DateTime, SecondsFormat, Utc};

/// Rows under a heading, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<'a>(heading: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![heading.into_iter().map(ToOwned::to_owned).collect()] }
    }

    /// Adds a row, with as many cells as the heading. Control characters, which could play tricks on a terminal, are left
    /// out.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let clean = |cell: String| cell.chars().filter(|it| !it.is_control()).collect();
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    pub(crate) fn render(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let cell = |row: &[String], at: usize| row.get(at).map_or(0, |it| it.chars().count());
        let widths: Vec<usize> =
            (0..columns).map(|at| self.rows.iter().map(|row| cell(row, at)).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A time in a column.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["ID", "NAME"]);
        table.row(["1".into(), "ünï".into()]);
        table.row(["1000".into(), "\u{1b}[2Jx".into()]);
        assert_eq!(table.render(), "ID    NAME\n1     ünï\n1000  [2Jx\n");
    }
}
