//! Whether a model knows the classes of a folder.

use std::collections::BTreeSet;

use crate::base::names;
use crate::dataset::scan::Listing;
use crate::exec::error::RunError;

/// Whether a model knows the classes of a folder.
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
