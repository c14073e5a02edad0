//! The order of the axes of a value, and how nodes change it.

/// An axis of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Images,
    Channels,
    Rows,
    Columns,
}

use Axis::{Channels, Columns, Images, Rows};

/// The order of the axes of a value. Here, channels are always last; a node may read them in another
/// order. Of maps with one place, axes of rows and columns may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout(Vec<Axis>);

/// Places that a node lists, negative ones from the end. `None` if one does not exist or is
/// listed twice.
fn places(listed: &[i64], n_axes: usize) -> Option<Vec<usize>> {
    let of = |place: &i64| {
        let place = if *place < 0 { place + n_axes as i64 } else { *place };
        usize::try_from(place).ok().filter(|place| *place < n_axes)
    };
    let mut places: Vec<usize> = listed.iter().map(of).collect::<Option<_>>()?;
    let n = places.len();
    places.sort_unstable();
    places.dedup();
    (places.len() == n).then_some(places)
}

impl Layout {
    /// `[n, channels, height, width]`.
    pub(super) fn channels_first() -> Self {
        Self(vec![Images, Channels, Rows, Columns])
    }

    /// `[n, height, width, channels]`.
    pub(super) fn channels_last() -> Self {
        Self(vec![Images, Rows, Columns, Channels])
    }

    /// The axes in order.
    pub(super) fn axes(&self) -> &[Axis] {
        &self.0
    }

    /// Whether it is `[n, channels]`.
    pub(super) fn is_vector(&self) -> bool {
        self.0 == [Images, Channels]
    }

    /// Where an axis is.
    pub(super) fn place(&self, axis: Axis) -> Option<usize> {
        self.0.iter().position(|of| *of == axis)
    }

    /// Whether the listed axes are those of rows and columns.
    pub(super) fn is_over_places(&self, listed: &[i64]) -> bool {
        places(listed, self.0.len()).is_some_and(|places| {
            places.len() == 2 && places.iter().all(|&place| matches!(self.0[place], Rows | Columns))
        })
    }

    /// The axes of listed places, each at most once.
    pub(super) fn listed(&self, listed: &[i64]) -> Option<Vec<Axis>> {
        places(listed, self.0.len())?;
        let n = self.0.len() as i64;
        listed.iter().map(|place| self.0.get((place.rem_euclid(n)) as usize).copied()).collect()
    }

    /// After a transposition.
    pub(super) fn transposed(&self, permutation: &[i64], is_point: bool) -> Option<Self> {
        let axes = self.listed(permutation).filter(|axes| axes.len() == self.0.len())?;
        Self(axes).settled(is_point)
    }

    /// Without the listed axes, which must be those of rows or columns of a map with one place.
    pub(super) fn without(&self, listed: &[i64]) -> Option<Self> {
        let places = places(listed, self.0.len())?;
        let is_place = |place: &usize| matches!(self.0[*place], Rows | Columns);
        let kept = (0..self.0.len()).filter(|place| !places.contains(place));
        let kept = Self(kept.map(|place| self.0[place]).collect());
        if places.iter().all(is_place) { kept.settled(true) } else { None }
    }

    /// With axes of length 1 at the listed places, where a map has one place.
    pub(super) fn with(&self, listed: &[i64]) -> Option<Self> {
        let n_axes = self.0.len() + listed.len();
        let places = places(listed, n_axes)?;
        let mut old = self.0.iter();
        let of = |place| if places.contains(&place) { Some(Rows) } else { old.next().copied() };
        Self((0..n_axes).map(of).collect::<Option<_>>()?).settled(true)
    }

