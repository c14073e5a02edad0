//! Names of other libraries and keys in the wrong place: each has the right suggestion.

use crate::support::pictures::Workshop;
use crate::support::program::alpaca_run;

const PIPELINE: &str = "version: 1
dataset: { directory: pictures, image_size: 32 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  transfer: { train: { epochs: 1 } }
";

/// What `-S` says, and what the hint says.
const OVERRIDES: [(&str, &str); 78] = [
    // Hugging Face, Ultralytics, PyTorch.
    ("stages.transfer.fp16=true", "`precision: bf16` under `model`"),
    ("mixed_precision=bf16", "`precision: bf16` under `model`"),
    ("model.dtype=bfloat16", "write `precision: bf16`"),
    ("model.quantize=true", "write `precision: int8`"),
    ("quantization.bits=8", "`precision: int8` under `model`"),
    // AutoGluon, scikit-learn.
    ("budget=2 min", "`alpaca-run PIPELINE --budget 10min`"),
    ("stages.transfer.time_limit=600", "`alpaca-run PIPELINE --budget 10min`"),
    ("stages.transfer={ fit: { nearest_centroid: {} } }", "`prototypes: {}`"),
    ("stages.transfer={ fit: { knn: { n_neighbors: 5 } } }", "`prototypes: {}`"),
    ("stages.transfer={ fit: { linear_probe: {} } }", "`logistic: {}`"),
    // Keras.
    ("dataset.validation_split=0.2", "`split: { validation: 0.2 }`"),
    ("dataset.target_size=[160, 160]", "`image_size: 160`"),
    ("dataset.class_mode=binary", "the classes are the directories"),
    ("dataset.label_mode=int", "the classes are the directories"),
    ("dataset.shuffle=true", "shuffled in each epoch"),
    ("dataset.input_shape=[160, 160, 3]", "`image_size: 160`"),
    ("model.alpha=0.35", "`width: 0.35`"),
    ("model.include_top=false", "`top: new` or `top: pretrained`"),
    ("model.classes=2", "the number of classes is that of the dataset"),
    ("model.pooling=avg", "under `head`"),
    ("stages.transfer.learning_rate=1e-3", "`optimizer: { adam: { learning_rate: 1e-3 } }`"),
    ("stages.transfer.trainable=false", "`freeze: all`"),
    ("stages.transfer.fine_tune_at=100", "`unfreeze_from: LAYER`"),
    (
        "stages.transfer.loss=binary_crossentropy",
        "`cross_entropy`, `mse` or a mapping with one of `focal` or `huber`",
    ),
    ("stages.transfer.loss=focal", "`focal: {}` under `loss`"),
    ("stages.transfer.criterion=focal", "`loss: { focal: { gamma: 2.0 } }`"),
    ("stages.transfer.metrics=[accuracy]", "all metrics are computed"),
    ("stages.transfer.class_weight=balanced", "`class_weights: balanced`"),
    ("stages.transfer.sampler=weighted", "`sampling: balanced`"),
    ("stages.transfer.save_best_only=true", "`best_by: val/accuracy`"),
    ("stages.transfer.patience=3", "`early_stopping: { patience: 5 }`"),
    ("stages.transfer.clipnorm=1.0", "`gradient_clipping: { norm: 1.0 }`"),
    ("stages.transfer.use_ema=true", "`weight_average: { decay: 0.999 }`"),
    // fastai, Hugging Face.
    ("dataset.label_delim=' '", "`columns: { separator: \",\" }`"),
    ("dataset.problem_type=regression", "`target: number`"),
    // Ultralytics.
    ("dataset.path=pictures", "`directory`"),
    ("dataset.imgsz=160", "`image_size: 160`"),
    ("dataset.batch=16", "`batch_size: 32`"),
    ("dataset.workers=4", "`--threads N`"),
    ("dataset.nc=2", "the classes are the directories"),
    ("dataset.names=[a, b]", "the classes are the directories"),
    ("dataset.cache=ram", "decoded images are cached"),
    ("stages.transfer.lr0=0.01", "`optimizer: { adam: { learning_rate: 1e-3 } }`"),
    ("stages.transfer.cos_lr=true", "`schedule: { cosine: {} }`"),
    ("stages.transfer.warmup_epochs=3", "`warmup: { epochs: 1 }`"),
    ("stages.transfer.momentum=0.9", "`optimizer: { sgd: { momentum: 0.9 } }`"),
    ("model.pretrained=true", "`weights: imagenet`"),
    // timm.
    ("dataset.data_dir=pictures", "`directory`"),
    ("dataset.img_size=160", "`image_size: 160`"),
    ("model.drop_rate=0.2", "under `head`"),
    ("model.model_name=mobilenetv2_100", "`base: mobilenet_v2`"),
    ("stages.transfer.sched=cosine", "`schedule: { cosine: {} }`"),
    ("stages.transfer.smoothing=0.1", "`label_smoothing: 0.1`"),
    ("stages.transfer.clip_grad=1.0", "`gradient_clipping: { norm: 1.0 }`"),
    ("stages.transfer.model_ema=true", "`weight_average: { decay: 0.999 }`"),
    ("stages.transfer.mixup=0.2", "`mixing: { mix_up: { alpha: 0.2 } }`"),
    ("stages.transfer.llrd=0.8", "`layer_decay: 0.8`"),
    ("stages.transfer.bitfit=true", "`parameters: biases`"),
    ("stages.transfer.swa=true", "`soup: { epochs: 3 }`"),
    ("dataset.unlabelled=pictures", "`unlabeled: DIRECTORY`"),
    ("stages.transfer.distillation_type=soft", "`teacher: RUN`"),
    ("stages.transfer.teacher={ model: runs/a, alpha: 0.5 }", "`share: 0.5`"),
    ("stages.transfer.teacher={ model: runs/a, tau: 2 }", "`temperature: 2`"),
    ("mixup=0.2", "in a stage that trains"),
    // Hugging Face.
    ("dataset.per_device_train_batch_size=8", "`batch_size: 32`"),
    ("stages.transfer.num_train_epochs=3", "`epochs: 5`"),
    ("stages.transfer.weight_decay=0.01", "`optimizer: { adamw: { weight_decay: 0.004 } }`"),
    ("stages.transfer.lr_scheduler_type=linear", "`schedule: { cosine: {} }`"),
    ("stages.transfer.max_grad_norm=1.0", "`gradient_clipping: { norm: 1.0 }`"),
    ("stages.transfer.metric_for_best_model=accuracy", "`best_by: val/accuracy`"),
    // scikit-learn.
    ("dataset.test_size=0.2", "`split: { validation: 0.2, test: 0.1 }`"),
    ("dataset.random_state=0", "`seed` at the top level"),
    ("stages.transfer.max_iter=10", "`epochs: 5`"),
    // Keys of ours in the wrong place.
    ("epochs=3", "stages.NAME.train.epochs"),
    ("learning_rate=1e-3", "stages.NAME.train.optimizer.adam.learning_rate"),
    ("batch_size=16", "dataset.batch_size"),
    ("dropout=0.1", "model.head.dropout"),
    ("stages.transfer.batch_size=16", "dataset.batch_size"),
];

/// A line of the pipeline, what somebody writes in its place, and what the hint says.
const LINES: [(&str, &str, &str); 21] = [
    ("  transfer: { train: { epochs: 1 } }", "  - train: { epochs: 1 }", "give each stage a name"),
    ("{ train: { epochs: 1 } }", "{ epochs: 1 }", "`train: { epochs: … }`"),
    ("{ train: { epochs: 1 } }", "{ epochs: 1, best_by: val/loss }", "under `train`"),
    (
        "{ epochs: 1 }",
        "{ epochs: 1, optimizer: { adam: 1e-4 } }",
        "`adam: { learning_rate: 0.0001 }`",
    ),
    ("image_size: 32 }", "image_size: 32, split: 0.2 }", "`split: { validation: 0.2 }`"),
    ("{ train: { epochs: 1 } }", "{ train: 5 }", "`train: { epochs: 5 }`"),
    ("{ epochs: 1 }", "{ epochs: 1, early_stopping: 3 }", "`early_stopping: { patience: 3 }`"),
    ("dataset: {", "data: {", "`dataset`"),
    ("{ epochs: 1 }", "{ epochs: 1, optimizer: Adam }", "write `adam: {}` under `optimizer`"),
    (
        "{ epochs: 1 }",
        "{ epochs: 1, callbacks: [early_stopping] }",
        "`early_stopping: { patience: 5 }`",
    ),
    ("model:", "augmentation: [{ horizontal_flip: true }]\nmodel:", "`random_flip: horizontal`"),
    ("model:", "augmentation: [ColorJitter]\nmodel:", "`color_jitter: { brightness: 0.4"),
    ("model:", "augmentation: [{ scale: 0.5 }]\nmodel:", "`random_resized_crop: { scale"),
    ("model:", "augmentation: [{ brightness: 0.5 }]\nmodel:", "`color_jitter: { brightness: …"),
    ("model:", "augmentation: [GaussianBlur]\nmodel:", "`random_blur: { sigma: [0.1, 2]"),
    ("model:", "augmentation: [{ cutout: 0.5 }]\nmodel:", "`random_erasing: { probability"),
    ("model:", "augmentation: [AutoAugment]\nmodel:", "`rand_augment: { operations: 2"),
    ("model:", "augmentation: [TrivialAugmentWide]\nmodel:", "`trivial_augment: {}`"),
    ("model:", "augmentation: [{ grayscale: 0.1 }]\nmodel:", "`random_grayscale: { probability"),
    ("model:", "augmentation: [{ cutmix: 1.0 }]\nmodel:", "`mixing: { mix_up: {}, cut_mix: {} }`"),
    ("model:", "augmentation: [{ degrees: 15 }]\nmodel:", "`random_rotation: { factor: 0.1 }`"),
];

#[test]
fn usual_slips_have_the_right_suggestion() {
    let workshop = Workshop::new(PIPELINE, 2);
    let pipeline = workshop.text("small.yaml");
    for (given, wanted) in OVERRIDES {
        let said = alpaca_run(&["check", &pipeline, "-S", given]);
        assert_eq!(said.code, Some(1), "{given}: {}{}", said.out, said.err);
        let hints = said.err.lines().filter(|line| line.starts_with("hint: "));
        let hints: Vec<&str> = hints.collect();
        assert!(hints.iter().any(|hint| hint.contains(wanted)), "{given}: {wanted}: {}", said.err);
        assert!(!hints.iter().any(|hint| hint.contains("did you mean")), "{given}: {}", said.err);
    }
    // Another choice than that of the file.
    let with_adam = PIPELINE.replace("epochs: 1", "epochs: 1, optimizer: { adam: {} }");
    std::fs::write(&pipeline, with_adam).unwrap();
    let other = "stages.transfer.optimizer.sgd.learning_rate=0.1";
    let said = alpaca_run(&["check", &pipeline, "-S", other]);
    assert!(said.err.contains("`-S '….optimizer={ sgd: { … } }'`"), "{}", said.err);
    for (line, slip, wanted) in LINES {
        assert!(PIPELINE.contains(line), "{line}");
        std::fs::write(&pipeline, PIPELINE.replacen(line, slip, 1)).unwrap();
        let said = alpaca_run(&["check", &pipeline]);
        assert_eq!(said.code, Some(1), "{slip}: {}{}", said.out, said.err);
        assert!(said.err.contains(wanted), "{slip}: {wanted}: {}", said.err);
    }
}
