//! The default of every key that a pipeline file may leave out. The JSON schema, the reference and
//! the loader all read them from here.

use super::{
    NumberOrRange, RawAdam, RawAlpha, RawBatchNorm, RawBestBy, RawClassWeights,
    RawClassWeightsRule, RawDevice, RawDuplicates, RawErasedWith, RawFactors, RawFill, RawFit,
    RawHead, RawInterpolation, RawLabels, RawOnBadImage, RawOptimizer, RawPooling, RawPrecision,
    RawPrefetch, RawResize, RawSampling, RawScale, RawSchedule, RawSearch, RawSplit, RawSplitBy,
    RawTarget, RawTop, RawTrained,
};

pub(super) fn seed() -> u64 {
    42
}

pub(super) fn batch_size() -> usize {
    32
}

pub(super) fn image_size() -> usize {
    160
}

pub(super) fn parameters() -> RawTrained {
    RawTrained::All
}

pub(in crate::pipeline) fn teacher_share() -> f64 {
    0.5
}

pub(in crate::pipeline) fn teacher_temperature() -> f64 {
    1.0
}

pub(super) fn mixing_probability() -> f64 {
    1.0
}

pub(super) fn mix_up_alpha() -> f64 {
    0.2
}

pub(super) fn cut_mix_alpha() -> f64 {
    1.0
}

pub(super) fn prefetch() -> RawPrefetch {
    RawPrefetch::Auto(super::Auto::Auto)
}

pub(super) fn on_bad_image() -> RawOnBadImage {
    RawOnBadImage::Error
}

pub(super) fn duplicates() -> RawDuplicates {
    RawDuplicates::Error
}

pub(super) fn resize() -> RawResize {
    RawResize { interpolation: interpolation(), antialias: antialias(), fit: fit() }
}

pub(super) fn interpolation() -> RawInterpolation {
    RawInterpolation::Bilinear
}

pub(super) fn antialias() -> bool {
    true
}

pub(super) fn fit() -> RawFit {
    RawFit::Stretch
}

pub(super) fn alpha() -> RawAlpha {
    RawAlpha::Drop
}

pub(super) fn split() -> RawSplit {
    RawSplit {
        train: None,
        validation: None,
        test: 0.0,
        by: split_by(),
        groups: None,
        folds: None,
        fold: None,
        repeats: None,
        seed: None,
    }
}

pub(in crate::pipeline) fn validation() -> f64 {
    0.2
}

pub(super) fn split_by() -> RawSplitBy {
    RawSplitBy::Stratified
}

pub(super) fn fill() -> RawFill {
    RawFill::Reflect
}

pub(super) fn crop_scale() -> [f64; 2] {
    [0.08, 1.0]
}

pub(super) fn crop_ratio() -> [f64; 2] {
    [0.75, 1.3333]
}

pub(super) fn factors() -> RawFactors {
    RawFactors::Number(0.0)
}

pub(super) fn hue() -> NumberOrRange {
    NumberOrRange::Number(0.0)
}

pub(super) fn jitter_probability() -> f64 {
    1.0
}

pub(super) fn grayscale_probability() -> f64 {
    0.1
}

/// The probability of changes that torchvision applies to half of the images.
pub(super) fn half() -> f64 {
    0.5
}

pub(super) fn blur_sigma() -> [f64; 2] {
    [0.1, 2.0]
}

pub(super) fn erasing_scale() -> [f64; 2] {
    [0.02, 0.33]
}

pub(super) fn erasing_ratio() -> [f64; 2] {
    [0.3, 3.3]
}

pub(super) fn erased_with() -> RawErasedWith {
    RawErasedWith::Noise
}

pub(super) fn rand_augment_operations() -> usize {
    2
}

pub(super) fn rand_augment_magnitude() -> usize {
    9
}

/// Severity and width of `aug_mix` (Hendrycks et al. 2020).
pub(super) fn three() -> usize {
    3
}

pub(super) fn chain_depth() -> [usize; 2] {
    [1, 3]
}

pub(super) fn concentration() -> f64 {
    1.0
}

pub(super) fn precision() -> RawPrecision {
    RawPrecision::F32
}

pub(super) fn device() -> RawDevice {
    RawDevice::Cpu
}

pub(super) fn micro_batches() -> usize {
    16
}

pub(super) fn head() -> RawHead {
    RawHead { pooling: pooling(), hidden: vec![], dropout: dropout() }
}

pub(super) fn pooling() -> RawPooling {
    RawPooling::Average
}

pub(super) fn top() -> RawTop {
    RawTop::New
}

pub(super) fn dropout() -> f64 {
    0.2
}

pub(super) fn schedule() -> RawSchedule {
    RawSchedule::Constant
}

pub(super) fn schedule_factor() -> f64 {
    0.1
}

pub(super) fn one_cycle_rise() -> f64 {
    0.25
}

pub(super) fn one_cycle_start() -> f64 {
    0.04
}

pub(super) fn one_cycle_end() -> f64 {
    1e-5
}

pub(super) fn plateau_patience() -> usize {
    10
}

pub(super) fn batch_norm() -> RawBatchNorm {
    RawBatchNorm::Frozen
}

pub(super) fn batch_norm_momentum() -> f64 {
    0.99
}

pub(super) fn labels() -> RawLabels {
    RawLabels::One
}

pub(super) fn target() -> RawTarget {
    RawTarget::Class
}

pub(super) fn huber_delta() -> f64 {
    1.0
}

pub(super) fn focal_gamma() -> f64 {
    2.0
}

pub(super) fn sampling() -> RawSampling {
    RawSampling::Shuffled
}

pub(super) fn class_weights() -> RawClassWeights {
    RawClassWeights::Rule(RawClassWeightsRule::None)
}

pub(in crate::pipeline) fn effective_beta() -> f64 {
    0.999
}

pub(super) fn best_by() -> RawBestBy {
    RawBestBy::ValidationLoss
}

pub(super) fn optimizer() -> RawOptimizer {
    RawOptimizer::Adam(RawAdam {
        learning_rate: adam_learning_rate(),
        beta_1: beta_1(),
        beta_2: beta_2(),
        epsilon: epsilon(),
    })
}

pub(super) fn adam_learning_rate() -> f64 {
    1e-3
}

pub(super) fn beta_1() -> f64 {
    0.9
}

pub(super) fn beta_2() -> f64 {
    0.999
}

pub(super) fn epsilon() -> f64 {
    1e-7
}

pub(super) fn weight_decay() -> f64 {
    4e-3
}

pub(super) fn sgd_learning_rate() -> f64 {
    1e-2
}

pub(super) fn search() -> RawSearch {
    RawSearch::Grid
}

pub(super) fn scale() -> RawScale {
    RawScale::Linear
}

pub(super) fn keep() -> usize {
    3
}
