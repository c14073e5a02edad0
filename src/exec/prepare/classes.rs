//! Checks that a model has the classes of a directory, or those of another model.

use std::collections::BTreeSet;

use crate::base::names;
use crate::base::text;
use crate::dataset::scan::Listing;
use crate::exec::error::RunError;

/// Checks that a model has the classes of a directory.
pub(crate) fn check_classes(listing: &Listing, known: &[String]) -> Result<(), RunError> {
    let normal: BTreeSet<String> = known.iter().map(|name| names::normal(name)).collect();
    let unknown = listing.classes.iter().filter(|name| !normal.contains(&names::normal(name)));
    let unknown: Vec<String> = unknown.cloned().collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(RunError::UnknownClasses { unknown, known: known.to_vec() })
    }
}

/// The most classes that are named in an error.
const MOST_NAMED: usize = 5;

/// The classes that one of two lists has and the other has not, each as a list in words.
#[derive(Debug)]
pub(crate) struct OtherClasses {
    /// Of those that are wanted.
    pub(crate) missing: String,
    /// Of those that are there.
    pub(crate) more: String,
}

/// The place of each of the `wanted` classes among those that are there, after Unicode normalization.
/// Both have the same classes, in any order.
pub(crate) fn places(wanted: &[String], there: &[String]) -> Result<Vec<usize>, OtherClasses> {
    let [wanted, there] = [wanted, there]
        .map(|all| all.iter().map(|name| names::normal(name)).collect::<Vec<String>>());
    let place = |name: &String| there.iter().position(|other| other == name);
    let places: Vec<usize> = wanted.iter().filter_map(place).collect();
    if places.len() == wanted.len() && places.len() == there.len() {
        return Ok(places);
    }
    let lacking = |of: &[String], others: &[String]| {
        let names = of.iter().filter(|name| !others.contains(name)).map(String::as_str);
        text::all_of(names.take(MOST_NAMED))
    };
    Err(OtherClasses { missing: lacking(&wanted, &there), more: lacking(&there, &wanted) })
}
