//! From a snapshot to what the page shows. Pure: the same snapshot, order, filter and time give the same page.

mod cell;
mod columns;
mod filter;
mod matrix;

pub use cell::{Cell, Stage, minute, since};
pub use filter::Filter;
pub use matrix::{Ages, Matrix, freshness, matrix};
