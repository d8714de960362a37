//! Rows that go into one statement.
//!
//! SQLite parses a statement once, and the connection keeps it; but as many rows, as many other texts. A batch has any number
//! of rows, so it is parted into a few sizes that come again and again: parsing was most of what an insert cost, and a
//! connection that keeps hundreds of rows' statements in a hundred sizes keeps tens of megabytes.

/// How many rows a statement has, at most 39 values each, of which SQLite takes 32,766 in all
/// (<https://www.sqlite.org/limits.html#max_variable_number>).
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// All of them in turn, as many at a time as there is a statement for.
pub(super) fn portions<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rest.len())?;
        let (portion, others) = rest.split_at_checked(size)?;
        rest = others;
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_goes_once_and_in_turn_in_few_sizes() {
        let rows: Vec<_> = (0..500).collect();
        for count in [0, 1, 3, 4, 5, 63, 255, 256, 257, 500] {
            let parts: Vec<_> = portions(&rows[..count]).collect();
            assert_eq!(parts.concat(), rows[..count]);
            assert!(parts.iter().all(|part| SIZES.contains(&part.len())));
        }
        let sizes: Vec<_> = portions(&rows).map(<[_]>::len).collect();
        assert_eq!(sizes, [256, 64, 64, 64, 16, 16, 16, 4]);
    }
}
