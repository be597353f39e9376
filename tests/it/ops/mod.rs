mod alerts;
mod dashboards;
mod health;
mod restart;
mod sweep;
