//! Random numbers that depend on nothing but the words and numbers they are seeded with.

/// A splitmix64 generator.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A generator for the image numbered `index` of the group called `name`.
    pub(crate) fn new(seed: u64, name: &str, index: u64) -> Self {
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in name.bytes() {
            state = scramble(state ^ u64::from(byte));
        }
        Self { state: scramble(state ^ index) }
    }

    /// The seed of a plane of [`noise`].
    pub(crate) fn seed(&mut self) -> u64 {
        self.next()
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A number between `low` and `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A number between `-reach` and `reach`.
    pub(crate) fn wobble(&mut self, reach: f32) -> f32 {
        self.between(-reach, reach)
    }

    /// A whole number in `0..bound`; zero when `bound` is zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f32) as usize
    }

    /// Whether something that happens `probability` of the time happens now.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, all equally likely.
    pub(crate) fn pick<T: Copy, const COUNT: usize>(&mut self, choices: [T; COUNT]) -> T {
        choices[self.below(COUNT)]
    }

    /// Puts `items` in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.state)
    }
}

/// Smooth noise in `0.0..1.0` over the plane, one bump per unit; `seed` chooses the plane.
pub(crate) fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (left, low) = (x.floor(), y.floor());
    let corner = |dx: f32, dy: f32| {
        let column = (left + dx) as i64 as u64;
        let row = (low + dy) as i64 as u64;
        let key = seed ^ column.wrapping_mul(0x8da6_b343_d816_4d2b) ^ row.rotate_left(32);
        (scramble(key) >> 40) as f32 / (1u64 << 24) as f32
    };
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (right, up) = (ease(x - left), ease(y - low));
    let bottom = corner(0.0, 0.0) * (1.0 - right) + corner(1.0, 0.0) * right;
    let top = corner(0.0, 1.0) * (1.0 - right) + corner(1.0, 1.0) * right;
    bottom * (1.0 - up) + top * up
}

fn scramble(value: u64) -> u64 {
    let mixed = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
