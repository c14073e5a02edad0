//! Deals choices to the images of a class so that each comes up in its exact share.

use crate::paint::random::Random;

/// One image's place among the images of its class.
#[derive(Clone, Copy)]
pub(crate) struct Deal<'a> {
    pub(crate) seed: u64,
    /// The name of the class.
    pub(crate) class: &'a str,
    /// The number of the image.
    pub(crate) index: u32,
    /// The number of images among which choices are balanced; with one, each choice is independent.
    pub(crate) count: u32,
}

impl Deal<'_> {
    /// A generator for `topic` in this image alone.
    pub(crate) fn random(&self, topic: &str) -> Random {
        Random::new(self.seed, &format!("{}/{topic}", self.class), u64::from(self.index))
    }

    /// A number in `0.0..1.0`: over the class, the numbers of a topic are evenly spread.
    pub(crate) fn share(&self, topic: &str) -> f32 {
        if self.count == 1 {
            return 0.98 * self.random(topic).unit() + 0.01;
        }
        let mut order: Vec<u32> = (0..self.count).collect();
        Random::new(self.seed, &format!("{}/{topic}/order", self.class), 0).shuffle(&mut order);
        let place = order.get(self.index as usize).copied().unwrap_or(0);
        (place as f32 + 0.98 * self.random(topic).unit() + 0.01) / self.count as f32
    }

    /// One of `choices`, which must not be empty. Over the class, each is chosen in proportion to
    /// its number.
    pub(crate) fn choose<T: Copy>(&self, topic: &str, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|choice| choice.1).sum();
        let target = (self.share(topic) * total as f32) as u32;
        let mut passed = 0;
        let chosen = choices.iter().find(|choice| {
            passed += choice.1;
            target < passed
        });
        chosen.unwrap_or(&choices[choices.len() - 1]).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_comes_up_in_its_share() {
        let choices = [("often", 5), ("seldom", 2), ("never", 0), ("once", 1)];
        let mut counts = [0; 4];
        for index in 0..16 {
            let deal = Deal { seed: 3, class: "any", index, count: 16 };
            let chosen = deal.choose("topic", &choices);
            let place = choices.iter().position(|choice| choice.0 == chosen);
            counts[place.expect("the choice is one of those given")] += 1;
        }
        assert_eq!(counts, [10, 4, 0, 2]);
    }
}
