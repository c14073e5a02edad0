//! The network as data: named layers with inferred shapes, their weights, and the cut into a frozen
//! and a trainable part. It does no arithmetic on activations.

pub mod backbone;
pub mod cut;
pub mod fold;
pub mod freeze;
pub mod fuse;
pub mod graph;
pub mod imagenet;
pub mod initial;
pub mod mobilenet_v2;
pub mod network;
pub mod published;
pub mod weights;
