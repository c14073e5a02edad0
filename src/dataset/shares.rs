//! Divides images into shares: by their ranks among random numbers, by hash, or by groups that stay
//! together.

use std::collections::BTreeMap;

use alpaca_random::SeedStream;

use super::examine::Dataset;
use super::iterative;
use super::labels::Labels;
use crate::spec::SplitBy;

/// How images are drawn.
pub(super) struct Draw<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) by: SplitBy,
    /// The stream that names the number of each image or group.
    pub(super) stream: SeedStream,
}

/// The shares that images are divided into.
#[derive(Clone, Copy)]
pub(super) enum Shares {
    /// Two fractions, and the rest as the third share.
    Fractions([f64; 2]),
    /// This number of equal shares.
    Equal(usize),
}

impl Shares {
    /// The fraction of each share.
    fn fractions(self) -> Vec<f64> {
        match self {
            Self::Fractions([first, second]) => vec![first, second, 1.0 - first - second],
            Self::Equal(n) => vec![1.0 / n as f64; n],
        }
    }
}

/// The share of each of `positions`, in their order.
pub(super) fn choose(draw: &Draw<'_>, positions: &[usize], shares: Shares) -> Vec<usize> {
    let has_groups = positions.iter().any(|&i| draw.dataset.samples[i].candidate.group.is_some());
    match draw.by {
        SplitBy::Hash => by_hash(draw, positions, &shares.fractions()),
        SplitBy::Stratified | SplitBy::Random if has_groups => {
            by_groups(draw, positions, &shares.fractions())
        }
        SplitBy::Stratified if matches!(draw.dataset.labels, Labels::Classes(_)) => {
            by_classes(draw, positions, &shares.fractions())
        }
        SplitBy::Stratified | SplitBy::Random => by_rank(draw, positions, shares),
    }
}

/// What each share should have its fraction of.
enum Strata {
    /// All images together.
    All,
    /// The images of each class; those without one are a stratum of their own.
    Classes,
    /// The images with similar numbers: the stratum of each position.
    Bins(Vec<usize>),
}

/// Most strata of numbers, and fewest images in one.
const MOST_BINS: usize = 10;
const FEWEST_IN_BIN: usize = 10;

impl Strata {
    fn of(draw: &Draw<'_>, positions: &[usize]) -> Self {
        match (draw.by, &draw.dataset.labels) {
            (SplitBy::Random | SplitBy::Hash, _) => Self::All,
            (SplitBy::Stratified, Labels::Class | Labels::Classes(_)) => Self::Classes,
            (SplitBy::Stratified, Labels::Number(_)) => Self::Bins(bins(draw, positions)),
        }
    }

    /// The numbers of images in the first two shares of a stratum of `n`, before which there are
    /// `n_before` of `n_all` images. Each class has its own fractions. Bins of numbers are parts of one
    /// whole, so what one has too much another has less.
    fn sizes(&self, n: usize, fractions: [f64; 2], n_before: usize, n_all: usize) -> [usize; 2] {
        match self {
            Self::All | Self::Classes => sizes(n, fractions),
            Self::Bins(_) => sizes(n_all, fractions).map(|size| {
                let up_to = |n: usize| (2 * size * n + n_all) / (2 * n_all);
                up_to(n_before + n) - up_to(n_before)
            }),
        }
    }

    /// The strata of the image that is at a place among the positions.
    fn of_image<'a>(
        &'a self,
        draw: &'a Draw<'_>,
        at: usize,
        position: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let label = draw.dataset.samples[position].candidate.label;
        let (one, label) = match self {
            Self::All => (Some(0), None),
            Self::Bins(bins) => (Some(bins[at]), None),
            Self::Classes => (None, Some(label)),
        };
        let classes = move || label.into_iter().flat_map(|of| draw.dataset.labels.classes_of(of));
        let is_without = label.is_some() && classes().next().is_none();
        let without = is_without.then_some(draw.dataset.classes.len());
        one.into_iter().chain(without).chain(classes())
    }
}

