//! What an average of weights is made of.

use serde::{Deserialize, Serialize};

use super::text;

/// Weights that are part of an average (a model soup).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Ingredient {
    /// Those of an epoch of the same stage, by its number.
    Epoch(usize),
    /// The best ones of another stage, by its name.
    Stage(String),
}

/// The ingredients of an average in words: an epoch alone, or several epochs and stages.
pub fn words(soup: &[Ingredient]) -> String {
    let numbers = soup.iter().filter_map(|one| match one {
        Ingredient::Epoch(epoch) => Some(*epoch),
        Ingredient::Stage(_) => None,
    });
    let stages = soup.iter().filter_map(|one| match one {
        Ingredient::Epoch(_) => None,
        Ingredient::Stage(name) => Some(name.clone()),
    });
    let (numbers, stages): (Vec<usize>, Vec<String>) = (numbers.collect(), stages.collect());
    let epochs = match &numbers[..] {
        [one] => format!("epoch {one}"),
        several => {
            format!("epochs {}", text::join(several.iter().map(usize::to_string), "and"))
        }
    };
    let of_stages = match stages.len() {
        0 => String::new(),
        1 => format!(" and stage {}", stages[0]),
        _ => format!(" and stages {}", text::join(stages, "and")),
    };
    if soup.len() == 1 { epochs } else { format!("average of {epochs}{of_stages}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_name_their_epochs_and_stages() {
        let of = |epochs: &[usize], stages: &[&str]| {
            let epochs = epochs.iter().map(|epoch| Ingredient::Epoch(*epoch));
            let stages = stages.iter().map(|name| Ingredient::Stage((*name).to_owned()));
            words(&epochs.chain(stages).collect::<Vec<_>>())
        };
        assert_eq!(of(&[3], &[]), "epoch 3");
        assert_eq!(of(&[3, 1, 5], &[]), "average of epochs 3, 1 and 5");
        assert_eq!(of(&[3], &["a"]), "average of epoch 3 and stage a");
        assert_eq!(of(&[3, 2], &["a", "b"]), "average of epochs 3 and 2 and stages a and b");
    }
}
