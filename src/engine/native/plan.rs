//! The frozen part as a list of steps, with folded and packed weights. Every value between steps
//! has a place in working memory, which is reused after its last reader.

use std::collections::BTreeMap;
use std::ops::Range;

use alpaca_kernels::{
    Activation, ByteDepthwise, Depthwise, Kernels, MOST_INT8_ROWS, Packed, Quantization,
};

use super::int8::{self, Int8Block};
use super::step::{Block, BlockFirst, StepKind};
use crate::engine::LayerTime;
use crate::engine::layers::{PackedFilters, Unfold};
use crate::model::cut::{self, Cut};
use crate::model::fold::{self, Folded};
use crate::model::fuse::{
    self, Connection, ConvolutionUnit, Passes, Unit, UnitKind, UnsupportedLayer, Value,
};
use crate::model::network::Network;
use crate::model::ranges::Ranges;
use crate::model::weights::Weights;

/// The location of a value while a group of images runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The images.
    Image,
    /// In working memory: offset and length for one image.
    Memory { start: usize, len: usize },
    /// In the output features, with its position there.
    Boundary(usize),
}

/// A step with its input and output places.
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) input: Place,
    pub(super) shortcut: Option<Place>,
    pub(super) output: Place,
    /// The number of values in the input and the output of one image.
    pub(super) lengths: (usize, usize),
    pub(super) layer: LayerTime,
}

/// The frozen part, ready to run.
pub(super) struct Plan {
    pub(super) kernels: Kernels,
    pub(super) steps: Vec<Step>,
    /// The number of values of working memory per image.
    pub(super) memory: usize,
    /// The output values: their final places, and their shapes for one image.
    pub(super) boundary: Vec<(Place, Vec<usize>)>,
}

impl Plan {
    /// Plans the units before a cut.
    pub(super) fn new(
        network: &Network,
        cut: &Cut,
        weights: &Weights,
    ) -> Result<Self, UnsupportedLayer> {
        let units = &network.units;
        let kernels = Kernels::best().in_precision(network.precision);
        let n_int8 = network.n_int8_units.min(cut.frozen.end);
        let ranges = Ranges::new(network, weights, n_int8);
        let build = Build { kernels, weights };
        // No group has units of both precisions: the same units are grouped whatever the cut.
        let after = cut::before_unit(units, n_int8).boundary;
        let kept = [&cut.boundary[..], &after[..]].concat();
        let mut groups = fuse::groups(units, 0..n_int8, &kept, Passes::Forward);
        groups.extend(fuse::groups(units, n_int8..cut.frozen.end, &cut.boundary, Passes::Forward));
        let mut places = Places::new(units, &groups, &cut.boundary);
        let mut steps = vec![];
        for group in &groups {
            let (first, last) = (&units[group.start], &units[group.end - 1]);
            let output = places.take(group.end - 1);
            steps.push(Step {
                kind: build
                    .step(&units[group.clone()], (group.end <= n_int8).then_some(&ranges))?,
                input: places.of(first.input),
                shortcut: last.kind.second().filter(|_| group.len() == 1).map(|v| places.of(v)),
                output,
                lengths: (len(&first.input_shape), len(&last.output_shape)),
                layer: LayerTime {
                    is_int8: group.end <= n_int8,
                    ..LayerTime::of(&units[group.clone()])
                },
            });
            places.release(group.end);
        }
        let boundary = cut
            .boundary
            .iter()
            .map(|value| (places.of(*value), network.value_shape(*value)))
            .collect();
        Ok(Self { kernels: build.kernels, steps, memory: places.end, boundary })
    }
}

fn len(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Allocates working memory.
struct Places<'a> {
    units: &'a [Unit],
    boundary: &'a [Value],
    /// The end of the last group.
    last_end: usize,
    /// For each value, the end of the last group that reads it; `usize::MAX` for outputs.
    last_reader: BTreeMap<Value, usize>,
    taken: BTreeMap<Value, Place>,
    free: Vec<Range<usize>>,
    end: usize,
}

impl<'a> Places<'a> {
    fn new(units: &'a [Unit], groups: &[Range<usize>], boundary: &'a [Value]) -> Self {
        let mut last_reader = BTreeMap::new();
        for group in groups {
            for value in units[group.clone()].iter().flat_map(Unit::reads) {
                last_reader.insert(value, group.end);
            }
        }
        last_reader.extend(boundary.iter().map(|value| (*value, usize::MAX)));
        let taken = BTreeMap::from([(Value::Image, Place::Image)]);
        let last_end = groups.last().map_or(0, |group| group.end);
        Self { units, boundary, last_end, last_reader, taken, free: vec![], end: 0 }
    }