    /// With the lengths that a node requires of a map with one place: each is a length, 0 for
    /// that of the same axis before, or, once, -1 for the rest.
    pub(super) fn reshaped(&self, lengths: &[i64], n_channels: usize) -> Option<Self> {
        let before = |place: usize| match self.0.get(place)? {
            Channels => Some(n_channels as i64),
            Rows | Columns => Some(1),
            Images => None,
        };
        let &[n_images, ref rest @ ..] = lengths else { return None };
        let n_open = rest.iter().filter(|length| **length == -1).count();
        // One image may be written as such, since images pass through a file one by one.
        if !matches!((n_images, n_open), (0 | 1, 0 | 1) | (-1, 0)) {
            return None;
        }
        let rest = rest.iter().enumerate();
        let rest =
            rest.map(|(at, length)| if *length == 0 { before(at + 1) } else { Some(*length) });
        let rest: Vec<i64> = rest.collect::<Option<_>>()?;
        let known =
            rest.iter().filter(|length| **length != -1).try_fold(1_i64, |product, length| {
                if *length > 0 { product.checked_mul(*length) } else { None }
            })?;
        let n_channels = n_channels as i64;
        let open = if n_open == 1 { n_channels / known } else { 1 };
        if open * known != n_channels {
            return None;
        }
        let length = |at: usize| if rest[at] == -1 { open } else { rest[at] };
        // All other axes then have the length 1.
        let channels = (0..rest.len()).find(|at| length(*at) == n_channels)?;
        let axes = (0..rest.len()).map(|at| if at == channels { Channels } else { Rows });
        Self([Images].into_iter().chain(axes).collect()).settled(true)
    }

    /// That of the means over rows and columns, which may keep these axes.
    pub(super) fn of_means(&self, keeps_axes: bool) -> Self {
        let is_kept = |axis: &&Axis| keeps_axes || !matches!(axis, Rows | Columns);
        let mut places = [Rows, Columns].into_iter();
        let axes = self.0.iter().filter(is_kept).map(|axis| match axis {
            Rows | Columns => places.next().unwrap_or(*axis),
            _ => *axis,
        });
        Self(axes.collect())
    }

    /// Names the axes of a map with one place in the order of rows and columns, because neither
    /// has more than one. `None` if there are too many axes.
    fn settled(mut self, is_point: bool) -> Option<Self> {
        let mut names = [Rows, Columns].into_iter();
        if is_point {
            for axis in self.0.iter_mut().filter(|axis| matches!(axis, Rows | Columns)) {
                *axis = names.next()?;
            }
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> Layout {
        Layout(vec![Images, Channels])
    }

    #[test]
    fn transpositions_permute_axes() {
        let (first, last) = (Layout::channels_first(), Layout::channels_last());
        assert_eq!(first.transposed(&[0, 2, 3, 1], false), Some(last.clone()));
        assert_eq!(last.transposed(&[0, -1, 1, 2], false), Some(first.clone()));
        let turned = first.transposed(&[0, 1, 3, 2], false).unwrap();
        assert_ne!(turned, first);
        assert_eq!(first.transposed(&[0, 1, 3, 2], true), Some(first.clone()));
        assert_eq!(first.transposed(&[0, 1, 1, 2], false), None);
        assert_eq!(first.transposed(&[0, 1, 2], false), None);
    }

    #[test]
    fn a_map_with_one_place_may_lose_and_gain_axes() {
        let (first, last) = (Layout::channels_first(), Layout::channels_last());
        assert_eq!(first.without(&[2, 3]), Some(vector()));
        assert_eq!(first.without(&[-1]).unwrap().without(&[2]), Some(vector()));
        assert_eq!(first.without(&[1]), None);
        assert_eq!(vector().with(&[2, 3]), Some(first.clone()));
        assert_eq!(vector().with(&[1, 2]), Some(last.clone()));
        assert_eq!(vector().with(&[2, 3, 4]), None);
        for (lengths, expected) in [
            (&[-1, 8][..], Some(vector())),
            (&[0, -1], Some(vector())),
            (&[1, -1, 1, 1], Some(first.clone())),
            (&[-1, 1, 1, 8], Some(last)),
            (&[0, 0, 0, 0], Some(first.clone())),
            (&[0, 8, -1, 1], Some(first.clone())),
            (&[2, 8], None),
            (&[-1, 4], None),
            (&[0, 2, 4, 1], None),
            (&[0, 2, -1], None),
            (&[-1, -1], None),
            (&[8], None),
        ] {
            assert_eq!(first.reshaped(lengths, 8), expected, "{lengths:?}");
        }
    }

    #[test]
    fn means_are_over_rows_and_columns_alone() {
        let (first, last) = (Layout::channels_first(), Layout::channels_last());
        assert!(first.is_over_places(&[-1, 2]) && last.is_over_places(&[1, 2]));
        for axes in [&[2][..], &[1, 2], &[2, 2], &[2, 4], &[1, 2, 3], &[]] {
            assert!(!first.is_over_places(axes), "{axes:?}");
        }
    }
}
