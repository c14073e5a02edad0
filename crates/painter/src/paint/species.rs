//! Invented four-legged species: the build of one animal with the head, the neck and the coat of
//! others, all of them stretched. Alpacas are not among the animals.

use super::animal::anatomy::{EarShape, Quadruped};
use super::animal::{bear, camel, cat, cow, deer, dog, goat, horse, llama, sheep};
use super::drawing::coat::Texture;
use super::drawing::colour::rgb;
use super::drawing::geometry::at;
use super::random::Random;

/// The animals that species are made of.
const PARENTS: [fn(&mut Random) -> Quadruped; 11] = [
    bear::bear,
    camel::camel,
    cat::cat,
    cow::cow,
    deer::deer,
    dog::dog,
    dog::poodle,
    goat::goat,
    horse::horse,
    llama::llama,
    sheep::sheep,
];

/// Colors that coats have.
const COATS: [u32; 9] = [
    0xf0_e8d8, 0xd8_c0a0, 0xb0_8050, 0x80_5030, 0x50_3424, 0x2a_2420, 0x90_8880, 0xc8_c4c0,
    0xe0_b070,
];

/// An animal of the species that `class` decides; `own` is about this animal alone.
pub(super) fn species(class: &mut Random, own: &mut Random) -> Quadruped {
    let mut animal = mixed(class);
    stretch(&mut animal, class);
    groom(&mut animal, class);
    if class.chance(0.5) {
        dye(&mut animal, class);
    }
    let shade = own.between(0.88, 1.12);
    for coat in animal.coats.all() {
        coat.colour = coat.colour.lit(shade);
    }
    animal.neck.length *= own.between(0.94, 1.06);
    animal
}

/// An animal with parts of others, brought to its size.
fn mixed(class: &mut Random) -> Quadruped {
    let mut parent = || {
        let make = class.pick(PARENTS);
        make(class)
    };
    let [mut animal, of_head, of_neck, of_coat] = [(); 4].map(|()| parent());
    if class.chance(0.6) {
        let size = (animal.head.size() / of_head.head.size()).clamp(0.4, 2.5);
        let by = size * class.between(0.85, 1.2);
        animal.head = of_head.head.enlarged(by);
        animal.face = of_head.face.enlarged(by);
    }
    if class.chance(0.5) {
        let by = animal.girth() / of_neck.girth();
        animal.neck = of_neck.neck;
        animal.neck.length *= by;
        animal.neck.half = animal.neck.half.map(|half| half * by);
    }
    if class.chance(0.7) {
        let by = (animal.girth() / of_coat.girth()).clamp(0.5, 2.0);
        animal.coats = of_coat.coats;
        animal.coats.all().for_each(|coat| coat.length *= by);
    }
    animal
}

/// Makes its trunk, neck, legs, ears and tail longer or shorter, thicker or thinner.
fn stretch(animal: &mut Quadruped, class: &mut Random) {
    let (longer, stouter) = (class.between(0.82, 1.25), class.between(0.88, 1.15));
    let higher = animal.belly().max(5.0) * class.between(-0.25, 0.4);
    let thicker = class.between(0.8, 1.25);
    let Quadruped { torso, humps, fore, hind, tail, neck, head, .. } = animal;
    torso.iter_mut().for_each(|ring| ring.half *= stouter);
    let rings = torso.iter_mut().chain(humps.iter_mut().flatten());
    let middles = rings.map(|ring| &mut ring.centre);
    for place in middles.chain([&mut fore.hip, &mut hind.hip, &mut tail.root]) {
        *place = at(place.x * longer, place.y + higher);
    }
    for leg in [fore, hind] {
        leg.half = leg.half.map(|half| half * thicker);
        leg.sleeve = (leg.sleeve + class.wobble(0.2)).clamp(0.2, 0.9);
    }
    neck.length *= class.between(0.6, 1.6);
    neck.rise = (neck.rise + class.wobble(0.25)).clamp(0.1, 1.4);
    neck.half = neck.half.map(|half| half * class.between(0.8, 1.2));
    head.ear.length *= class.between(0.6, 1.6);
    head.ear.half *= class.between(0.7, 1.3);
    if class.chance(0.4) {
        let shapes = [EarShape::Spear, EarShape::Banana, EarShape::Floppy, EarShape::Round];
        head.ear.shape = class.pick(shapes);
    }
    tail.length *= class.between(0.5, 1.6);
}

/// Gives some species another kind of hair.
fn groom(animal: &mut Quadruped, class: &mut Random) {
    if !class.chance(0.4) {
        return;
    }
    let texture = class.pick([
        Texture::Short,
        Texture::Shaggy,
        Texture::Fluffy,
        Texture::Curly,
        Texture::Locks,
    ]);
    let length = class.between(2.0, 7.0);
    animal.coats.body = animal.coats.body.trimmed(texture, length);
    if class.chance(0.7) {
        animal.coats.thigh = animal.coats.thigh.trimmed(texture, length * 0.8);
    }
}

/// Gives a species the colors of its own.
fn dye(animal: &mut Quadruped, class: &mut Random) {
    let [first, second] = [(); 2].map(|()| rgb(class.pick(COATS)).varied(class, 0.08));
    let coats = &mut animal.coats;
    coats.all().for_each(|coat| coat.colour = first);
    if class.chance(0.3) {
        coats.head.colour = second;
    }
    coats.shank.colour = if class.chance(0.4) { second } else { first.lit(0.9) };
    if class.chance(0.4) {
        coats.body.marks.clear();
    }
}
