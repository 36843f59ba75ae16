//! `deployer roll release`: four services, a schedule and a one-off task as one release.

mod bundle;
mod faults;
mod makes;
mod moving;
mod parts;
mod refuses;
mod undoes;

use bundle::Bundle;
