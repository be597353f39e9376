//! Gatekey through its front door: real sockets, a turned clock, on SQLite; and on Postgres where
//! `GATEKEY_TEST_DATABASE` names a server (`tests/postgres.sh` starts one).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod cli;
mod config;
mod connect;
mod data_plane;
mod keys;
mod limits;
mod ops;
mod people;
mod routes;
mod sign_in;
mod spend;
mod store;
mod support;
