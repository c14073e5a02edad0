//! Orders, merges and leaves out classes as a pipeline says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::listing::Listing;
use crate::base::names;
use crate::dataset::error::DatasetError;
use crate::dataset::labels::Labels;
use crate::spec::ClassSpec;

/// Gives a listing the classes of a pipeline, in their order. Images of classes that none of them
/// takes are left out. With several labels an image, images of a table `stay` without the labels
/// that no class takes.
///
/// # Errors
/// When a name is not that of a class of the dataset, or a class gets no images.
pub(super) fn choose(
    listing: &mut Listing,
    wanted: &[ClassSpec],
    stay: bool,
) -> Result<(), DatasetError> {
    let known: BTreeMap<String, usize> =
        listing.classes.iter().enumerate().map(|(at, name)| (names::normal(name), at)).collect();
    let mut place: Vec<Option<usize>> = vec![None; listing.classes.len()];
    let mut unknown = vec![];
    for (class, ClassSpec { of, .. }) in wanted.iter().enumerate() {
        for name in of {
            match known.get(&names::normal(name)) {
                Some(&at) => place[at] = Some(class),
                None => unknown.push(name.clone()),
            }
        }
    }
    if !unknown.is_empty() {
        return Err(DatasetError::NoClass { unknown, known: listing.classes.clone() });
    }
    if let Some(rest) = wanted.iter().position(|class| class.takes_rest) {
        place.iter_mut().for_each(|place| *place = place.or(Some(rest)));
    }
    let labels = if let Labels::Classes(sets) = &listing.labels {
        let chosen = |set: &Arc<[u32]>| -> Vec<u32> {
            set.iter().filter_map(|class| place[*class as usize]).map(|at| at as u32).collect()
        };
        let (labels, labels_of) = Labels::of_sets(sets.iter().map(chosen).collect());
        place = labels_of.into_iter().map(Some).collect();
        labels
    } else {
        Labels::Class
    };
    let has_class = |label: usize| labels.classes_of(label).next().is_some();
    listing.candidates.retain_mut(|candidate| {
        let label = place[candidate.label].filter(|label| stay || has_class(*label));
        candidate.label = label.unwrap_or(candidate.label);
        label.is_some()
    });
    let mut counts = vec![0; wanted.len()];
    for candidate in &listing.candidates {
        labels.classes_of(candidate.label).for_each(|class| counts[class] += 1);
    }
    listing.labels = labels;
    listing.classes = wanted.iter().map(|class| class.name.clone()).collect();
    let empty = listing.classes.iter().zip(counts).filter(|(_, n)| *n == 0);
    let empty: Vec<String> = empty.map(|(name, _)| name.clone()).collect();
    if empty.is_empty() { Ok(()) } else { Err(DatasetError::EmptyClass { classes: empty }) }
}

#[cfg(test)]
mod tests {
    use super::super::listing::Candidate;
    use super::*;

    /// A listing with an image in each of five classes.
    fn listing() -> Listing {
        let classes = ["ant", "bee", "cat", "dog", "elk"].map(str::to_owned).to_vec();
        let candidate =
            |(class, name): (usize, &String)| Candidate::of_file(&format!("{name}/1.jpg"), class);
        let candidates = classes.iter().enumerate().map(candidate).collect();
        let labels = Labels::Class;
        Listing::new(classes, labels, candidates, vec![])
    }

    fn class(name: &str, of: &[&str]) -> ClassSpec {
        let of: Vec<String> = of.iter().map(ToString::to_string).collect();
        ClassSpec { name: name.to_owned(), takes_rest: of.is_empty(), of }
    }

    #[test]
    fn classes_are_ordered_merged_and_left_out() {
        let mut found = listing();
        choose(&mut found, &[class("pet", &["dog", "cat"]), class("ant", &["ant"])], false)
            .unwrap();
        assert_eq!(found.classes, ["pet", "ant"]);
        let images: Vec<_> = found.candidates.iter().map(|c| (&*c.path, c.label)).collect();
        assert_eq!(images, [("ant/1.jpg", 1), ("cat/1.jpg", 0), ("dog/1.jpg", 0)]);
        let mut found = listing();
        choose(&mut found, &[class("insect", &["ant", "bee"]), class("other", &[])], false)
            .unwrap();
        let classes: Vec<usize> = found.candidates.iter().map(|c| c.label).collect();
        assert_eq!(classes, [0, 0, 1, 1, 1]);
    }

    #[test]
    fn unknown_names_and_classes_of_nothing_are_errors() {
        let error = choose(&mut listing(), &[class("a", &["ant"]), class("b", &["bea"])], false);
        let error = error.unwrap_err();
        let said = format!("{error} {:?}", error.hints());
        assert!(said.contains("`bea`") && said.contains("did you mean `bee`"), "{said}");
        let names = ["ant", "bee", "cat", "dog", "elk"];
        let error = choose(&mut listing(), &[class("all", &names), class("rest", &[])], false);
        assert!(error.unwrap_err().to_string().contains("`rest`"));
    }
}