/// The images in the order of their numbers, cut into parts of the same size (quantiles). Images with
/// equal numbers are in random order.
fn bins(draw: &Draw<'_>, positions: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_by_cached_key(|&at| {
        let position = positions[at];
        let path = draw.path(position);
        // Labels are in the order of their numbers.
        let label = draw.dataset.samples[position].candidate.label;
        (label, draw.stream.child(path).sort_key(), path)
    });
    let n_bins = (positions.len() / FEWEST_IN_BIN).clamp(1, MOST_BINS);
    let mut bins = vec![0; positions.len()];
    for (rank, at) in order.into_iter().enumerate() {
        bins[at] = rank * n_bins / positions.len();
    }
    bins
}

/// Images that may have several classes are divided by all of them.
fn by_classes(draw: &Draw<'_>, positions: &[usize], fractions: &[f64]) -> Vec<usize> {
    let Labels::Classes(sets) = &draw.dataset.labels else { unreachable!("it was just checked") };
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_by_cached_key(|&at| {
        let path = draw.path(positions[at]);
        (draw.stream.child(path).sort_key(), path)
    });
    let set = |at: &usize| &*sets[draw.dataset.samples[positions[*at]].candidate.label];
    let ordered: Vec<&[u32]> = order.iter().map(set).collect();
    let shares = iterative::divide(&ordered, draw.dataset.classes.len(), fractions);
    let mut chosen = vec![0; positions.len()];
    order.into_iter().zip(shares).for_each(|(at, share)| chosen[at] = share);
    chosen
}

impl Draw<'_> {
    fn path(&self, position: usize) -> &str {
        &self.dataset.samples[position].candidate.path
    }

    /// What an image is drawn with: its group, or itself.
    fn unit(&self, position: usize) -> &str {
        let group = self.dataset.samples[position].candidate.group.as_deref();
        group.unwrap_or_else(|| self.path(position))
    }
}

/// Each stratum is sorted by random numbers and cut.
fn by_rank(draw: &Draw<'_>, positions: &[usize], shares: Shares) -> Vec<usize> {
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let by = Strata::of(draw, positions);
    for (at, &position) in positions.iter().enumerate() {
        // Images that may have several classes are divided by all of them elsewhere.
        let stratum = by.of_image(draw, at, position).next();
        strata.entry(stratum.unwrap_or(0)).or_default().push(at);
    }
    let (mut chosen, n_all) = (vec![0; positions.len()], positions.len());
    // Equal shares go on where those of the last stratum ended, so that their sums are equal too.
    let mut offset = 0;
    for mut stratum in strata.into_values() {
        stratum.sort_by_cached_key(|&at| {
            let path = draw.path(positions[at]);
            (draw.stream.child(path).sort_key(), path)
        });
        let n = stratum.len();
        for (rank, at) in stratum.into_iter().enumerate() {
            chosen[at] = match shares {
                Shares::Equal(n_shares) => (offset + rank) % n_shares,
                Shares::Fractions(fractions) => match by.sizes(n, fractions, offset, n_all) {
                    [first, _] if rank < first => 0,
                    [first, second] if rank < first + second => 1,
                    _ => 2,
                },
            };
        }
        offset += n;
    }
    chosen
}

/// The numbers of images in the first two shares of `n`: the nearest integers, but at least one if
/// the fraction is not zero and there are enough images.
fn sizes(n: usize, fractions: [f64; 2]) -> [usize; 2] {
    let n_shares = 1 + fractions.iter().filter(|share| **share > 0.0).count();
    let size = |share: f64| {
        let least = usize::from(share > 0.0 && n >= n_shares);
        ((n as f64 * share).round() as usize).max(least)
    };
    let first = size(fractions[0]).min(n.saturating_sub(n_shares - 1));
    let second = size(fractions[1]).min(n.saturating_sub(first + 1));
    [first, second]
}

