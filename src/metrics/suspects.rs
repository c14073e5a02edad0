//! Labels that look wrong: images whose predictions contradict their label with more confidence than
//! is usual for another class (confident learning; Northcutt, Jiang and Chuang 2021, section 3).

use super::Scored;

/// An image whose label looks wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// Its position among the predictions.
    pub position: usize,
    /// The class that is likelier.
    pub suggested: usize,
    /// How much less probable its label is than that class.
    pub margin: f64,
}

/// The images whose labels look wrong, the most doubtful first. Each must have been predicted by a
/// model that was not trained on it.
///
/// A class has a threshold: the mean probability of that class over the images with its label. An
/// image counts as one of the most probable class among those whose thresholds it reaches, and is
/// listed if that is not its label.
pub fn suspects(rows: &[Scored<'_>]) -> Vec<Suspect> {
    let n_classes = rows.first().map_or(0, |row| row.probabilities.len());
    let mut sums = vec![(0.0, 0_usize); n_classes];
    for row in rows {
        sums[row.label].0 += row.probabilities[row.label];
        sums[row.label].1 += 1;
    }
    let threshold = |class: usize| match sums[class] {
        // No image has this label, so nothing says how probable it should be.
        (_, 0) => f64::INFINITY,
        (sum, n) => sum / n as f64,
    };
    let thresholds: Vec<f64> = (0..n_classes).map(threshold).collect();
    let of = |(position, row): (usize, &Scored<'_>)| {
        let probable = row.probabilities.iter().copied().enumerate();
        let reached = probable.filter(|(class, p)| *p >= thresholds[*class]);
        let (suggested, p) = reached.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        let margin = p - row.probabilities[row.label];
        (suggested != row.label && margin > 0.0).then_some(Suspect { position, suggested, margin })
    };
    let mut found: Vec<Suspect> = rows.iter().enumerate().filter_map(of).collect();
    found.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.position.cmp(&b.position)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(rows: &[(usize, [f64; 3])]) -> Vec<(usize, usize)> {
        let scored: Vec<Scored<'_>> = rows
            .iter()
            .map(|(label, probabilities)| Scored {
                label: *label,
                predicted: super::super::predicted(probabilities),
                probabilities,
            })
            .collect();
        suspects(&scored).iter().map(|found| (found.position, found.suggested)).collect()
    }

    #[test]
    fn a_label_is_doubtful_if_another_class_is_as_probable_as_for_its_own_images() {
        // The mean probability of class 0 is 0.6 and of class 1 is 0.75.
        let rows = [
            (0, [0.9, 0.1, 0.0]),
            (0, [0.8, 0.2, 0.0]),
            (0, [0.1, 0.9, 0.0]), // class 1 beyond doubt
            (1, [0.2, 0.8, 0.0]),
            (1, [0.3, 0.7, 0.0]),
        ];
        assert_eq!(find(&rows), [(2, 1)]);
        // A wrong prediction that is less certain than usual does not count against the label.
        let unsure = [&rows[..], &[(0, [0.3, 0.7, 0.0])]].concat();
        assert_eq!(find(&unsure), [(2, 1)]);
    }

    #[test]
    fn the_most_doubtful_come_first_and_no_class_without_images_is_suggested() {
        let rows = [
            (0, [0.7, 0.3, 0.0]),
            (1, [0.3, 0.7, 0.0]),
            (1, [0.8, 0.2, 0.0]),
            (1, [0.9, 0.1, 0.0]),
            (0, [0.0, 0.0, 1.0]),
        ];
        assert_eq!(find(&rows), [(3, 0), (2, 0)]);
        assert_eq!(find(&[]), []);
    }
}
