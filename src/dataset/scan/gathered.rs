//! Gathers the labels of the rows of a table or the samples of shards: a class, several classes or a
//! number each.

use std::collections::BTreeMap;

use crate::base::label_list;
use crate::base::names;
use crate::dataset::labels::Labels;
use crate::spec::TargetSpec;

/// Largest number that can be estimated: single precision holds it and its multiples.
const LARGEST: f64 = 1e30;

/// Labels, numbered in the order in which they occur first.
pub(super) struct Gathered {
    target: TargetSpec,
    /// What separates the classes of an image, if the pipeline says so.
    separator: Option<String>,
    /// Number of each name of a class.
    names: BTreeMap<String, usize>,
    /// Number of each set of classes, by the numbers of their names, ascending.
    sets: BTreeMap<Vec<u32>, usize>,
    /// Number of each number, by its bits.
    numbers: BTreeMap<u64, usize>,
    /// Whether each usual separator occurs.
    separators: [bool; label_list::USUAL.len()],
    /// A cell with space or a comma in it.
    other: Option<String>,
}

/// All labels, in their order.
pub(super) struct Ordered {
    /// Names of the classes, or of the number.
    pub(super) classes: Vec<String>,
    pub(super) labels: Labels,
    /// The label of each number that [`Gathered::add`] gave.
    pub(super) places: Vec<usize>,
    pub(super) warnings: Vec<String>,
}

