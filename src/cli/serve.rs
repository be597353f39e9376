//! `gatekey serve`.
use super::{
    failure::Failure,
    opened::{self, Opened},
};
use crate::{
    app::{self, App, World},
    world::Shutdown,
};
use std::path::PathBuf;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

pub(super) async fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let config = opened::load(file)?;
    opened::log(config.server.log, "info");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::usage(format!(
            "server.listen = {listen}: {error}; choose another with GATEKEY_SERVER_LISTEN or in the file"
        ))
    })?;
    let opened = Opened::with(config).await?;
    let Opened { config, store, clock, entropy } = opened;
    let app = App::new(&config, World { store, clock, entropy }).await?;
    let base_url = &config.server.base_url;
    if let Some(path) = &app.setup_path {
        eprintln!(
            "Nobody can sign in yet. Within one hour, make the first account here:\n  {base_url}{path}"
        );
    }
    tracing::info!(%listen, %base_url, database = opened::place(&config), "ready");
    stop_on_signals(app.shutdown.clone())?;
    app::serve(listener, app).await;
    tracing::info!("stopped");
    Ok(())
}

/// The first signal ends well; the second ends at once.
pub(super) fn stop_on_signals(shutdown: Shutdown) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if !first {
                tracing::warn!("a second signal: stopping at once");
                std::process::exit(1);
            }
            first = false;
            tracing::info!(
                "stopping: no new calls; open streams may end (a second signal stops at once)"
            );
            shutdown.closing.cancel();
        }
    });
    Ok(())
}
