//! The movie demo: films in a DynamoDB table, an API that reads it, pages that ask the API.

pub mod api;
pub mod layers;
pub mod movie;
pub mod serve;
pub mod table;
pub mod upstream;
pub mod web;
