mod admin;
mod apps;
mod own;
mod page;
