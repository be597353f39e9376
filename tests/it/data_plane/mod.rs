mod auth;
mod calls;
mod lists;
mod openrouter;
mod streams;
mod upstream_faults;
