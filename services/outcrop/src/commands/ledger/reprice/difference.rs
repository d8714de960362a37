//! What other prices change, by model and team.

use std::collections::BTreeMap;

use outcrop_inference::reports::signed_usd;
use outcrop_types::{Cost, UsageRecord};

use crate::table::Table;

/// Most rows that are shown apart; what is beyond them is shown as one.
const MOST_ROWS: usize = 1_000;

/// Sums over records that were looked at.
#[derive(Debug, Default)]
pub(super) struct Difference {
    rows: BTreeMap<(String, String), Row>,
    /// Records whose model nobody knows any more.
    unknown: u64,
    /// Records that were changed.
    kept: u64,
}

#[derive(Debug, Default)]
struct Row {
    records: u64,
    before_nano: i128,
    after_nano: i128,
    changed: u64,
    now_priced: u64,
    now_unpriced: u64,
}

impl Difference {
    /// Counts a record in.
    pub(super) fn note(&mut self, record: &UsageRecord, after: Option<&Cost>) {
        let nano = |cost: Option<&Cost>| cost.map_or(0, |it| i128::from(it.usd.nano_usd()));
        let row = self.row(record);
        row.records += 1;
        row.before_nano += nano(record.cost.as_ref());
        row.after_nano += nano(after);
        row.changed += u64::from(record.cost.as_ref() != after);
        row.now_priced += u64::from(record.cost.is_none() && after.is_some());
        row.now_unpriced += u64::from(record.cost.is_some() && after.is_none());
    }

    /// Counts a record that is left alone.
    pub(super) fn unknown(&mut self, _: &UsageRecord) {
        self.unknown += 1;
    }

    /// Counts records that were changed.
    pub(super) fn add_kept(&mut self, records: u64) {
        self.kept += records;
    }

    pub(super) const fn kept(&self) -> u64 {
        self.kept
    }

    /// Records whose cost becomes another.
    pub(super) fn changes(&self) -> u64 {
        self.rows.values().map(|row| row.changed).sum()
    }

    pub(super) fn render(&self) -> String {
        let mut table = Table::new([
            "MODEL",
            "TEAM",
            "RECORDS",
            "BEFORE USD",
            "AFTER USD",
            "DIFFERENCE",
            "CHANGED",
            "NOW PRICED",
            "NOW UNPRICED",
        ]);
        let mut all = Row::default();
        for ((model, team), row) in &self.rows {
            table.row(cells(model, team, row));
            all.add(row);
        }
        table.row(cells("all", "all", &all));
        let mut text = table.render();
        if self.unknown > 0 {
            text.push_str(&format!(
                "{} records of models that are not known any more are left as they are.\n",
                self.unknown
            ));
        }
        text
    }

    fn row(&mut self, record: &UsageRecord) -> &mut Row {
        let mut name = (record.model_served.clone(), record.team.to_string());
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(&name) {
            name = ("others".to_owned(), "others".to_owned());
        }
        self.rows.entry(name).or_default()
    }
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.before_nano += other.before_nano;
        self.after_nano += other.after_nano;
        self.changed += other.changed;
        self.now_priced += other.now_priced;
        self.now_unpriced += other.now_unpriced;
    }
}

fn cells(model: &str, team: &str, row: &Row) -> [String; 9] {
    [
        model.to_owned(),
        team.to_owned(),
        row.records.to_string(),
        signed_usd(row.before_nano),
        signed_usd(row.after_nano),
        signed_usd(row.after_nano - row.before_nano),
        row.changed.to_string(),
        row.now_priced.to_string(),
        row.now_unpriced.to_string(),
    ]
}
