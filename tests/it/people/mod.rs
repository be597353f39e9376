mod header;
mod leaving;
mod providers;
