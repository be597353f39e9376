//! A fresh database for each test: SQLite, or the server that `GATEKEY_TEST_DATABASE` names.
use std::path::Path;

pub(crate) async fn database(folder: &Path, test: &str) -> String {
    let Some(server) = std::env::vars().find(|(name, _)| name == "GATEKEY_TEST_DATABASE") else {
        return format!("sqlite:{}", folder.join("gatekey.db").display());
    };
    create(&server.1, test).await
}

async fn create(server: &str, test: &str) -> String {
    let (admin, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let name = format!("it_{test}");
    let name = &name[..name.len().min(60)];
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}?sslmode=disable")
}
