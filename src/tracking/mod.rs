//! Runs as other programs know them: the facts that all of them show, event files of TensorBoard, and the
//! interface of MLflow.

pub mod facts;
pub mod images;
pub mod mlflow;
mod record;
pub mod tensorboard;
