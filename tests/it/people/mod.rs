mod header;
mod providers;
