//! Gatekey turns a company sign-in into an LLM API key, and then guards that key.
//!
//! ```text
//! app ──link──▶ connect ──▶ signin ──▶ idp ──▶ session ──▶ consent ──▶ grant + key ──▶ app
//! app ──key───▶ guard ──▶ proxy ──▶ upstream ──▶ the answer, streamed; its usage booked
//! ```
//! Floors, from the ground: [`model`] decides and touches nothing; [`world`] is time, chance and other
//! servers; [`config`] and [`store`] know what was set and what was kept; [`guard`], [`idp`] and [`web`] say
//! who is there; [`signin`], [`connect`], [`manage`], [`proxy`] and [`console`] are what the outside sees;
//! [`app`] puts them together, and [`cli`] starts it. `tests/floor_plan.rs` holds this against the source.
pub mod alerts;
pub mod app;
pub mod cli;
pub mod config;
pub mod connect;
pub mod console;
pub mod guard;
pub mod idp;
pub mod manage;
pub mod model;
pub mod proxy;
pub mod signin;
pub mod store;
pub mod web;
pub mod world;