    fn of(&self, value: Value) -> Place {
        self.taken[&value]
    }

    /// Allocates the output of the group that ends with `unit`. The last group writes directly to
    /// the output features.
    fn take(&mut self, unit: usize) -> Place {
        let value = Value::Unit(unit);
        let position = self.boundary.iter().position(|handed_out| *handed_out == value);
        let place = match position {
            Some(position) if unit + 1 == self.last_end => Place::Boundary(position),
            _ => {
                let len = len(&self.units[unit].output_shape);
                Place::Memory { start: self.room(len), len }
            }
        };
        self.taken.insert(value, place);
        place
    }

    fn room(&mut self, len: usize) -> usize {
        let fitting = self.free.iter().position(|range| range.len() >= len);
        if let Some(position) = fitting {
            let range = self.free.swap_remove(position);
            if range.len() > len {
                self.free.push(range.start + len..range.end);
            }
            return range.start;
        }
        let start = self.end;
        self.end += len;
        start
    }

    /// Frees the values that no group after `end` reads.
    fn release(&mut self, end: usize) {
        let last_reader = &self.last_reader;
        let free = &mut self.free;
        self.taken.retain(|value, place| {
            let is_needed = last_reader.get(value).is_some_and(|reader| *reader > end);
            if let (false, Place::Memory { start, len }) = (is_needed, *place) {
                free.push(start..start + len);
                return false;
            }
            true
        });
    }
}

/// Folds and packs weights.
struct Build<'a> {
    kernels: Kernels,
    weights: &'a Weights,
}

