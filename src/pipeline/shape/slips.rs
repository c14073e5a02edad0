//! Names that other libraries have for keys of a pipeline, and keys in the wrong place: a hint for
//! each.
//!
//! The names are those of Keras, Ultralytics, timm, Hugging Face and scikit-learn.

use crate::base::text;
use crate::pipeline::schema::SchemaView;

/// A usual name, in mappings that know the key `home`.
struct Slip {
    home: &'static str,
    names: &'static [&'static str],
    hint: &'static str,
}

/// Keys that tell mappings apart: of the pipeline, its dataset, its model, a stage that trains, the
/// focal loss, a teacher.
const PIPELINE: &str = "stages";
const DATASET: &str = "image_size";
const MODEL: &str = "base";
const TRAIN: &str = "early_stopping";
const FOCAL: &str = "gamma";
const TEACHER: &str = "share";
/// A stage that fits the head.
const FIT: &str = "prototypes";
/// A key of stages that evaluate or export; stages that train have it too.
const TASK: &str = "from_weights";

/// A time, which is not a key of pipelines.
const BUDGET: [&str; 4] = ["budget", "time_limit", "max_time", "time_budget"];
const BUDGET_HINT: &str = "pass the time on the command line: `alpaca-run PIPELINE --budget 10min` \
                           records the numbers of epochs that fit into it";

/// Half precision, in the settings of trainers.
const HALF: [&str; 7] = ["amp", "use_amp", "mixed_precision", "half", "fp16", "bf16", "dtype"];
const HALF_HINT: &str = "write `precision: bf16` under `model`";

/// Products of bytes, in the settings of trainers and of runtimes.
const BYTES: [&str; 7] =
    ["int8", "quantize", "quantized", "quantization", "qat", "load_in_8bit", "calibration"];

