//! A page whose beginning is each person's own and whose rest is everybody's: the rest is compressed once.
//!
//! Both are one gzip stream (RFC 1952): the beginning's blocks end at a whole byte (a flush of RFC 1951), the rest's follow, and
//! the check sums are combined.

use std::io::{Read, Result, Write};

use axum::body::{Body, Bytes};
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A gzip header without a name and without a time.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The rest of a page, ready to be sent. It is kept compressed alone: hardly a client takes anything else.
pub struct Packed {
    deflated: Bytes,
    crc: Crc,
}

impl Packed {
    /// Compresses the rest of a page.
    pub fn new(rest: &str) -> Result<Packed> {
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(rest.len() / 8), Compression::new(5));
        encoder.write_all(rest.as_bytes())?;
        let deflated = encoder.finish()?.into_boxed_slice().into();
        let mut crc = Crc::new();
        crc.update(rest.as_bytes());
        Ok(Packed { deflated, crc })
    }

    /// How much room it takes.
    pub fn size(&self) -> usize {
        self.deflated.len()
    }

    /// The page as it is.
    pub fn plain(&self, beginning: &str) -> Result<String> {
        let mut page = beginning.to_owned();
        DeflateDecoder::new(&self.deflated[..]).read_to_string(&mut page)?;
        Ok(page)
    }

    /// The page compressed, in parts: the rest is the same memory for everybody.
    fn gzip(&self, beginning: &str) -> Result<[Bytes; 3]> {
        let mut encoder = DeflateEncoder::new(HEADER.to_vec(), Compression::new(5));
        encoder.write_all(beginning.as_bytes())?;
        encoder.flush()?;
        let begins = std::mem::take(encoder.get_mut());
        let mut crc = Crc::new();
        crc.update(beginning.as_bytes());
        crc.combine(&self.crc);
        let end = [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat();
        Ok([begins.into(), self.deflated.clone(), end.into()])
    }

    /// The page compressed, as an answer's body, and its length.
    pub fn body(&self, beginning: &str) -> Result<(Body, usize)> {
        let parts = self.gzip(beginning)?;
        let length = parts.iter().map(Bytes::len).sum();
        Ok((Body::from_stream(futures::stream::iter(parts.map(Ok::<_, std::convert::Infallible>))), length))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    fn unpacked(page: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = flate2::bufread::GzDecoder::new(page);
        decoder.read_to_string(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty(), "one stream, and nothing behind it");
        text
    }

    #[test]
    fn both_parts_are_one_stream() {
        let rest = (0..5_000).map(|n| format!("<td>v1.{n}</td>")).collect::<String>();
        let packed = Packed::new(&rest).unwrap();
        for beginning in ["", "<html>", &"<p>somebody's own</p>".repeat(4_000)] {
            let whole = format!("{beginning}{rest}");
            assert_eq!(unpacked(&packed.gzip(beginning).unwrap().concat()), whole);
            assert_eq!(packed.plain(beginning).unwrap(), whole);
        }
        assert_eq!(unpacked(&Packed::new("").unwrap().gzip("all of it").unwrap().concat()), "all of it");
    }
}
