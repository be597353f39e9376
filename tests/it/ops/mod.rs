mod health;
mod restart;
mod sweep;
