//! The order of a listing: newest start first, at equal starts the latest insert first.

use std::cmp::Reverse;

/// The starts of sessions in the order in which they were stored, latest first.
#[derive(Debug, Default)]
pub(super) struct Starts {
    ages: Vec<f64>,
    is_out_of_order: bool,
}

impl Starts {
    /// Adds the start of the next session, in milliseconds. One that is not a moment is older than all others.
    pub(super) fn add(&mut self, started_at: f64) {
        let age = if started_at.is_nan() { f64::INFINITY } else { -started_at };
        self.is_out_of_order |= self.ages.last().is_some_and(|before| age < *before);
        self.ages.push(age);
    }

    /// The order in which they have to be listed, by their numbers; `None` where it is the present one. Sessions with
    /// the same start keep their order.
    pub(super) fn order(self) -> Option<Vec<u32>> {
        self.is_out_of_order.then(|| {
            let mut order: Vec<_> = (0u32..).zip(self.ages).collect();
            order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
            order.into_iter().map(|(number, _)| number).collect()
        })
    }
}

/// The place of a session in a listing: its age, then how late it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    age: i64,
    rowid: Reverse<i64>,
}

impl Place {
    /// The place of a session that started at this moment, in milliseconds; NaN without one.
    pub(super) fn new(started_at: f64, rowid: i64) -> Self {
        let age = if started_at.is_nan() { i64::MAX } else { -(started_at as i64) };
        Self { age, rowid: Reverse(rowid) }
    }

    pub(super) fn rowid(self) -> i64 {
        self.rowid.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(starts: &[f64]) -> Option<Vec<u32>> {
        let mut all = Starts::default();
        starts.iter().for_each(|start| all.add(*start));
        all.order()
    }

    #[test]
    fn the_newest_come_first_and_ties_keep_their_order() {
        assert_eq!(order(&[5.0, 4.0, 4.0, 1.0, f64::NAN, f64::NAN]), None);
        assert_eq!(order(&[1.0, 4.0, 5.0, 4.0]).unwrap(), [2, 1, 3, 0]);
        assert_eq!(order(&[f64::NAN, -1.0, 0.0, f64::NAN]).unwrap(), [2, 1, 0, 3]);
    }
}
