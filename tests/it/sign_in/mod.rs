mod accounts;
mod faults;
mod pages;
mod people;