impl Build<'_> {
    /// A unit, or a block of several. With `ranges`, of bytes as far as they are known.
    fn step(&self, units: &[Unit], ranges: Option<&Ranges>) -> Result<StepKind, UnsupportedLayer> {
        // How the inputs of a convolution are stored, if it multiplies bytes.
        let stored = |unit: &Unit| {
            let ranges = ranges?.of(unit.input)?;
            let is_fit = n_products(unit) <= MOST_INT8_ROWS as f64;
            is_fit.then(|| Quantization::of_ranges(ranges))
        };
        match units {
            [unit] => match &unit.kind {
                UnitKind::Convolution(convolution) => self.single(unit, convolution, stored(unit)),
                // Sums of the networks here end with an activation that clips, or with none.
                &UnitKind::Sum { activation, .. } if activation.is_curve() => {
                    Err(unsupported(unit))
                }
                &UnitKind::Sum { activation, .. } => Ok(StepKind::Sum { activation }),
                UnitKind::Scaling { .. } => Ok(StepKind::Scaling),
                &UnitKind::MaxPooling(window) => {
                    Ok(StepKind::MaxPooling { shape: map_shape(unit)?, window })
                }
                UnitKind::GlobalAveragePooling => Ok(StepKind::GlobalAveragePooling),
                UnitKind::Backbone | UnitKind::Dropout { .. } | UnitKind::Dense => {
                    Err(unsupported(unit))
                }
            },
            units => self.block(units, &stored),
        }
    }

    fn single(
        &self,
        unit: &Unit,
        convolution: &ConvolutionUnit,
        stored: Option<Quantization>,
    ) -> Result<StepKind, UnsupportedLayer> {
        let &ConvolutionUnit { window, activation, .. } = convolution;
        let folded = self.fold(unit, convolution);
        Ok(match convolution.connection {
            Connection::Depthwise => {
                let shape = depthwise_shape(unit, convolution)?;
                StepKind::Depthwise { shape, weights: folded, activation }
            }
            Connection::Full => {
                if window.is_pointwise() {
                    let (weights, bias) = self.pack(folded, stored);
                    StepKind::Pointwise { weights, bias, activation }
                } else {
                    let (shape, Folded { kernel, bias }) = (map_shape(unit)?, folded);
                    let (unfold, n) = (Unfold { shape, window }, bias.len());
                    let weights = match stored {
                        Some(stored) => {
                            let piece = unfold.piece_len();
                            PackedFilters::Direct(self.kernels.pack_int8(&kernel, n, piece, stored))
                        }
                        None => PackedFilters::new(self.kernels, unfold, &kernel, n, None),
                    };
                    StepKind::Convolution { shape, window, weights, bias, activation }
                }
            }
        })
    }

    fn block(
        &self,
        units: &[Unit],
        stored: &impl Fn(&Unit) -> Option<Quantization>,
    ) -> Result<StepKind, UnsupportedLayer> {
        let [first @ .., depthwise, project] = units else {
            unreachable!("a group of several units has two or three")
        };
        let [depthwise_convolution, project_convolution] = [depthwise, project].map(convolution);
        let shape = depthwise_shape(depthwise, depthwise_convolution)?;
        let activations = [
            first.first().map_or(Activation::Linear, |unit| convolution(unit).activation),
            depthwise_convolution.activation,
            project_convolution.activation,
        ];
        let has_shortcut = project_convolution.shortcut.is_some();
        let folded_depthwise = self.fold(depthwise, depthwise_convolution);
        let folded_project = self.fold(project, project_convolution);
        let clips = |activation: &Activation| activation.ceiling().is_some();
        let inputs = [&units[0], depthwise, project].map(stored);
        if let ([unit], [Some(input), Some(expanded), Some(filtered)]) = (first, inputs)
            && activations[..2].iter().all(clips)
            && ByteDepthwise::fits(&shape.window)
        {
            let layers = int8::Layers {
                first: self.fold(unit, convolution(unit)),
                unfold: Unfold { shape: map_shape(unit)?, window: convolution(unit).window },
                shape: &shape,
                depthwise: &folded_depthwise,
                project: &folded_project,
                has_shortcut,
                activation: activations[2],
            };
            let block = Int8Block::new(self.kernels, layers, [input, expanded, filtered]);
            return Ok(StepKind::Int8Block(Box::new(block)));
        }
        let first = match first {
            [unit] => Some(self.first_of_block(unit, stored(unit))?),
            _ => None,
        };
        Ok(StepKind::Block(Box::new(Block {
            shape,
            first,
            depthwise: folded_depthwise,
            project: self.pack(folded_project, stored(project)),
            n_outputs: project.output_shape[2],
            has_shortcut,
            activations,
        })))
    }

    fn first_of_block(
        &self,
        unit: &Unit,
        stored: Option<Quantization>,
    ) -> Result<BlockFirst, UnsupportedLayer> {
        let folded = self.fold(unit, convolution(unit));
        let (shape, window) = (map_shape(unit)?, convolution(unit).window);
        if window.is_pointwise() {
            let (weights, bias) = self.pack(folded, stored);
            return Ok(BlockFirst::Pointwise { weights, bias, n_inputs: shape[2] });
        }
        let Folded { kernel, bias } = folded;
        let piece = Unfold { shape, window }.piece_len();
        let weights = match stored {
            Some(stored) => self.kernels.pack_int8(&kernel, bias.len(), piece, stored),
            None => self.kernels.pack_pieces(&kernel, bias.len(), piece, None),
        };
        // Rows are computed a few at a time.
        let weights = PackedFilters::Direct(weights);
        Ok(BlockFirst::Convolution { weights, bias, shape, window })
    }

    fn fold(&self, unit: &Unit, convolution: &ConvolutionUnit) -> Folded {
        let kernel = self.weights.get(&unit.parameter(convolution.kernel_role()));
        fold::fold(unit, convolution, kernel, self.weights)
    }

    fn pack(
        &self,
        Folded { kernel, bias }: Folded,
        stored: Option<Quantization>,
    ) -> (Packed, Vec<f32>) {
        let (k, n) = (kernel.len() / bias.len(), bias.len());
        let weights = match stored {
            Some(stored) => self.kernels.pack_int8(&kernel, n, k, stored),
            None => self.kernels.pack(&kernel, n, None),
        };
        (weights, bias)
    }
}

/// The number of products in an output of a convolution.
fn n_products(unit: &Unit) -> f64 {
    unit.n_multiply_adds() / len(&unit.output_shape) as f64
}

fn convolution(unit: &Unit) -> &ConvolutionUnit {
    match &unit.kind {
        UnitKind::Convolution(convolution) => convolution,
        _ => unreachable!("groups of several units are convolutions"),
    }
}

fn map_shape(unit: &Unit) -> Result<[usize; 3], UnsupportedLayer> {
    unit.input_shape[..].try_into().map_err(|_| unsupported(unit))
}

fn depthwise_shape(
    unit: &Unit,
    convolution: &ConvolutionUnit,
) -> Result<Depthwise, UnsupportedLayer> {
    if convolution.window.fits_depthwise() {
        Ok(Depthwise::new(map_shape(unit)?, convolution.window))
    } else {
        Err(unsupported(unit))
    }
}

fn unsupported(unit: &Unit) -> UnsupportedLayer {
    let class = match unit.kind {
        UnitKind::Convolution(_) => "a convolution with an unsupported window",
        UnitKind::Backbone => "an ONNX base model",
        UnitKind::Sum { .. } => "a sum with an unsupported activation",
        _ => "a layer of the head",
    };
    UnsupportedLayer { layer: unit.name.clone(), class }
}
