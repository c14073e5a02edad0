//! Checks that every class of the dataset has a weight where a stage names weights, and no other.

use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::base::text;
use crate::spec::problem::{Code, Problem};
use crate::spec::{ClassWeightsSpec, PipelineSpec};

/// Reports class weights that do not fit the classes of the dataset.
pub(super) fn check_class_weights(
    spec: &PipelineSpec,
    classes: &[String],
    problems: &mut Vec<Problem>,
) {
    for stage in &spec.stages {
        let Some(train) = stage.train() else { continue };
        let ClassWeightsSpec::ByName(weights) = &train.class_weights else { continue };
        let at = KeyPath::of(&["stages", &stage.name, "train", "class_weights"]);
        let n_weights = |class: &str| {
            weights.keys().filter(|name| names::normal(name) == names::normal(class)).count()
        };
        let is_class =
            |name: &str| classes.iter().any(|class| names::normal(class) == names::normal(name));
        let mut n_unknown = 0;
        for name in weights.keys().filter(|name| !is_class(name)) {
            let message = format!("`{name}` is not a class of the dataset");
            let known = || classes.iter().map(String::as_str);
            let hint = match text::nearest(name, known(), 1)[..] {
                [nearest] => format!("did you mean `{nearest}`?"),
                _ => format!("the classes are {}", some_of(classes)),
            };
            problems.push(Problem::new(Code::ClassWeights, at.key(name), message).hint(hint));
            n_unknown += 1;
        }
        let missing: Vec<String> =
            classes.iter().filter(|class| n_weights(class) == 0).cloned().collect();
        // A misspelt name explains a missing one.
        if missing.len() > n_unknown {
            let message = format!("`class_weights` has no weight for {}", some_of(&missing));
            let hint = "give each class a weight, such as 1.0, or write `class_weights: balanced`";
            problems.push(Problem::new(Code::ClassWeights, at.clone(), message).hint(hint));
        }
        for class in classes.iter().filter(|class| n_weights(class) > 1) {
            let message = format!("`class_weights` has two weights for `{class}`");
            let note = "the names consist of the same characters, encoded in two ways".to_owned();
            let problem = Problem::new(Code::ClassWeights, at.clone(), message);
            problems.push(problem.notes([note]).hint("remove one of them"));
        }
    }
}

/// The first names of a list, which may be long.
fn some_of(classes: &[String]) -> String {
    const MOST: usize = 10;
    let few: Vec<String> = classes.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match classes.len() {
        n if n > MOST => {
            format!("{} and {} more", few.join(", "), text::count(n - MOST, "class"))
        }
        _ => text::join(few, "and"),
    }
}
