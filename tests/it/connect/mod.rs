mod abuses;
mod bearer;
mod consent;
mod limits;
mod link;
