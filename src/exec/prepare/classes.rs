//! Checks that a model has the classes of a directory.

use std::collections::BTreeSet;

use crate::base::names;
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
