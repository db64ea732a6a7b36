//! Every subcommand as a user meets it: what it prints, what it writes, and what it refuses to.
#![cfg(feature = "command")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod checkpoints;
mod config;
mod features;
mod images;
mod output;
mod support;
mod sweep;
mod train;
