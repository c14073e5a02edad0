//! Divides images that may have several classes, so that each share has its fraction of every class:
//! iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label
//! data", 2011, algorithm 1).

/// The share of each image. `sets` are the classes of the images, in random order; `fractions` are
/// those of the shares.
///
/// The class with the fewest images left comes first. Each of its images goes to the share that lacks
/// most images of it; of several, to the one that lacks most images at all, then to the first.
pub(super) fn divide(sets: &[&[u32]], n_classes: usize, fractions: &[f64]) -> Vec<usize> {
    let mut members: Vec<Vec<usize>> = vec![vec![]; n_classes];
    for (image, set) in sets.iter().enumerate() {
        set.iter().for_each(|class| members[*class as usize].push(image));
    }
    let mut n_left: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut lacking: Vec<Lacking> = fractions
        .iter()
        .map(|fraction| Lacking {
            is_open: *fraction > 0.0,
            all: fraction * sets.len() as f64,
            classes: n_left.iter().map(|n| fraction * *n as f64).collect(),
        })
        .collect();
    let mut shares: Vec<Option<usize>> = vec![None; sets.len()];
    loop {
        let rarest = (0..n_classes).filter(|class| n_left[*class] > 0);
        let rarest = rarest.min_by_key(|class| n_left[*class]);
        let Some(class) = rarest else { break };
        for &image in &members[class] {
            if shares[image].is_some() {
                continue;
            }
            let share = fullest(&lacking, |share| share.classes[class]);
            lacking[share].take(sets[image]);
            sets[image].iter().for_each(|class| n_left[*class as usize] -= 1);
            shares[image] = Some(share);
        }
    }
    let rest = shares.into_iter().zip(sets).map(|(share, set)| {
        share.unwrap_or_else(|| {
            let share = fullest(&lacking, |share| share.all);
            lacking[share].take(set);
            share
        })
    });
    rest.collect()
}

/// What a share lacks of the images that it should have.
struct Lacking {
    /// Whether it should have any.
    is_open: bool,
    all: f64,
    classes: Vec<f64>,
}

impl Lacking {
    fn take(&mut self, set: &[u32]) {
        self.all -= 1.0;
        set.iter().for_each(|class| self.classes[*class as usize] -= 1.0);
    }
}

/// The share that lacks most by a measure, and of several the one that lacks most images.
fn fullest(lacking: &[Lacking], by: impl Fn(&Lacking) -> f64) -> usize {
    let mut best: Option<usize> = None;
    for (share, this) in lacking.iter().enumerate().filter(|(_, share)| share.is_open) {
        let is_better = best.is_none_or(|best| {
            let best = &lacking[best];
            let order = by(this).total_cmp(&by(best)).then(this.all.total_cmp(&best.all));
            order.is_gt()
        });
        if is_better {
            best = Some(share);
        }
    }
    best.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_their_fractions_of_each_class() {
        // Classes of 300, 150, 100 and 12 of 600 images, in all combinations; 100 have none.
        let sets: Vec<Vec<u32>> = (0..600_u32)
            .map(|i| {
                let has = [i % 2 == 0, i % 4 == 1, i % 6 == 2, i % 50 == 3];
                (0..4).filter(|class| has[*class as usize]).collect()
            })
            .collect();
        let sets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
        for fractions in [vec![0.2, 0.1, 0.7], vec![0.25; 4], vec![0.3, 0.0, 0.7]] {
            let shares = divide(&sets, 4, &fractions);
            for (share, fraction) in fractions.iter().enumerate() {
                let of = |class: Option<u32>| {
                    let pairs = shares.iter().zip(&sets).filter(|(found, _)| **found == share);
                    pairs.filter(|(_, set)| class.is_none_or(|c| set.contains(&c))).count() as f64
                };
                assert!((of(None) - fraction * 600.0).abs() <= 1.5, "{share}: {}", of(None));
                for (class, n) in [(0, 300.0), (1, 150.0), (2, 100.0), (3, 12.0)] {
                    let found = of(Some(class));
                    assert!((found - fraction * n).abs() <= 1.5, "{share}, {class}: {found}");
                }
            }
        }
    }
}