const SLIPS: [Slip; 59] = [
    Slip { home: PIPELINE, names: &HALF, hint: HALF_HINT },
    Slip { home: MODEL, names: &HALF, hint: "write `precision: bf16`" },
    Slip { home: PIPELINE, names: &BYTES, hint: "write `precision: int8` under `model`" },
    Slip { home: MODEL, names: &BYTES, hint: "write `precision: int8`" },
    Slip { home: TRAIN, names: &HALF, hint: HALF_HINT },
    // The dataset.
    Slip {
        home: DATASET,
        names: &["path", "root", "dir", "data_dir", "image_dir", "train_dir", "source", "location"],
        hint: "write the directory of the images as `directory`",
    },
    Slip {
        home: DATASET,
        names: &["validation_split", "val_split", "valid_pct", "val_size", "val"],
        hint: "write `split: { validation: 0.2 }`",
    },
    Slip {
        home: DATASET,
        names: &["test_size", "test_split"],
        hint: "write `split: { validation: 0.2, test: 0.1 }`",
    },
    Slip {
        home: DATASET,
        names: &[
            "img_size",
            "imgsz",
            "input_size",
            "target_size",
            "input_shape",
            "image_shape",
            "resolution",
            "size",
        ],
        hint: "write the size of the images as `image_size: 160`",
    },
    Slip {
        home: DATASET,
        names: &["batch", "bs", "per_device_train_batch_size"],
        hint: "write `batch_size: 32`",
    },
    Slip {
        home: DATASET,
        names: &["num_workers", "workers", "n_jobs", "dataloader_num_workers"],
        hint: "threads are not part of a pipeline: pass `--threads N`",
    },
    Slip {
        home: DATASET,
        names: &["shuffle"],
        hint: "remove it: training images are shuffled in each epoch, by `seed`",
    },
    Slip {
        home: DATASET,
        names: &["label_mode", "class_mode", "class_names", "num_classes", "nc", "names"],
        hint: "remove it: the classes are the directories below `directory`",
    },
    Slip {
        home: DATASET,
        names: &[
            "multi_label",
            "multilabel",
            "is_multilabel",
            "problem_type",
            "task",
            "regression",
        ],
        hint: "write `labels: many` for several labels an image, or `target: number` for a number",
    },
    Slip {
        home: DATASET,
        names: &["label_delim", "label_separator", "delimiter", "separator", "sep"],
        hint: "write what separates the labels of an image as `columns: { separator: \",\" }`",
    },
    Slip {
        home: DATASET,
        names: &["cache"],
        hint: "remove it: decoded images are cached; `--no-cache` turns the cache off",
    },
    Slip {
        home: DATASET,
        names: &["random_state", "random_seed", "seed"],
        hint: "write `seed` at the top level, or under `split` for the split alone",
    },
    Slip {
        home: DATASET,
        names: &["augment", "augmentation", "augmentations", "transform", "transforms"],
        hint: "write `augmentation` at the top level or in a stage, as a list",
    },
    // The model.
    Slip {
        home: MODEL,
        names: &["name", "arch", "architecture", "model", "model_name", "backbone", "network"],
        hint: "write the architecture as `base: mobilenet_v2`",
    },
    Slip {
        home: MODEL,
        names: &["alpha", "width_mult", "width_multiplier"],
        hint: "write `width: 0.35`",
    },
    Slip {
        home: MODEL,
        names: &["pretrained", "checkpoint", "pretrained_weights"],
        hint: "write `weights: imagenet`, `weights: builtin` or `weights: FILE`",
    },
    Slip { home: MODEL, names: &["include_top"], hint: "write `top: new` or `top: pretrained`" },
    Slip {
        home: MODEL,
        names: &["dropout", "drop_rate", "pooling", "global_pool"],
        hint: "write it under `head`: `head: { dropout: 0.2 }`",
    },
    Slip {
        home: MODEL,
        names: &["num_classes", "classes", "n_classes", "num_labels"],
        hint: "remove it: the number of classes is that of the dataset",
    },
    Slip {
        home: TRAIN,
        names: &["callbacks", "callback"],
        hint: "write `early_stopping: { patience: 5 }` or `schedule: { reduce_on_plateau: { patience: 3 } }`",
    },
    // A stage that trains.
    Slip {
        home: TRAIN,
        names: &["learning_rate", "lr", "lr0", "base_lr", "eta", "learning_rate_init"],
        hint: "write it under the optimizer: `optimizer: { adam: { learning_rate: 1e-3 } }`",
    },
    Slip {
        home: TRAIN,
        names: &["weight_decay", "wd"],
        hint: "write it under the optimizer: `optimizer: { adamw: { weight_decay: 0.004 } }`",
    },
    Slip {
        home: TRAIN,
        names: &["momentum", "nesterov"],
        hint: "write it under the optimizer: `optimizer: { sgd: { momentum: 0.9 } }`",
    },
    Slip {
        home: TRAIN,
        names: &["num_epochs", "n_epochs", "num_train_epochs", "max_epochs", "max_iter", "n_epoch"],
        hint: "write `epochs: 5`",
    },
    Slip {
        home: TRAIN,
        names: &["patience", "early_stop", "n_iter_no_change"],
        hint: "write `early_stopping: { patience: 5 }`",
    },
    Slip {
        home: TRAIN,
        names: &["scheduler", "lr_scheduler", "lr_scheduler_type", "sched", "cos_lr"],
        hint: "write `schedule: { cosine: {} }`",
    },
    Slip {
        home: TRAIN,
        names: &["warmup_epochs", "warmup_steps", "warmup_ratio"],
        hint: "write `warmup: { epochs: 1 }` or `warmup: { steps: 100 }`",
    },
    Slip {
        home: TRAIN,
        names: &["trainable", "fine_tune_at", "unfreeze", "freeze_layers", "freeze_until"],
        hint: "write `unfreeze_from: LAYER`, `freeze: all` or `freeze: none`; `alpaca-run layers` \
               lists the layers",
    },
    Slip {
        home: TRAIN,
        names: &["monitor", "metric_for_best_model", "save_best_only"],
        hint: "write `best_by: val/accuracy`",
    },
    Slip {
        home: TRAIN,
        names: &["criterion", "loss_function", "loss_fn", "focal_loss", "focal_gamma", "fl_gamma"],
        hint: "write `loss: cross_entropy`, the default, or `loss: { focal: { gamma: 2.0 } }`",
    },
    Slip { home: TRAIN, names: &["smoothing"], hint: "write `label_smoothing: 0.1`" },
    Slip {
        home: TRAIN,
        names: &["clipnorm", "clip_grad", "max_grad_norm", "global_clipnorm", "clipvalue"],
        hint: "write `gradient_clipping: { norm: 1.0 }`",
    },
    Slip {
        home: TRAIN,
        names: &["ema", "use_ema", "model_ema", "ema_momentum"],
        hint: "write `weight_average: { decay: 0.999 }`",
    },
    Slip {
        home: TRAIN,
        names: &["mixup", "mix_up", "mixup_alpha", "cutmix", "cut_mix", "cutmix_alpha", "mix"],
        hint: "write `mixing: { mix_up: { alpha: 0.2 } }` or `mixing: { cut_mix: {} }`",
    },
    Slip {
        home: TRAIN,
        names: &[
            "llrd",
            "layerwise_lr_decay",
            "layer_wise_lr_decay",
            "lr_decay",
            "layerwise_decay",
            "lr_mult",
        ],
        hint: "write `layer_decay: 0.8`, the learning rate of each block as a fraction of that of the \
               block after it",
    },
    Slip {
        home: TRAIN,
        names: &["bitfit", "train_bn", "norm_only", "bias_only", "trainable_parameters"],
        hint: "write `parameters: normalization` or `parameters: biases`",
    },
    Slip {
        home: TRAIN,
        names: &["swa", "model_soup", "greedy_soup", "average_checkpoints", "top_k_average"],
        hint: "write `soup: { epochs: 3 }`, or `soup: { with: [STAGE] }` for the weights of other stages",
    },
    Slip {
        home: DATASET,
        names: &["unlabelled", "unlabeled_directory", "unlabeled_images", "unsupervised"],
        hint: "write `unlabeled: DIRECTORY`, for stages with a `teacher`",
    },
    Slip {
        home: TRAIN,
        names: &["distill", "distillation", "distillation_type", "teacher_model", "teacher_path"],
        hint: "write `teacher: RUN`, or `teacher: { model: RUN, share: 0.5, temperature: 1 }`",
    },
    Slip {
        home: TEACHER,
        names: &["alpha", "weight", "distillation_alpha", "kd_alpha", "lambda"],
        hint: "write `share: 0.5`, the part of the target that the teacher's outputs are",
    },
    Slip {
        home: TEACHER,
        names: &["t", "tau", "distillation_tau"],
        hint: "write `temperature: 2`",
    },
    Slip {
        home: TEACHER,
        names: &["path", "run", "directory", "file"],
        hint: "write `model: RUN`",
    },
    Slip {
        home: TRAIN,
        names: &["class_weight", "sample_weight", "pos_weight", "weighted_loss", "cls_pw"],
        hint: "write `class_weights: balanced`",
    },
    Slip { home: PIPELINE, names: &BUDGET, hint: BUDGET_HINT },
    Slip { home: TRAIN, names: &BUDGET, hint: BUDGET_HINT },
    Slip {
        home: FIT,
        names: &["nearest_centroid", "nearest_class_mean", "ncm", "prototypical", "lda"],
        hint: "write `prototypes: {}`",
    },
    Slip {
        home: FIT,
        names: &["knn", "k_nearest_neighbors", "nearest_neighbors", "n_neighbors"],
        hint: "a head has no memory of single images; write `prototypes: {}`, the distances to the \
               mean of each class, or leave it out for logistic regression",
    },
    Slip {
        home: FIT,
        names: &["logistic_regression", "linear_probe", "svm", "linear_svm"],
        hint: "write `logistic: {}`",
    },
    Slip {
        home: FOCAL,
        names: &["alpha", "weight", "weights", "class_weights"],
        hint: "write the weights of the classes as `class_weights` of the stage",
    },
    Slip {
        home: TRAIN,
        names: &["sampler", "weighted_sampler", "oversample", "oversampling", "class_balanced"],
        hint: "write `sampling: balanced`",
    },
    Slip { home: TRAIN, names: &["metrics"], hint: "remove it: all metrics are computed" },
    Slip {
        home: PIPELINE,
        names: &["mixup", "mix_up", "cutmix", "cut_mix", "mixing"],
        hint: "write it in a stage that trains: `mixing: { mix_up: {} }`",
    },
    // The pipeline.
    Slip { home: PIPELINE, names: &["data", "datasets"], hint: "write `dataset`" },
    Slip {
        home: PIPELINE,
        names: &["train", "training", "steps", "jobs"],
        hint: "write stages by name: `stages: { transfer: { train: { epochs: 5 } } }`",
    },
];

