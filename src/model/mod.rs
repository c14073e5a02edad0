//! The network as data: named layers with inferred shapes, their weights, and where they are cut
//! into a frozen and a trainable part. No arithmetic on activations happens here.

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
