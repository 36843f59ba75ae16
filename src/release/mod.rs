//! What to do about it. [`decide`] is the table, [`turn`] what it says; everything else here is what it reads: the records of flips
//! ([`record`], [`journal`]), the fence, the guard, and what a request means.

pub mod decide;
pub mod fence;
pub mod guard;
pub mod id;
pub mod intent;
pub mod invocation;
pub mod journal;
pub mod record;
pub mod refusal;
pub mod several;
pub mod times;
pub mod turn;
pub mod view;
pub mod why;