/// Names that other libraries have for random changes of images.
const CHANGES: [(&[&str], &str); 16] = [
    (
        &["randomhorizontalflip", "horizontal_flip", "hflip", "fliplr", "randomflip", "flip"],
        "write `random_flip: horizontal`",
    ),
    (&["randomverticalflip", "vertical_flip", "vflip", "flipud"], "write `random_flip: vertical`"),
    (
        &["randomrotation", "rotation_range", "rotation", "rotate", "degrees"],
        "write `random_rotation: { factor: 0.1 }`; the factor is a fraction of a full turn",
    ),
    (&["randomzoom", "zoom_range", "zoom"], "write `random_zoom: { factor: 0.2 }`"),
    (
        &["randomresizedcrop", "resized_crop", "random_crop", "randomcrop", "crop", "scale"],
        "write `random_resized_crop: { scale: [0.08, 1] }`",
    ),
    (
        &["randomtranslation", "width_shift_range", "height_shift_range", "translate", "shift"],
        "write `random_translation: { height: 0.1, width: 0.1 }`",
    ),
    (
        &["randombrightness", "brightness", "brightness_range", "randomcontrast", "contrast"],
        "write `random_brightness: { factor: 0.2 }` or `random_contrast: { factor: 0.2 }`",
    ),
    (
        &[
            "colorjitter",
            "randomcolorjitter",
            "random_color_jitter",
            "color",
            "saturation",
            "hue",
            "hsv_h",
            "hsv_s",
            "hsv_v",
        ],
        "write `color_jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }`",
    ),
    (
        &["randomgrayscale", "grayscale", "togray", "to_gray"],
        "write `random_grayscale: { probability: 0.1 }`",
    ),
    (
        &["gaussianblur", "gaussian_blur", "randomgaussianblur", "random_gaussian_blur", "blur"],
        "write `random_blur: { sigma: [0.1, 2], probability: 0.5 }`",
    ),
    (
        &["randomadjustsharpness", "randomsharpness", "sharpness", "sharpen"],
        "write `random_sharpness: { factor: 1, probability: 0.5 }`",
    ),
    (
        &["randomerasing", "erasing", "reprob", "cutout", "random_cutout", "randomerase"],
        "write `random_erasing: { probability: 0.25 }`",
    ),
    (
        &["randaugment", "random_augment", "autoaugment", "auto_augment", "aa"],
        "write `rand_augment: { operations: 2, magnitude: 9 }`",
    ),
    (
        &["trivialaugment", "trivialaugmentwide", "trivial_augment_wide", "ta_wide"],
        "write `trivial_augment: {}`",
    ),
    (
        &["mixup", "mix_up", "random_mixup", "cutmix", "cut_mix", "random_cutmix", "mixing"],
        "images of a batch are mixed in a stage that trains: write \
         `mixing: { mix_up: {}, cut_mix: {} }` there",
    ),
    (&["augmix", "aug_mix_augment", "randomaugmix"], "write `aug_mix: {}`"),
];

