mod header;
mod leaving;
mod providers;
mod roles;
mod teams;
