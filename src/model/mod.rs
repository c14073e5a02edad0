//! The network as data: named layers with inferred shapes, their weights, and the cut into a frozen
//! and a trainable part. It does no arithmetic on activations.

pub mod architecture;
pub mod backbone;
mod convention;
pub mod cut;
pub mod fold;
pub mod freeze;
pub mod fuse;
pub mod graph;
pub mod imagenet;
pub mod initial;
pub mod network;
pub mod published;
pub mod ranges;
pub mod timm;
pub mod torchvision;
pub mod weights;
