mod auth;
mod calls;
mod lists;
mod streams;
mod upstream_faults;
