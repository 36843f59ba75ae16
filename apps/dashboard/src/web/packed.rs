//! A page whose beginning is each person's own and whose rest is everybody's: the rest is compressed once.
//!
//! Both are one gzip stream (RFC 1952): the beginning's blocks end at a whole byte (a flush of RFC 1951), the rest's follow, and
//! the check sums are combined.

use std::io::{Result, Write};

use axum::body::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A gzip header without a name and without a time.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The rest of a page, ready to be sent.
pub struct Packed {
    plain: String,
    deflated: Vec<u8>,
    crc: Crc,
}

impl Packed {
    /// Compresses the rest of a page.
    pub fn new(plain: String) -> Result<Packed> {
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::new(5));
        encoder.write_all(plain.as_bytes())?;
        let deflated = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(plain.as_bytes());
        Ok(Packed { plain, deflated, crc })
    }

    /// How much room it takes.
    pub fn size(&self) -> usize {
        self.plain.len() + self.deflated.len()
    }

    /// The page as it is.
    pub fn plain(&self, beginning: &str) -> Bytes {
        [beginning, &self.plain].concat().into()
    }

    /// The page compressed.
    pub fn gzip(&self, beginning: &str) -> Result<Bytes> {
        let mut encoder = DeflateEncoder::new(HEADER.to_vec(), Compression::new(5));
        encoder.write_all(beginning.as_bytes())?;
        encoder.flush()?;
        let mut page = std::mem::take(encoder.get_mut());
        page.extend_from_slice(&self.deflated);
        let mut crc = Crc::new();
        crc.update(beginning.as_bytes());
        crc.combine(&self.crc);
        page.extend_from_slice(&crc.sum().to_le_bytes());
        page.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(page.into())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use std::io::Read;

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
        let packed = Packed::new(rest.clone()).unwrap();
        for beginning in ["", "<html>", &"<p>somebody's own</p>".repeat(4_000)] {
            let whole = format!("{beginning}{rest}");
            assert_eq!(unpacked(&packed.gzip(beginning).unwrap()), whole);
            assert_eq!(packed.plain(beginning), whole);
        }
        assert_eq!(unpacked(&Packed::new(String::new()).unwrap().gzip("all of it").unwrap()), "all of it");
    }
}
