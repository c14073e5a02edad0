//! Integration tests, all in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on should say where, a skipped one that it was; test files need \
              no care, and a test binary has no outside"
)]

mod architecture;
mod asked;
mod augmentation;
mod batch_norm;
mod broken;
mod browser;
mod catalog;
mod datasets;
mod definitions;
mod diagnostics;
mod diff;
mod documents;
mod download;
mod drawn;
mod foreign;
mod images;
mod import;
mod measured;
mod places;
mod pretrained;
mod reference;
mod reproduce;
mod resizing;
mod resume;
mod reuse;
mod runs;
mod schema;
mod scratch;
mod support;
mod survey;
mod watch;