/// What to write in place of another library's name for a choice of `tags`.
pub(super) fn choice(name: &str, tags: &[(&str, SchemaView)]) -> Option<String> {
    let word = name.to_lowercase().replace('-', "_");
    if tags.iter().any(|(tag, _)| *tag == "random_flip") {
        let (_, hint) = CHANGES.iter().find(|(names, _)| names.contains(&word.as_str()))?;
        return Some((*hint).to_owned());
    }
    None
}

/// What to write in place of an unknown key, if it is a usual name for something, or a key that
/// belongs somewhere else.
pub(super) fn hint(key: &str, known: &[&str]) -> Option<String> {
    let word = key.to_lowercase().replace('-', "_");
    let is_task = known.contains(&TASK) && !known.contains(&TRAIN);
    if is_task && word.starts_with("augment") {
        return Some("remove it: images are augmented in training only".to_owned());
    }
    let slip = SLIPS.iter().find(|slip| {
        known.contains(&slip.home) && slip.names.contains(&word.as_str()) && !known.contains(&key)
    });
    slip.map(|slip| slip.hint.to_owned()).or_else(|| elsewhere(&word))
}

/// Where in a pipeline a key belongs that is not known where it is.
fn elsewhere(key: &str) -> Option<String> {
    let root = SchemaView::root();
    if root.property(key).is_some() {
        return Some(format!("write `{key}` at the top level"));
    }
    let model = root.property("model");
    let places = [
        ("dataset", root.property("dataset")),
        ("model", model),
        ("model.head", model.and_then(|model| model.property("head"))),
        ("stages.NAME.train", train()),
    ];
    let fitting = places
        .into_iter()
        .filter(|(_, schema)| schema.is_some_and(|schema| schema.property(key).is_some()))
        .map(|(place, _)| format!("{place}.{key}"));
    let mut places: Vec<String> = fitting.collect();
    if ["learning_rate", "lr"].contains(&key) {
        places.push("stages.NAME.train.optimizer.adam.learning_rate".to_owned());
    }
    let names = text::any_of(places.iter().map(String::as_str));
    (!places.is_empty()).then(|| format!("it belongs at {names}"))
}

/// The schema of a stage that trains.
fn train() -> Option<SchemaView> {
    let stages = SchemaView::root().property("stages")?;
    let stage = stages.any_property()?;
    stage.tags().into_iter().find(|(tag, _)| *tag == "train").map(|(_, schema)| schema)
}

/// The hint for a name that other libraries have for a key, in whichever mapping.
pub(in crate::pipeline) fn anywhere(name: &str) -> Option<&'static str> {
    let slip = SLIPS.iter().find(|slip| slip.names.contains(&name))?;
    Some(slip.hint)
}

/// How to write a value that stands where a mapping is expected: the key that it is usually meant
/// for.
pub(super) fn in_mapping(key: &str, value: &str) -> Option<String> {
    let inner = match key {
        "split" => "validation",
        "adam" | "adamw" | "sgd" => "learning_rate",
        "head" => "dropout",
        "warmup" => "epochs",
        _ => return None,
    };
    Some(format!("write `{key}: {{ {inner}: {value} }}`"))
}
