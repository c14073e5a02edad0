//! The losses of a learning-rate range test.

use super::scale::{self, Scale};
use super::svg::{BOTTOM, HEIGHT, LEFT, RIGHT, Svg, WIDTH};

/// A step of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Learning rate.
    pub rate: f64,
    /// Loss of its batch.
    pub loss: f64,
    /// Average loss up to here.
    pub average: f64,
}

/// The upper end of the vertical axis.
const TOP: f64 = 58.0;

/// Draws the loss over the learning rate, on a logarithmic axis, with the suggestion.
pub fn render(stage: &str, steps: &[Step], suggestion: Option<f64>) -> String {
    let title = format!("Learning rates of {stage}");
    let summary = match suggestion {
        Some(rate) => format!("the suggestion is {rate:.1e}"),
        None => "the loss does not fall".to_owned(),
    };
    let mut svg =
        Svg::new(WIDTH, HEIGHT, &title, &format!("{title}: loss by learning rate; {summary}."));
    svg.titles(&title, &summary);
    svg.legend(&[("train", "loss of a step"), ("val", "average")]);
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return svg.finish() };
    let low = steps.iter().map(|step| step.average.min(step.loss)).fold(f64::INFINITY, f64::min);
    let averages = steps.iter().map(|step| step.average);
    // Single steps may be far above; the average is what matters.
    let high = averages.fold(low, f64::max) * 1.25;
    let marks = scale::marks(low.min(high), high, 5);
    let most = marks[marks.len() - 1];
    let powers = (libm::log10(first.rate).floor(), libm::log10(last.rate).ceil());
    let x = Scale::new(powers, (LEFT, RIGHT));
    let y = Scale::new((marks[0], most), (BOTTOM, TOP));
    scale::grid(&mut svg, (LEFT, RIGHT), &y, &marks);
    for power in powers.0 as i32..=powers.1 as i32 {
        let text = format!("1e{power}");
        svg.text("faint middle", (x.place(f64::from(power)), BOTTOM + 16.0), &text);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    svg.text("faint middle", (middle, BOTTOM + 33.0), "learning rate");
    let at = |step: &Step, loss: f64| (x.place(libm::log10(step.rate)), y.place(loss.min(most)));
    for step in steps {
        let said = format!("{:.2e}: loss {:.4}", step.rate, step.loss);
        svg.circle("dot train", at(step, step.loss), 2.0, &said);
    }
    let average: Vec<(f64, f64)> = steps.iter().map(|step| at(step, step.average)).collect();
    svg.path("line val", &average);
    if let Some(rate) = suggestion {
        let x = x.place(libm::log10(rate));
        svg.line("mark", (x, TOP), (x, BOTTOM));
    }
    svg.finish()
}
