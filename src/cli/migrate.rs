//! `gatekey migrate`.
use super::{
    failure::Failure,
    opened::{load, place, url},
};
use crate::store::Store;
use std::path::PathBuf;

pub(super) async fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let config = load(file)?;
    let failed = |error| Failure::failed(format!("server.database ({}): {error}", place(&config)));
    let store = Store::connect(&url(&config)).map_err(failed)?;
    let applied = store.migrate().await.map_err(failed)?;
    for name in &applied {
        println!("applied {name}");
    }
    if applied.is_empty() {
        println!("up to date");
    }
    Ok(())
}
