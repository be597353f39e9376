//! The store by itself: what it promises to every operation.
mod engine;
mod plans;
mod tables;
