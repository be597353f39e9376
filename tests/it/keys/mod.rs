mod admin;
mod own;
mod page;
