//! Custom operations in burn's graph: forward and backward of a layer on the Flex backend, with and
//! without autodiff recording.
//!
//! burn calls a custom operation through a trait with a fixed number of tensors per method. So
//! there is one method for each number of inputs of a layer. All of them pass the tensors' memory
//! to [`Operation`].

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};

use crate::engine::layers::{Backward as Pass, Operation};

/// A layer, shared with burn's graph.
pub(super) type SharedOperation = Arc<dyn Operation>;

/// Layers by the number of inputs. A convolution has activations and three parameters, a
/// normalization has two parameters; a shortcut is one more. A sum has two activations.
#[expect(clippy::too_many_arguments, reason = "burn requires one for each input")]
#[backend_extension(Autodiff, Flex)]
pub(super) trait LayerOperations: Backend {
    fn layer_of_1(operation: SharedOperation, x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn layer_of_2(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn layer_of_3(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
        p1: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn layer_of_4(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
        p1: FloatTensor<Self>,
        p2: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn layer_of_5(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
        p1: FloatTensor<Self>,
        p2: FloatTensor<Self>,
        p3: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn layer_of_7(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
        p1: FloatTensor<Self>,
        p2: FloatTensor<Self>,
        p3: FloatTensor<Self>,
        p4: FloatTensor<Self>,
        p5: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn layer_of_10(
        operation: SharedOperation,
        x: FloatTensor<Self>,
        p0: FloatTensor<Self>,
        p1: FloatTensor<Self>,
        p2: FloatTensor<Self>,
        p3: FloatTensor<Self>,
        p4: FloatTensor<Self>,
        p5: FloatTensor<Self>,
        p6: FloatTensor<Self>,
        p7: FloatTensor<Self>,
        p8: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Implements the methods by a function of an array of inputs.
macro_rules! by_array {
    ($run:expr, $($name:ident($($input:ident),+);)+) => {
        $(
            fn $name(
                operation: SharedOperation,
                $($input: FloatTensor<Self>),+
            ) -> FloatTensor<Self> {
                $run(operation, [$($input),+])
            }
        )+
    };
}

impl LayerOperations for Flex {
    by_array! {
        forward,
        layer_of_1(x);
        layer_of_2(x, p0);
        layer_of_3(x, p0, p1);
        layer_of_4(x, p0, p1, p2);
        layer_of_5(x, p0, p1, p2, p3);
        layer_of_7(x, p0, p1, p2, p3, p4, p5);
        layer_of_10(x, p0, p1, p2, p3, p4, p5, p6, p7, p8);
    }
}

impl<C: CheckpointStrategy> LayerOperations for Autodiff<Flex, C> {
    by_array! {
        recorded::<C, _>,
        layer_of_1(x);
        layer_of_2(x, p0);
        layer_of_3(x, p0, p1);
        layer_of_4(x, p0, p1, p2);
        layer_of_5(x, p0, p1, p2, p3);
        layer_of_7(x, p0, p1, p2, p3, p4, p5);
        layer_of_10(x, p0, p1, p2, p3, p4, p5, p6, p7, p8);
    }
}

/// The values of a tensor: the part of its storage that its layout selects.
fn values(tensor: &FlexTensor) -> &[f32] {
    let (start, end) = tensor.layout().contiguous_offsets().expect("made contiguous before");
    &tensor.storage::<f32>()[start..end]
}

/// Makes a tensor without a copy: the list becomes its storage.
fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

#[expect(clippy::needless_pass_by_value, reason = "the same signature as `recorded`")]
fn forward<const N: usize>(operation: SharedOperation, inputs: [FlexTensor; N]) -> FlexTensor {
    run(operation.as_ref(), &inputs.map(|input| input.to_contiguous()))
}

fn run<const N: usize>(operation: &dyn Operation, inputs: &[FlexTensor; N]) -> FlexTensor {
    let [n, ..] = inputs[0].shape().dims::<4>();
    let [height, width, channels] = operation.output_shape();
    let output = operation.forward(n, &inputs.each_ref().map(values));
    tensor(output, Shape::from([n, height, width, channels]))
}

fn recorded<C: CheckpointStrategy, const N: usize>(
    operation: SharedOperation,
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs.each_ref().map(FloatTensor::<Autodiff<Flex, C>>::node);
    let inputs = inputs.map(|input| input.into_primitive().to_contiguous());
    let output = run(operation.as_ref(), &inputs);
    match Backward::<Flex, N>::prepare::<C>(LayerBackward, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let kept = operation.reads_output().then(|| output.clone());
            prepared.finish(Saved { operation, inputs, output: kept }, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

/// The backward pass of a layer.
#[derive(Debug)]
struct LayerBackward;

/// The values that the backward pass needs; clones share memory.
#[derive(Clone, Debug)]
struct Saved<const N: usize> {
    operation: SharedOperation,
    inputs: [FlexTensor; N],
    output: Option<FlexTensor>,
}

impl<const N: usize> Backward<Flex, N> for LayerBackward {
    type State = Saved<N>;

    fn backward(
        self,
        ops: Ops<Saved<N>, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let ids: [Option<NodeId>; N] = ops.parents.map(|parent| parent.map(|node| node.id));
        let Saved { operation, inputs, output } = ops.state;
        let found = operation.backward(&Pass {
            n: inputs[0].shape().dims::<4>()[0],
            inputs: &inputs.each_ref().map(values),
            output: output.as_ref().map_or(&[], values),
            dy: values(&dy),
            wants_input: ids[0].is_some(),
        });
        for ((id, input), gradient) in ids.into_iter().zip(&inputs).zip(found) {
            if let (Some(id), Some(gradient)) = (id, gradient) {
                gradients.register::<Flex>(id, tensor(gradient, input.shape()));
            }
        }
    }
}

/// Runs a layer on `x` `[n, h, w, c]` and its other inputs. On an autodiff device, the operation is
/// recorded in the graph.
pub(super) fn layer(operation: SharedOperation, x: Tensor<4>, rest: Vec<Input>) -> Tensor<4> {
    let x = x.into_dispatch();
    let rest: Vec<_> = rest.into_iter().map(Input::into_dispatch).collect();
    let n_inputs = rest.len() + 1;
    let mut rest = rest.into_iter();
    let mut next = || rest.next().expect("counted above");
    let output = match n_inputs {
        1 => <Dispatch as LayerOperations>::layer_of_1(operation, x),
        2 => <Dispatch as LayerOperations>::layer_of_2(operation, x, next()),
        3 => <Dispatch as LayerOperations>::layer_of_3(operation, x, next(), next()),
        4 => <Dispatch as LayerOperations>::layer_of_4(operation, x, next(), next(), next()),
        5 => {
            <Dispatch as LayerOperations>::layer_of_5(operation, x, next(), next(), next(), next())
        }
        7 => <Dispatch as LayerOperations>::layer_of_7(
            operation,
            x,
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
        ),
        10 => <Dispatch as LayerOperations>::layer_of_10(
            operation,
            x,
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
        ),
        n => unreachable!("no layer has {n} inputs"),
    };
    Tensor::from_dispatch(output)
}

/// An input of a layer besides its activations.
pub(super) enum Input {
    /// Scale, shift.
    Vector(Tensor<1>),
    /// Weights of a fully connected layer.
    Matrix(Tensor<2>),
    /// Weights of a convolution, or a shortcut.
    Map(Tensor<4>),
}

impl Input {
    fn into_dispatch(self) -> FloatTensor<Dispatch> {
        match self {
            Self::Vector(tensor) => tensor.into_dispatch(),
            Self::Matrix(tensor) => tensor.into_dispatch(),
            Self::Map(tensor) => tensor.into_dispatch(),
        }
    }
}