/// The number of each image or group, between 0 and 1, falls into the interval of a share.
fn by_hash(draw: &Draw<'_>, positions: &[usize], fractions: &[f64]) -> Vec<usize> {
    let chosen = positions.iter().map(|&position| {
        let key = draw.stream.child(draw.unit(position)).sort_key();
        // 53 bits, which a float holds exactly.
        let number = (key >> 11) as f64 / (1_u64 << 53) as f64;
        let mut end = 0.0;
        let share = fractions.iter().position(|fraction| {
            end += fraction;
            number < end
        });
        share.unwrap_or(fractions.len() - 1)
    });
    chosen.collect()
}

/// Images that stay together.
#[derive(Default)]
struct Group {
    /// Places among the positions.
    members: Vec<usize>,
    /// Number of images of each stratum.
    counts: BTreeMap<usize, usize>,
}

/// Whole groups, the largest first, each into the share that it brings closest to its fractions of
/// the strata and of all images. Closeness is the chi-square distance. The order of equal groups is
/// random. (As scikit-learn's `StratifiedGroupKFold`, for shares of any size.)
fn by_groups(draw: &Draw<'_>, positions: &[usize], fractions: &[f64]) -> Vec<usize> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    let mut totals: BTreeMap<usize, usize> = BTreeMap::new();
    let by = Strata::of(draw, positions);
    for (at, &position) in positions.iter().enumerate() {
        let group = groups.entry(draw.unit(position)).or_default();
        group.members.push(at);
        for stratum in by.of_image(draw, at, position) {
            *group.counts.entry(stratum).or_insert(0) += 1;
            *totals.entry(stratum).or_insert(0) += 1;
        }
    }
    let mut order: Vec<(&str, Group)> = groups.into_iter().collect();
    order.sort_by_cached_key(|(name, group)| {
        let weight: usize = group.counts.values().map(|n| n * n).sum();
        (std::cmp::Reverse(weight), draw.stream.child(name).sort_key(), *name)
    });
    let n_groups = order.len();
    let mut filled: Vec<Filled> = fractions.iter().map(|of| Filled::new(*of)).collect();
    let mut chosen = vec![0; positions.len()];
    for (rank, (_, group)) in order.into_iter().enumerate() {
        let empty: Vec<usize> = (0..filled.len()).filter(|&i| filled[i].is_lacking()).collect();
        // The last groups go to shares that would have none.
        let among = if empty.len() >= n_groups - rank { empty } else { filled_ones(&filled) };
        let cost = |&share: &usize| filled[share].cost(&group, &totals, positions.len());
        let best = among.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let share = best.unwrap_or(fractions.len() - 1);
        filled[share].add(&group);
        group.members.into_iter().for_each(|at| chosen[at] = share);
    }
    chosen
}

/// The shares that may have images.
fn filled_ones(filled: &[Filled]) -> Vec<usize> {
    (0..filled.len()).filter(|&share| filled[share].fraction > 0.0).collect()
}

/// The images in a share so far.
struct Filled {
    fraction: f64,
    counts: BTreeMap<usize, usize>,
    n: usize,
}

impl Filled {
    fn new(fraction: f64) -> Self {
        Self { fraction, counts: BTreeMap::new(), n: 0 }
    }

    fn is_lacking(&self) -> bool {
        self.fraction > 0.0 && self.n == 0
    }

    /// The change of the chi-square distance if a group is added.
    fn cost(&self, group: &Group, totals: &BTreeMap<usize, usize>, n_all: usize) -> f64 {
        let change = |now: usize, added: usize, total: usize| {
            let target = self.fraction * total as f64;
            let (missing, added) = (now as f64 - target, added as f64);
            (2.0 * missing + added) * added / target
        };
        let strata = group.counts.iter().map(|(stratum, &added)| {
            let now = self.counts.get(stratum).copied().unwrap_or(0);
            change(now, added, totals[stratum])
        });
        strata.sum::<f64>() + change(self.n, group.members.len(), n_all)
    }

    fn add(&mut self, group: &Group) {
        self.n += group.members.len();
        for (stratum, n) in &group.counts {
            *self.counts.entry(*stratum).or_insert(0) += n;
        }
    }
}
