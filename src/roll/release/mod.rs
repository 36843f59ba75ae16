//! Several services as one release: all new, or all as before. Pure.
//!
//! The journal is on the revisions that a release registers, as tags ([`journal`]). At each look [`place`] says where every member
//! is, and [`decide`] says what comes next; [`course`] says what an invocation is to do at all, and [`parts`] which members take
//! part. Nothing is remembered between invocations but the tags.

pub mod course;
pub mod decide;
pub mod journal;
pub mod parts;
pub mod place;