impl Gathered {
    pub(super) fn new(target: TargetSpec, separator: Option<String>) -> Self {
        let (names, sets, numbers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { target, separator, names, sets, numbers, separators: [false; 2], other: None }
    }

    /// The number of the label in a cell, or what is wrong with it.
    pub(super) fn add(&mut self, cell: &str) -> Result<usize, String> {
        if cell.is_empty() && !self.may_be_empty() {
            return Err("the label is empty".to_owned());
        }
        match self.target {
            TargetSpec::Class => Ok(self.name(cell)),
            TargetSpec::Classes => self.set(cell),
            TargetSpec::Number => {
                let number = number(cell)?;
                let n = self.numbers.len();
                Ok(*self.numbers.entry(number.to_bits()).or_insert(n))
            }
        }
    }

    /// Whether an image may have an empty label.
    pub(super) fn may_be_empty(&self) -> bool {
        self.target == TargetSpec::Classes
    }

    fn name(&mut self, name: &str) -> usize {
        let n = self.names.len();
        *self.names.entry(names::text_of(name.as_ref())).or_insert(n)
    }

    fn set(&mut self, cell: &str) -> Result<usize, String> {
        let labels = label_list::read(cell, self.separator.as_deref())?;
        if !cell.starts_with('[') {
            for (has, separator) in self.separators.iter_mut().zip(label_list::USUAL) {
                *has |= cell.contains(separator);
            }
            if self.other.is_none() && cell.contains([' ', ',']) {
                self.other = Some(cell.to_owned());
            }
        }
        let mut set: Vec<u32> = labels.iter().map(|label| self.name(label) as u32).collect();
        set.sort_unstable();
        let n = self.sets.len();
        Ok(*self.sets.entry(set).or_insert(n))
    }

    /// What is unclear about how labels are separated.
    pub(super) fn unclear(&self) -> Option<String> {
        let is_unclear = self.separator.is_none() && self.separators.iter().all(|has| *has);
        is_unclear.then(|| {
            "both `|` and `;` occur in labels; write `columns: { separator: \"|\" }` or `\";\"`"
                .to_owned()
        })
    }

    /// What the labels lack altogether, or what is unclear about them.
    pub(super) fn lacks(&self, unit: &str) -> Option<String> {
        let only_set = || self.sets.keys().next().filter(|_| self.sets.len() == 1);
        match self.target {
            TargetSpec::Class if self.names.len() == 1 => {
                let only = self.names.keys().next()?;
                Some(format!(
                    "all {unit}s have the label `{only}`; a classifier needs at least two"
                ))
            }
            TargetSpec::Class if self.names.is_empty() => Some(format!("it has no {unit}s")),
            TargetSpec::Classes if self.sets.is_empty() => Some(format!("it has no {unit}s")),
            TargetSpec::Classes if self.names.is_empty() => Some(format!("no {unit} has a label")),
            TargetSpec::Classes => self
                .unclear()
                .or_else(|| only_set().map(|_| format!("all {unit}s have the same labels"))),
            TargetSpec::Number if self.numbers.is_empty() => Some(format!("it has no {unit}s")),
            TargetSpec::Number if self.numbers.len() == 1 => {
                let only = f64::from_bits(*self.numbers.keys().next()?);
                Some(format!("all {unit}s have the number {only}"))
            }
            TargetSpec::Class | TargetSpec::Number => None,
        }
    }

    /// The labels in the order of their names or sizes. `column` is the name of their column.
    pub(super) fn ordered(self, column: &str) -> Ordered {
        if self.target == TargetSpec::Number {
            let mut numbers = vec![0.0; self.numbers.len()];
            self.numbers.iter().for_each(|(bits, at)| numbers[*at] = f64::from_bits(*bits));
            let (labels, places) = Labels::of_numbers(&numbers);
            let classes = vec![names::text_of(column.as_ref())];
            return Ordered { classes, labels, places, warnings: vec![] };
        }
        let warnings = self.warnings();
        let (classes, places) = in_order(self.names);
        if self.target == TargetSpec::Class {
            return Ordered { classes, labels: Labels::Class, places, warnings };
        }
        let mut sets = vec![vec![]; self.sets.len()];
        for (set, at) in self.sets {
            sets[at] = set.into_iter().map(|name| places[name as usize] as u32).collect();
        }
        let (labels, places) = Labels::of_sets(sets);
        Ordered { classes, labels, places, warnings }
    }

    /// Warns if no image has several labels, which may be because of another separator; and if one
    /// label looks like several.
    fn warnings(&self) -> Vec<String> {
        if self.target == TargetSpec::Class {
            let looks = |name: &&String| name.contains(label_list::USUAL) || name.starts_with('[');
            let told = self.names.keys().find(looks).map(|name| {
                format!(
                    "`{name}` is one class; if it is several labels, write `labels: many` under `dataset`"
                )
            });
            return told.into_iter().collect();
        }
        let is_one = |set: &Vec<u32>| set.len() < 2;
        if !self.sets.keys().all(is_one) {
            return vec![];
        }
        let hint = match &self.other {
            Some(cell) if self.separator.is_none() => format!(
                "; if `{cell}` is several labels, write what separates them: `columns: {{ separator: \
                 \"{}\" }}`",
                if cell.contains(',') { "," } else { " " }
            ),
            _ => String::new(),
        };
        vec![format!("no image has more than one label{hint}")]
    }
}

/// Names in their order, and the place of each by its number. Numbers are ordered as numbers: 2 comes
/// before 10.
fn in_order(names: BTreeMap<String, usize>) -> (Vec<String>, Vec<usize>) {
    let mut classes: Vec<(String, usize)> = names.into_iter().collect();
    let number = |label: &String| label.parse::<i64>().ok();
    if classes.iter().all(|(label, _)| number(label).is_some()) {
        classes.sort_by_key(|(label, _)| number(label));
    }
    let mut place = vec![0; classes.len()];
    for (class, (_, number)) in classes.iter().enumerate() {
        place[*number] = class;
    }
    (classes.into_iter().map(|(label, _)| label).collect(), place)
}

/// The finite number in a cell.
fn number(cell: &str) -> Result<f64, String> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() && number.abs() > LARGEST => {
            Err(format!("`{cell}` is too large; numbers are at most {LARGEST:e}"))
        }
        // Zero has one sign.
        Ok(number) if number.is_finite() => Ok(number + 0.0),
        Ok(_) => Err(format!("`{cell}` is not a finite number")),
        Err(_) if cell.contains(',') && cell.replace(',', ".").parse::<f64>().is_ok() => {
            Err(format!(
                "`{cell}` is not a number; write decimals with a point and thousands without a comma"
            ))
        }
        Err(_) => Err(format!("`{cell}` is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(
        target: TargetSpec,
        separator: Option<&str>,
        cells: &[&str],
    ) -> (Gathered, Vec<usize>) {
        let mut gathered = Gathered::new(target, separator.map(str::to_owned));
        let numbers = cells.iter().map(|cell| gathered.add(cell).unwrap()).collect();
        (gathered, numbers)
    }

    #[test]
    fn sets_of_labels_are_ordered_by_their_classes() {
        let cells = ["dog|cat", "", "ant", "cat|dog"];
        let (found, numbers) = gathered(TargetSpec::Classes, None, &cells);
        assert_eq!(found.lacks("row"), None);
        let Ordered { classes, labels, places, warnings } = found.ordered("labels");
        assert_eq!(classes, ["ant", "cat", "dog"]);
        let texts: Vec<String> =
            numbers.iter().map(|number| labels.text(&classes, places[*number])).collect();
        assert_eq!(texts, ["cat|dog", "", "ant", "cat|dog"]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn what_labels_lack_is_said() {
        let lacks = |target, cells: &[&str]| gathered(target, None, cells).0.lacks("row").unwrap();
        assert_eq!(lacks(TargetSpec::Classes, &["", ""]), "no row has a label");
        assert_eq!(lacks(TargetSpec::Classes, &["a|b", "b|a"]), "all rows have the same labels");
        assert!(lacks(TargetSpec::Classes, &["a|b", "b;c"]).contains("both `|` and `;` occur"));
        assert_eq!(lacks(TargetSpec::Number, &["3", "3.0"]), "all rows have the number 3");
        assert_eq!(lacks(TargetSpec::Number, &[]), "it has no rows");
        let (found, _) = gathered(TargetSpec::Classes, None, &["haze primary", "clear"]);
        let warning = &found.ordered("tags").warnings[0];
        assert!(warning.contains("`haze primary`") && warning.contains("separator: \" \""));
        let mut numbers = Gathered::new(TargetSpec::Number, None);
        for (cell, said) in [
            ("", "the label is empty"),
            ("young", "`young` is not a number"),
            (
                "1,5",
                "`1,5` is not a number; write decimals with a point and thousands without a comma",
            ),
            ("nan", "`nan` is not a finite number"),
        ] {
            assert_eq!(numbers.add(cell).unwrap_err(), said);
        }
    }

    #[test]
    fn numbers_are_ordered_and_have_the_name_of_their_column() {
        let (found, numbers) = gathered(TargetSpec::Number, None, &["10", "-0", "2.5", "0"]);
        let Ordered { classes, labels, places, .. } = found.ordered("age");
        assert_eq!(classes, ["age"]);
        let texts: Vec<String> =
            numbers.iter().map(|number| labels.text(&classes, places[*number])).collect();
        assert_eq!(texts, ["10", "0", "2.5", "0"]);
    }
}
