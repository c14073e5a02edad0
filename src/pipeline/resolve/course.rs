//! Resolves learning rates, gradients and weight averages of a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{
    RawAverage, RawBatchNorm, RawBestBy, RawClipping, RawCosine, RawEarlyStopping, RawExponential,
    RawOneCycle, RawPlateau, RawSchedule, RawSoup, RawStepSchedule, RawTrain, RawWarmup,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    AverageSpec, BatchNormSpec, BestBy, ClippingSpec, EarlyStoppingSpec, FreezeSpec, ScheduleSpec,
    SoupSpec, WarmupSpec,
};

/// Number of epochs of a soup without other stages.
const SOUP_EPOCHS: usize = 3;

pub(super) fn batch_norm(
    raw: RawBatchNorm,
    freeze: &FreezeSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> BatchNormSpec {
    match raw {
        RawBatchNorm::Frozen => BatchNormSpec::Frozen,
        RawBatchNorm::Train(train) => {
            if *freeze == FreezeSpec::All {
                let message = "`batch_norm` has no effect when the whole base model is frozen";
                let problem = Problem::new(Code::Conflict, at.key("batch_norm"), message);
                problems
                    .push(problem.hint("remove it, or write `freeze: none` or `unfreeze_from`"));
            }
            BatchNormSpec::Train { momentum: train.momentum }
        }
    }
}

pub(super) fn schedule(
    raw: &RawTrain,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> (ScheduleSpec, Option<WarmupSpec>) {
    let schedule = match raw.schedule {
        RawSchedule::Constant => ScheduleSpec::Constant,
        RawSchedule::Step(RawStepSchedule { every, factor }) => {
            ScheduleSpec::Step { every, factor }
        }
        RawSchedule::Exponential(RawExponential { factor }) => ScheduleSpec::Exponential { factor },
        RawSchedule::Cosine(RawCosine { end }) => ScheduleSpec::Cosine { end },
        RawSchedule::OneCycle(RawOneCycle { rise, start, end }) => {
            ScheduleSpec::OneCycle { rise, start, end }
        }
        RawSchedule::ReduceOnPlateau(RawPlateau { factor, patience, min_delta }) => {
            ScheduleSpec::ReduceOnPlateau { factor, patience, min_delta }
        }
    };
    let warmup = raw.warmup.map(|warmup| match warmup {
        RawWarmup::Epochs(n) => WarmupSpec::Epochs(n),
        RawWarmup::Steps(n) => WarmupSpec::Steps(n),
    });
    match (warmup, schedule) {
        (Some(_), ScheduleSpec::OneCycle { .. }) => {
            let message = "`one_cycle` includes a warm-up, so `warmup` cannot be added to it";
            let problem = Problem::new(Code::Conflict, at.key("warmup"), message);
            problems.push(problem.hint("remove it, or write `schedule: { cosine: {} }`"));
        }
        (Some(WarmupSpec::Epochs(n)), _) if n >= raw.epochs => {
            let message =
                format!("a warm-up of {n} epochs takes up the whole stage of {}", raw.epochs);
            problems.push(Problem::new(Code::OutOfRange, at.key("warmup").key("epochs"), message));
        }
        _ => {}
    }
    (schedule, warmup)
}

pub(super) fn clipping(raw: RawClipping) -> ClippingSpec {
    ClippingSpec { norm: raw.norm }
}

pub(super) fn average(raw: RawAverage) -> AverageSpec {
    AverageSpec { decay: raw.decay }
}

pub(super) fn soup(
    RawSoup { epochs, with }: &RawSoup,
    n_epochs: usize,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> SoupSpec {
    let default = if with.is_empty() { SOUP_EPOCHS } else { 1 };
    let epochs = epochs.unwrap_or(default);
    if epochs == 1 && with.is_empty() {
        let message = "an average needs at least two epochs, or other stages";
        let problem = Problem::new(Code::Conflict, at.key("soup"), message);
        problems.push(problem.hint("write `soup: { epochs: 3 }` or `soup: { with: [STAGE] }`"));
    } else if epochs > n_epochs {
        let message = format!("`soup` averages {epochs} epochs, but the stage has only {n_epochs}");
        let problem = Problem::new(Code::Conflict, at.key("soup"), message);
        problems.push(problem.hint("train for more epochs, or write `soup: { epochs: 2 }`"));
    }
    SoupSpec { epochs, with: with.clone() }
}

pub(super) fn early_stopping(raw: RawEarlyStopping) -> EarlyStoppingSpec {
    let RawEarlyStopping { patience, min_delta } = raw;
    EarlyStoppingSpec { patience, min_delta }
}

/// The metric that selects the best epoch.
pub(super) fn best_by(raw: RawBestBy) -> BestBy {
    match raw {
        RawBestBy::ValidationLoss => BestBy::ValidationLoss,
        RawBestBy::ValidationAccuracy => BestBy::ValidationAccuracy,
        RawBestBy::BalancedAccuracy => BestBy::BalancedAccuracy,
        RawBestBy::MacroF1 => BestBy::MacroF1,
        RawBestBy::SubsetAccuracy => BestBy::SubsetAccuracy,
        RawBestBy::AveragePrecision => BestBy::AveragePrecision,
        RawBestBy::MeanAbsoluteError => BestBy::MeanAbsoluteError,
        RawBestBy::Spearman => BestBy::Spearman,
    }
}
