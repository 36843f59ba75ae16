//! `roll render`: a template as JSON, offline.

use blue_green::roll::definition::check;
use blue_green::roll::image::put;

use super::args::RenderArgs;
use super::failure::RollFailure;
use super::prepare::rendered;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub fn run(args: &RenderArgs) -> Result<Exit, Failure> {
    let mut document = rendered(&args.template, &args.set)?;
    put(&mut document, &args.image).map_err(RollFailure::from)?;
    check(&document).map_err(RollFailure::from)?;
    output::json(&document)?;
    Ok(Exit::Done)
}
